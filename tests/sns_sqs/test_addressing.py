"""Which header a client's message gets."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.sns_sqs.addressing import (
    attribute_text,
    destination_worker,
    is_broadcast,
    protocol_version_of,
    question_id,
    subject_of,
    worker_of,
)
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    initialize_request,
    notification,
    plain_request,
    request,
)


def response(request_id: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=request_id, result={})


def failure(request_id: Any) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=1, message="no"))


def test_the_id_of_a_workers_question_leads_back_to_the_worker() -> None:
    asked = question_id("0123abcd", "token", 5)

    assert (asked, worker_of(asked)) == ("w0123abcd:5", "0123abcd")


def test_the_id_of_a_question_without_a_control_queue_names_no_worker() -> None:
    asked = question_id(None, "token", 5)

    assert (asked, worker_of(asked)) == ("qtoken:5", None)


@pytest.mark.parametrize("worker_id", ["0123abcd", None])
def test_the_id_of_a_question_never_reads_as_a_number(worker_id: str | None) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        int(question_id(worker_id, "12345678", 1))


@pytest.mark.parametrize(
    "other", [None, 5, "5", "w123:5", "w0123abcd:", "xw0123abcd:5", "w0123ABCD:5"]
)
def test_other_ids_name_no_worker(other: Any) -> None:
    assert worker_of(other) is None


@pytest.mark.parametrize(
    ("message", "worker_id"),
    [
        (response("w0123abcd:5"), "0123abcd"),
        (failure("w0123abcd:5"), "0123abcd"),
        (notification("notifications/progress", progressToken="w0123abcd:5"), "0123abcd"),
        (notification("notifications/cancelled", requestId="w0123abcd:5"), None),
        (response(5), None),
        (failure(None), None),
        (request("w0123abcd:5", "ping"), None),
    ],
)
def test_an_answer_and_its_progress_go_to_the_worker_that_asked(
    message: JSONRPCMessage, worker_id: str | None
) -> None:
    assert destination_worker(message) == worker_id


@pytest.mark.parametrize(
    ("message", "broadcast"),
    [
        (notification("notifications/cancelled", requestId=1), True),
        (notification("notifications/progress", progressToken=1), False),
        (request(1, "notifications/cancelled"), False),
    ],
)
def test_only_a_cancellation_goes_to_every_worker(message: JSONRPCMessage, broadcast: bool) -> None:
    assert is_broadcast(message) == broadcast


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (request(7, "ping"), 7),
        (response("seven"), "seven"),
        (failure(None), None),
        (notification("notifications/cancelled", requestId=7, reason="late"), 7),
        (notification("notifications/progress", progressToken="seven"), "seven"),
        (notification("notifications/cancelled"), None),
        (notification("notifications/initialized"), None),
        (JSONRPCNotification(jsonrpc="2.0", method="notifications/progress"), None),
    ],
)
def test_a_message_is_about_the_request_it_is_answers_cancels_or_reports_on(
    message: JSONRPCMessage, subject: Any
) -> None:
    assert subject_of(message) == subject


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        ("seven", "seven"),
        ("日本", "日本"),
        ("", None),
        ("a\tb", None),
        ("a\nb", None),
        ("🚀", None),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
    ],
)
def test_an_attribute_carries_what_sns_takes_and_nothing_else(
    value: object, text: str | None
) -> None:
    assert attribute_text(value) == text


@pytest.mark.parametrize(
    ("message", "version"),
    [
        (request(1, "ping"), MODERN),
        (initialize_request(1), HANDSHAKE),
        (plain_request(1, "tools/list", {"protocolVersion": HANDSHAKE}), None),
        (plain_request(1, "ping", {"_meta": {"progressToken": 1}}), None),
        (JSONRPCRequest(jsonrpc="2.0", id=1, method="ping"), None),
        (response(1), None),
    ],
)
def test_the_protocol_version_is_the_one_that_the_body_names(
    message: JSONRPCMessage, version: str | None
) -> None:
    assert protocol_version_of(message) == version

"""Which of the messages for a client are delivered."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.sns_sqs.inbox import ANSWERED_COUNT, OUTSTANDING_COUNT, MemoryInbox
from asyncmcp_nb.wire import Header, Incoming
from tests.helpers import notification

MINE = "a" * 32
OTHER = "b" * 32


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox(MINE)


def answer(request_id: Any, connection_id: str | None = MINE) -> Incoming:
    message = JSONRPCResponse(jsonrpc="2.0", id=request_id, result={})
    return incoming(message, connection_id)


def incoming(message: JSONRPCMessage, connection_id: str | None = MINE) -> Incoming:
    return Incoming(message, Header(connection_id=connection_id), 1)


def counts(inbox: MemoryInbox) -> tuple[int, int, int]:
    return inbox.duplicate_count, inbox.unsolicited_count, inbox.refused_count


def test_an_answer_that_is_expected_is_delivered_once(inbox: MemoryInbox) -> None:
    inbox.expect("1")

    assert inbox.record([answer(1), answer(1)]) == [True, False]
    assert inbox.record([answer(1)]) == [False]
    assert counts(inbox) == (2, 0, 0)


def test_an_error_is_an_answer_too(inbox: MemoryInbox) -> None:
    inbox.expect("1")
    error = JSONRPCError(jsonrpc="2.0", id=1, error=ErrorData(code=1, message="no"))

    assert inbox.record([incoming(error), incoming(error)]) == [True, False]


def test_an_answer_to_nothing_is_counted_and_not_delivered(inbox: MemoryInbox) -> None:
    assert inbox.record([answer(7)]) == [False]
    assert counts(inbox) == (0, 1, 0)


@pytest.mark.parametrize("connection_id", [OTHER, None])
def test_nothing_of_another_connection_is_delivered(
    inbox: MemoryInbox, connection_id: str | None
) -> None:
    inbox.expect("1")
    note = incoming(notification("notifications/message"), connection_id)

    assert inbox.record([answer(1, connection_id), note]) == [False, False]
    assert counts(inbox) == (0, 2, 0)
    assert inbox.record([answer(1)]) == [True]


def test_notifications_of_this_connection_are_delivered_each_time(inbox: MemoryInbox) -> None:
    note = incoming(notification("notifications/message"))

    assert inbox.record([note, note]) == [True, True]


def test_what_cannot_be_read_is_counted(inbox: MemoryInbox) -> None:
    inbox.refuse(Delivery("r1", "x", {}), "body is not JSON")

    assert counts(inbox) == (0, 0, 1)


def test_only_so_many_answers_are_remembered(inbox: MemoryInbox) -> None:
    for number in range(ANSWERED_COUNT + 1):
        inbox.expect(str(number))
        inbox.record([answer(number)])

    inbox.record([answer(0), answer(1)])

    assert counts(inbox) == (1, 1, 0)


def test_only_so_many_requests_without_an_answer_are_remembered(inbox: MemoryInbox) -> None:
    for number in range(OUTSTANDING_COUNT + 1):
        inbox.expect(str(number))

    assert inbox.record([answer(0), answer(1)]) == [False, True]

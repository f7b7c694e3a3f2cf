"""What the ``asyncmcp`` package's servers are told, and what their messages mean: no transport."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.sns_sqs.addressing import subject_of
from asyncmcp_nb.sns_sqs.dialect import from_asyncmcp, named_reply_topic, to_asyncmcp
from asyncmcp_nb.wire import Header, Incoming, decode, encode
from asyncmcp_nb.wire.attributes import to_attributes
from tests.helpers import HANDSHAKE, initialize_request, notification, plain_request

MINE = "a" * 32
EARLIER = "b" * 32
SESSION = "5e551011"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:demo-client-alice"

OURS = Header(
    protocol_version=HANDSHAKE,
    client_id="alice",
    connection_id=MINE,
    request_id="7",
    method="tools/call",
    session_id=SESSION,
    worker_id="0123abcd",
    timestamp=1.0,
)

request_ids = st.integers() | st.text(max_size=20)


def told(message: JSONRPCMessage, header: Header = OURS) -> tuple[Any, Header]:
    return to_asyncmcp(message, header, reply_topic_arn=TOPIC)


def heard(message: JSONRPCMessage, **header: Any) -> Incoming:
    incoming = Incoming(message, Header(session_id=SESSION, **header), 1)
    return from_asyncmcp(incoming, MINE, SESSION)


def response(request_id: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=request_id, result={})


def failure(request_id: Any) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=1, message="no"))


@pytest.mark.parametrize("answer", [response, failure])
@given(request_id=request_ids)
def test_an_answer_leads_back_to_the_id_and_the_connection_that_asked(
    answer: Any, request_id: Any
) -> None:
    asked, _ = told(plain_request(request_id, "tools/call"))

    incoming = heard(answer(asked.id))

    assert incoming.message == answer(request_id)
    assert type(subject_of(incoming.message)) is type(request_id)
    assert incoming.header.connection_id == MINE


@given(token=request_ids)
def test_progress_leads_back_to_the_token_that_was_given(token: Any) -> None:
    call = plain_request(7, "tools/call", {"name": "t", "_meta": {"progressToken": token, "k": 1}})
    asked, _ = told(call)
    sent = asked.params["_meta"]

    incoming = heard(
        notification("notifications/progress", progressToken=sent["progressToken"], progress=1)
    )

    assert sent["k"] == 1
    assert subject_of(incoming.message) == token
    assert incoming.header.connection_id == MINE


@given(mine=request_ids, other=request_ids)
def test_two_requests_have_one_id_on_the_wire_only_if_they_are_one(mine: Any, other: Any) -> None:
    sent = [told(plain_request(request_id, "ping"))[0].id for request_id in (mine, other)]
    earlier, _ = told(plain_request(mine, "ping"), Header(connection_id=EARLIER))

    assert (sent[0] == sent[1]) == ((type(mine), mine) == (type(other), other))
    assert earlier.id not in sent


def test_a_request_goes_out_with_the_attributes_that_the_package_knows() -> None:
    message, header = told(plain_request(7, "tools/call", {"name": "t"}))

    assert to_attributes(header) == {
        "MessageType": "jsonrpc",
        "ClientId": "alice",
        "SessionId": SESSION,
        "Method": "tools/call",
        "RequestId": message.id,
        "Timestamp": "1.000",
    }


def test_what_crosses_the_wire_is_read_as_it_was_written() -> None:
    params: dict[str, Any] = {
        "name": "t",
        "arguments": {"none": None, "text": "日本", "big": 2**60},
    }
    message, header = told(plain_request("call-1", "tools/call", params))

    outgoing = encode(message, header, limit_bytes=10_000)

    assert decode(outgoing.body, outgoing.attributes).message == message
    assert message.params == params


def test_a_cancellation_names_its_request_as_the_server_knows_it() -> None:
    asked, _ = told(plain_request(7, "tools/call"))

    cancelled, header = told(notification("notifications/cancelled", requestId=7, reason="done"))

    assert cancelled.params == {"requestId": asked.id, "reason": "done"}
    assert header.request_id is None


@pytest.mark.parametrize(
    "message",
    [response(3), failure("x"), notification("notifications/initialized")],
    ids=["answer", "error", "notification"],
)
def test_answers_to_its_questions_and_other_notifications_stay_as_they_are(
    message: JSONRPCMessage,
) -> None:
    same, header = told(message)

    assert same == message
    assert (header.connection_id, header.request_id, header.worker_id) == (None, None, None)


def test_a_handshake_names_the_reply_topic_for_each_version_of_the_package() -> None:
    message = initialize_request(0)
    assert message.params is not None
    message.params["_meta"] = {"k": 1}

    sent, header = told(message)

    assert sent.params["client_topic_arn"] == TOPIC
    assert sent.params["_meta"] == {"k": 1, "clientTopicArn": TOPIC}
    assert sent.params["protocolVersion"] == HANDSHAKE
    assert header.protocol_version is None
    assert named_reply_topic(sent.params) == TOPIC


def test_a_request_without_params_gets_none() -> None:
    sent, _ = told(JSONRPCRequest(jsonrpc="2.0", id=1, method="ping"))

    assert "params" not in sent.model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    "wire_id",
    [
        7,
        "7",
        "server-error",
        f"{MINE}7",
        f"{MINE}:",
        f"{MINE}:x",
        f"{MINE}:1.5",
        f"{MINE}:true",
        f"{MINE}:null",
        f"{MINE}:[1]",
        f"{MINE}:" + "[" * 100_000,
        f"{MINE}:" + "9" * 5_000,
        f"{MINE[:-1]}:7",
        f"{MINE.upper()}:7",
    ],
    ids=lambda wire_id: str(wire_id)[:40],
)
def test_an_answer_under_any_other_id_is_nobodys(wire_id: Any) -> None:
    for message in (
        response(wire_id),
        notification("notifications/progress", progressToken=wire_id, progress=1),
    ):
        incoming = heard(message, connection_id=MINE, request_id="7", sequence=0)

        assert incoming.message == message
        assert incoming.header.connection_id is None
        assert (incoming.header.request_id, incoming.header.sequence) == (None, None)


def test_an_answer_of_an_earlier_connection_is_that_connections() -> None:
    asked, _ = told(plain_request(7, "tools/call"), Header(connection_id=EARLIER))

    assert heard(response(asked.id)).header.connection_id == EARLIER


@pytest.mark.parametrize(
    "message",
    [
        plain_request(0, "elicitation/create"),
        notification("notifications/message", level="info", data="x"),
        notification("notifications/cancelled", requestId=0),
    ],
    ids=["question", "log", "withdrawn question"],
)
@pytest.mark.parametrize(
    ("session_id", "current", "owner"),
    [(SESSION, SESSION, MINE), ("other", SESSION, None), (None, None, None), (None, SESSION, None)],
)
def test_what_names_no_request_belongs_to_the_session_that_it_names(
    message: JSONRPCMessage, session_id: str | None, current: str | None, owner: str | None
) -> None:
    header = Header(session_id=session_id, connection_id=EARLIER)

    incoming = from_asyncmcp(Incoming(message, header, 1), MINE, current)

    assert incoming.message == message
    assert incoming.header.connection_id == owner


@pytest.mark.parametrize(
    ("params", "topic"),
    [
        ({"client_topic_arn": "t"}, "t"),
        ({"_meta": {"clientTopicArn": "t"}}, "t"),
        ({"client_topic_arn": "t", "_meta": {"clientTopicArn": "u"}}, "t"),
        ({"client_topic_arn": ""}, None),
        ({"client_topic_arn": 5}, None),
        ({"client_topic_arn": ["t"]}, None),
        ({"_meta": None}, None),
        ({"_meta": {"clientTopicArn": {}}}, None),
        ({"clientTopicArn": "t"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_reply_topic_is_a_string_in_one_of_two_places(
    params: dict[str, Any] | None, topic: str | None
) -> None:
    assert named_reply_topic(params) == topic


def test_progress_without_a_token_is_nobodys() -> None:
    message = JSONRPCNotification(jsonrpc="2.0", method="notifications/progress", params={})

    assert from_asyncmcp(Incoming(message, Header(), 1), MINE, None).header.connection_id is None

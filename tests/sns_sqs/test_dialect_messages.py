"""A client's end whose servers are of the ``asyncmcp`` package; such a server is played by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, ConfigError, PayloadTooLarge
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.dialect_messages import AsyncmcpMessages
from asyncmcp_nb.sns_sqs.inbox import MemoryInbox
from asyncmcp_nb.wire import Header, Incoming, encode
from tests.helpers import (
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawServer,
    initialize_request,
    notification,
    plain_request,
)

OWN = "client-alice-own"
"""Topic and queue of the client."""
MINE = "a" * 32
EARLIER = "b" * 32


class Peer:
    """Such a server: it echoes ids, and says the session's id."""

    def __init__(self, memory: MemoryDeployment) -> None:
        self._memory = memory
        self._raw = RawServer(memory)

    def take(self) -> Incoming:
        (incoming,) = self._raw.take()
        return incoming

    def say(self, message: JSONRPCMessage, session_id: str | None = "s1") -> None:
        outgoing = encode(message, Header(session_id=session_id), limit_bytes=10_000)
        self._memory.bus.publish(OWN, [outgoing])

    def answer(self, asked: Incoming, session_id: str | None = "s1", **result: Any) -> None:
        assert isinstance(asked.message, JSONRPCRequest)
        answer = JSONRPCResponse(jsonrpc="2.0", id=asked.message.id, result=result)
        self.say(answer, session_id)


class Seat:
    """A client's link, what it delivered, and what became of what it posted."""

    def __init__(self, memory: MemoryDeployment) -> None:
        self.bus = memory.bus
        self.delivered: list[Incoming] = []
        self.errors: list[BusError | None] = []
        config = SnsSqsTransportConfig(
            sqs_queue_url=OWN,
            sns_topic_arn=REQUESTS,
            client_id="alice",
            dialect="asyncmcp",
            reply_topic_arn=OWN,
            message_limit_bytes=10_000,
            ack_linger_seconds=0.0,
        )
        self.inbox = MemoryInbox(MINE)
        self.link = ClientLink(
            memory.bus, config, self.delivered.append, inbox=self.inbox, connection_id=MINE
        )
        self.link.start()

    def post(self, message: JSONRPCMessage, **more: Any) -> int:
        return self.link.post(message, self.errors.append, **more)

    def await_delivered(self, count: int) -> list[Incoming]:
        self.bus.wait_until(lambda: len(self.delivered) >= count)
        return self.delivered

    def await_read(self) -> None:
        """Wait until all that was sent to this client is acknowledged."""
        self.bus.wait_until(lambda: self.bus.depth(OWN) == 0)


@pytest.fixture
def seat(memory: MemoryDeployment) -> Iterator[Seat]:
    memory.bus.create_topic(OWN)
    memory.bus.create_queue(OWN)
    memory.bus.subscribe(OWN, OWN)
    made = Seat(memory)
    yield made
    made.link.close()


@pytest.fixture
def peer(memory: MemoryDeployment) -> Peer:
    return Peer(memory)


@pytest.fixture
def session(seat: Seat, peer: Peer) -> Seat:
    """The same seat, with a session open."""
    seat.post(initialize_request(1))
    peer.answer(peer.take())
    seat.await_delivered(1)
    seat.delivered.clear()
    return seat


def test_the_answer_to_the_handshake_opens_the_session(seat: Seat, peer: Peer) -> None:
    seat.post(initialize_request(1))
    asked = peer.take()
    peer.answer(asked, protocolVersion="2025-06-18")
    (opened,) = seat.await_delivered(1)
    seat.post(notification("notifications/initialized"))
    after = peer.take()

    assert isinstance(asked.message, JSONRPCRequest)
    assert (asked.message.params or {})["client_topic_arn"] == OWN
    assert asked.header.session_id is None
    assert isinstance(opened.message, JSONRPCResponse)
    assert opened.message.id == 1
    assert after.header.session_id == "s1"
    assert after.header.protocol_version is None


def test_a_second_session_of_one_handshake_is_left_alone(seat: Seat, peer: Peer) -> None:
    seat.post(initialize_request(1))
    asked = peer.take()
    peer.answer(asked, "s1")
    seat.await_delivered(1)
    peer.answer(asked, "s2")
    seat.await_read()
    seat.post(plain_request(2, "ping"))

    assert peer.take().header.session_id == "s1"
    assert len(seat.delivered) == 1


def test_of_two_sessions_of_one_handshake_the_first_that_is_read_counts(
    memory: MemoryDeployment,
) -> None:
    """Pollers read side by side; what is read first need not be recorded first."""
    config = SnsSqsTransportConfig(
        sqs_queue_url=OWN, sns_topic_arn=REQUESTS, dialect="asyncmcp", reply_topic_arn=OWN
    )
    messages = AsyncmcpMessages(memory.bus, config, connection_id=MINE, reply_topic_arn=OWN)
    asked = messages.write(initialize_request(1), Header(connection_id=MINE), REQUESTS)
    wire_id = json.loads(asked.body)["id"]

    owners = [
        messages.read(opening(wire_id, session)).header.connection_id
        for session in ("s1", "s2", "s1")
    ]

    assert owners == [MINE, None, MINE]


def opening(wire_id: str, session_id: str) -> Delivery:
    answer = JSONRPCResponse(jsonrpc="2.0", id=wire_id, result={})
    outgoing = encode(answer, Header(session_id=session_id), limit_bytes=10_000)
    return Delivery("receipt", outgoing.body, outgoing.attributes, 1, "m")


def test_an_answer_is_delivered_under_the_id_that_was_asked(session: Seat, peer: Peer) -> None:
    ids: list[int | str] = [7, "x"]
    for request_id in ids:
        session.post(plain_request(request_id, "ping"))
    for asked in [peer.take(), peer.take()]:
        peer.answer(asked)

    delivered = [incoming.message for incoming in session.await_delivered(2)]

    assert delivered == [JSONRPCResponse(jsonrpc="2.0", id=i, result={}) for i in ids]


def test_an_answer_that_comes_twice_is_delivered_once(session: Seat, peer: Peer) -> None:
    session.post(plain_request(7, "ping"))
    asked = peer.take()
    peer.answer(asked)
    peer.answer(asked)

    session.bus.wait_until(lambda: session.inbox.duplicate_count == 1)
    assert len(session.delivered) == 1


def test_a_cancellation_is_sent_once_and_under_the_requests_id(session: Seat, peer: Peer) -> None:
    session.post(plain_request(7, "tools/call"))
    asked = peer.take()
    session.post(notification("notifications/cancelled", requestId=7))
    cancelled = peer.take()
    session.post(plain_request(8, "ping"))

    assert isinstance(asked.message, JSONRPCRequest)
    assert getattr(cancelled.message, "params", None) == {"requestId": asked.message.id}
    assert (cancelled.header.worker_id, cancelled.header.session_id) == (None, "s1")
    assert getattr(peer.take().message, "method", None) == "ping"


def test_progress_and_logs_reach_the_session_and_those_of_others_do_not(
    session: Seat, peer: Peer
) -> None:
    call = {"name": "t", "_meta": {"progressToken": "call-1"}}
    session.post(plain_request("call-1", "tools/call", call))
    asked = peer.take()
    token = getattr(asked.message, "params", {})["_meta"]["progressToken"]

    peer.say(notification("notifications/progress", progressToken="call-1", progress=1))
    peer.say(notification("notifications/message", level="info", data="theirs"), "s2")
    peer.say(notification("notifications/progress", progressToken=token, progress=1))
    peer.say(notification("notifications/message", level="info", data="ours"))
    progress, log = session.await_delivered(2)
    session.await_read()

    assert getattr(progress.message, "params", {})["progressToken"] == "call-1"
    assert progress.header.request_id == "call-1"
    assert getattr(log.message, "params", {})["data"] == "ours"
    assert len(session.delivered) == 2
    assert session.inbox.unsolicited_count == 2


def test_a_question_of_the_session_is_answered_in_it(session: Seat, peer: Peer) -> None:
    peer.say(plain_request(0, "elicitation/create"))
    (question,) = session.await_delivered(1)
    session.post(JSONRPCResponse(jsonrpc="2.0", id=0, result={"action": "accept"}))

    answer = peer.take()
    assert question.message == plain_request(0, "elicitation/create")
    assert answer.message == JSONRPCResponse(jsonrpc="2.0", id=0, result={"action": "accept"})
    assert (answer.header.session_id, answer.header.worker_id) == ("s1", None)


def test_a_question_of_another_session_is_refused_in_that_session(
    session: Seat, peer: Peer
) -> None:
    peer.say(plain_request(0, "elicitation/create"), "s0")

    refusal = peer.take()
    assert isinstance(refusal.message, JSONRPCError)
    assert (refusal.message.id, refusal.header.session_id) == (0, "s0")
    assert session.delivered == []


def test_a_question_that_names_no_session_is_not_answered_in_ours(
    session: Seat, peer: Peer
) -> None:
    peer.say(plain_request(0, "elicitation/create"), None)
    session.await_read()
    session.post(plain_request(7, "ping"))

    assert getattr(peer.take().message, "method", None) == "ping"
    assert session.delivered == []


def test_an_answer_of_an_earlier_connection_is_not_delivered_to_this_one(
    session: Seat, peer: Peer
) -> None:
    session.post(plain_request(7, "ping"), connection_id=EARLIER)
    earlier = peer.take()
    session.post(plain_request(7, "ping"))
    peer.take()
    peer.answer(earlier)

    session.bus.wait_until(lambda: session.inbox.unsolicited_count == 1)
    assert earlier.header.session_id is None
    assert session.delivered == []


def test_what_the_package_could_not_read_is_not_sent(session: Seat) -> None:
    with pytest.raises(PayloadTooLarge, match="reads neither"):
        session.post(plain_request(7, "tools/call", {"name": "t", "text": "x" * 20_000}))

    assert session.bus.depth(SERVER_QUEUE) == 0


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"reply_topic_arn": None}, "reply_topic_arn goes with the dialect"),
        ({"dialect": "asyncmcp-nb"}, "reply_topic_arn goes with the dialect"),
        ({"dialect": "other"}, "dialect: one of asyncmcp-nb, asyncmcp"),
        ({"signing_keys": ("env:KEY",)}, "do not sign"),
        ({"sns_topic_arn": "requests.fifo"}, "use standard queues"),
    ],
)
def test_what_the_package_does_not_have_is_refused(settings: Any, reason: str) -> None:
    defaults: dict[str, Any] = {
        "sqs_queue_url": OWN,
        "sns_topic_arn": REQUESTS,
        "dialect": "asyncmcp",
        "reply_topic_arn": OWN,
    }

    with pytest.raises(ConfigError, match=reason):
        SnsSqsTransportConfig(**(defaults | settings))

"""A client's end, without an event loop; the server is played by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.bus import Delivery, Faults
from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import (
    BusClosed,
    BusDenied,
    BusError,
    BusUnavailable,
    ConfigError,
    EncodeError,
    PayloadTooLarge,
)
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.inbox import MemoryInbox
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.sequence import first_sequence
from asyncmcp_nb.wire import Incoming, Outgoing
from asyncmcp_nb.wire.attributes import to_attributes
from asyncmcp_nb.wire.claim_check import Pointer, pointer_body
from asyncmcp_nb.wire.codec import Seal
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawServer,
    initialize_request,
    notification,
    plain_request,
    request,
    tool_call,
)

QUEUE = "client-alice"


class Seat:
    """A link with what it delivered and what became of what it posted."""

    def __init__(self, memory: MemoryDeployment, **settings: Any) -> None:
        self.bus = memory.bus
        self.delivered: list[Incoming] = []
        self.inbox = MemoryInbox("a" * 32)
        self.link = ClientLink(
            memory.bus,
            memory.client(**settings),
            self.delivered.append,
            inbox=self.inbox,
            connection_id="a" * 32,
        )
        self.errors: list[BusError | None] = []
        self.link.start()

    def post(self, message: JSONRPCMessage, **more: Any) -> int:
        return self.link.post(message, self.errors.append, **more)

    @property
    def messages(self) -> list[JSONRPCMessage]:
        return [incoming.message for incoming in self.delivered]

    @property
    def methods(self) -> list[Any]:
        return [getattr(message, "method", "answer") for message in self.messages]

    def await_delivered(self, count: int) -> None:
        self.bus.wait_until(lambda: len(self.delivered) >= count)

    def await_read(self) -> None:
        """Wait until all that was sent to this client is acknowledged."""
        self.bus.wait_until(lambda: self.bus.depth(QUEUE) == 0)


SitDown = Callable[..., Seat]


@pytest.fixture
def sit_down(memory: MemoryDeployment) -> Generator[SitDown]:
    seats: list[Seat] = []

    def make(**settings: Any) -> Seat:
        seats.append(Seat(memory, **settings))
        return seats[-1]

    yield make
    for seat in seats:
        seat.link.close()


@pytest.fixture
def seat(sit_down: SitDown) -> Seat:
    return sit_down()


@pytest.fixture
def server(memory: MemoryDeployment) -> RawServer:
    return RawServer(memory)


# -- out -------------------------------------------------------------------------------------------


def test_a_request_goes_out_with_its_return_address(seat: Seat, server: RawServer) -> None:
    message = tool_call(7, "echo", {"text": "naïve", "none": None})

    size = seat.post(message)

    (incoming,) = server.take()
    header = incoming.header
    assert incoming.message == message
    assert incoming.size_bytes == size
    assert (header.client_id, header.connection_id) == ("alice", "a" * 32)
    assert (header.request_id, header.method, header.protocol_version) == (
        "7",
        "tools/call",
        MODERN,
    )
    assert (header.session_id, header.worker_id, header.sequence) == (None, None, None)
    seat.bus.wait_until(lambda: seat.errors == [None])


def test_the_queues_name_is_the_return_address_unless_another_is_given(
    memory: MemoryDeployment,
) -> None:
    config = memory.client("bob", client_id=None)

    link = ClientLink(memory.bus, config, lambda _: None)

    assert (link.client_id, len(link.connection_id)) == ("client-bob", 32)
    link.close()


@pytest.mark.parametrize("client_id", ["a b", "é", "*", "", "x" * 81])
def test_a_return_address_that_no_attribute_can_carry_is_refused(
    memory: MemoryDeployment, client_id: str
) -> None:
    config = memory.client("bob", client_id=client_id or None, sqs_queue_url=f"queues/{client_id}")

    with pytest.raises(ConfigError, match="client id"):
        ClientLink(memory.bus, config, lambda _: None)


def test_two_links_have_two_connections(memory: MemoryDeployment) -> None:
    links = [ClientLink(memory.bus, memory.client(), lambda _: None) for _ in range(2)]

    assert links[0].connection_id != links[1].connection_id
    for link in links:
        link.close()


def test_an_id_that_no_attribute_can_carry_travels_in_the_body_alone(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request("id\n🚀", "ping"))

    (incoming,) = server.take()
    assert isinstance(incoming.message, JSONRPCRequest)
    assert (incoming.message.id, incoming.header.request_id) == ("id\n🚀", None)


def test_a_cancellation_goes_to_the_common_queue_and_to_every_worker(
    seat: Seat, server: RawServer, memory: MemoryDeployment
) -> None:
    workers = [memory.server(), memory.server()]
    message = notification("notifications/cancelled", requestId=7, reason="late")

    seat.post(message)

    queues = [SERVER_QUEUE, *[memory.control_queue(worker) for worker in workers]]
    taken = [server.take(queue=queue)[0] for queue in queues]
    assert [incoming.message for incoming in taken] == [message] * 3
    assert [incoming.header.request_id for incoming in taken] == ["7"] * 3
    seat.bus.wait_until(lambda: seat.errors == [None])


@pytest.mark.parametrize("kind", ["answer", "progress"])
def test_an_answer_to_a_workers_question_goes_to_that_worker_alone(
    seat: Seat, server: RawServer, memory: MemoryDeployment, kind: str
) -> None:
    asking, other = memory.server(), memory.server()
    question_id = f"w{asking.worker_id}:1"
    message = (
        JSONRPCResponse(jsonrpc="2.0", id=question_id, result={})
        if kind == "answer"
        else notification("notifications/progress", progressToken=question_id, progress=1)
    )

    seat.post(message)

    assert server.take(queue=memory.control_queue(asking))[0].message == message
    assert (memory.bus.depth(memory.control_queue(other)), memory.bus.depth(SERVER_QUEUE)) == (0, 0)


def test_a_message_that_is_too_large_is_refused_and_nothing_is_sent(
    sit_down: SitDown, memory: MemoryDeployment
) -> None:
    seat = sit_down(message_limit_bytes=1024)

    with pytest.raises(PayloadTooLarge):
        seat.post(tool_call(1, "echo", {"text": "".join(map(chr, range(1000, 3000)))}))

    assert seat.link.statistics().unsent_count == 0
    assert memory.bus.started["publish", REQUESTS] == 0


def test_a_message_that_is_no_json_is_refused_and_nothing_is_sent(
    seat: Seat, memory: MemoryDeployment
) -> None:
    with pytest.raises(EncodeError):
        seat.post(tool_call(1, "echo", {"text": "\ud800"}))

    assert memory.bus.started["publish", REQUESTS] == 0


def test_a_publish_request_that_fails_is_tried_again(seat: Seat, server: RawServer) -> None:
    seat.bus.fail("publish", REQUESTS, BusUnavailable("down"))

    seat.post(request(1, "ping"))

    assert len(server.take()) == 1
    seat.bus.wait_until(lambda: seat.errors == [None])


def test_a_message_that_cannot_be_published_is_given_up_with_the_reason(
    sit_down: SitDown,
) -> None:
    seat = sit_down(retry_seconds=0)
    down, denied = BusUnavailable("down"), BusDenied("no")
    seat.bus.fail("publish", REQUESTS, down, denied)

    for count in (1, 2):
        seat.post(request(count, "ping"))
        seat.bus.wait_until(lambda count=count: len(seat.errors) == count)

    assert seat.errors == [down, denied]


# -- in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_id", [7, "7", "seven", "日本", 2**60])
def test_an_answer_comes_back_under_the_id_as_it_was_asked(
    seat: Seat, server: RawServer, request_id: str | int
) -> None:
    seat.post(request(request_id, "ping"))

    server.answer(server.take()[0], {"text": "日本", "none": None}, sequence=0)

    seat.await_delivered(1)
    (answer,) = seat.messages
    assert isinstance(answer, JSONRPCResponse)
    assert (answer.id, type(answer.id)) == (request_id, type(request_id))
    assert answer.result == {"text": "日本", "none": None}


def test_messages_of_one_request_are_delivered_in_order_whatever_order_they_come_in(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    server.answer(asked, sequence=3)
    for number in (2, 0, 2, 1, 0):
        server.say(asked, notification(f"note/{number}"), sequence=number)

    seat.await_delivered(4)
    seat.await_read()
    assert seat.methods == ["note/0", "note/1", "note/2", "answer"]


def test_what_is_lost_on_the_way_holds_the_rest_up_only_for_the_gap_timeout(
    sit_down: SitDown, server: RawServer
) -> None:
    seat = sit_down(gap_timeout_seconds=0.2)
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    server.say(asked, notification("note/1"), sequence=1)
    seat.bus.wait_until(lambda: seat.link.statistics().held_count == 1)
    server.answer(asked, sequence=3)

    seat.await_delivered(2)
    assert seat.methods == ["note/1", "answer"]
    assert seat.link.statistics().held_count == 0


def test_progress_never_falls_though_a_second_worker_begins_anew(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    def report(run: int, place: int, progress: float) -> None:
        number = first_sequence(run) + place
        message = notification("notifications/progress", progressToken=1, progress=progress)
        server.say(asked, message, sequence=number)

    report(1, 0, 0.3)
    report(1, 1, 0.6)
    seat.await_delivered(2)
    for place, progress in enumerate((0.1, 0.5, 0.9)):
        report(2, place, progress)
    server.answer(asked, sequence=first_sequence(2) + 3)

    seat.await_delivered(4)
    shown = [getattr(message, "params", {}).get("progress") for message in seat.messages]
    assert shown == [0.3, 0.6, 0.9, None]
    assert seat.methods[-1] == "answer"


def test_nothing_is_said_about_a_request_that_was_cancelled(
    sit_down: SitDown, server: RawServer
) -> None:
    seat = sit_down(gap_timeout_seconds=3600)
    seat.post(request(1, "ping"))
    (asked,) = server.take()
    server.say(asked, notification("note/0"), sequence=0)
    seat.await_delivered(1)
    server.say(asked, notification("note/2"), sequence=2)
    seat.bus.wait_until(lambda: seat.link.statistics().held_count == 1)

    seat.post(notification("notifications/cancelled", requestId=1))
    assert seat.link.statistics().held_count == 0
    server.say(asked, notification("note/1"), sequence=1)
    seat.await_read()

    assert seat.methods == ["note/0"]


def test_messages_without_a_place_are_delivered_at_once(seat: Seat, server: RawServer) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    server.say(asked, notification("note/a"))
    server.say(asked, notification("note/b"), request_id=None, sequence=5)

    seat.await_delivered(2)
    assert sorted(seat.methods) == ["note/a", "note/b"]


def test_a_duplicate_answer_is_counted_and_not_delivered(seat: Seat, server: RawServer) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    for _ in range(3):
        server.answer(asked, sequence=0)

    seat.bus.wait_until(lambda: seat.inbox.duplicate_count == 2)
    seat.await_read()
    assert len(seat.delivered) == 1


@pytest.mark.parametrize("connection_id", ["b" * 32, None])
def test_what_is_for_an_earlier_connection_is_counted_and_not_delivered(
    seat: Seat, server: RawServer, connection_id: str | None
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    server.say(asked, notification("note"), connection_id=connection_id)
    server.answer(asked, connection_id=connection_id)

    seat.bus.wait_until(lambda: seat.inbox.unsolicited_count == 2)
    seat.await_read()
    assert seat.delivered == []


def test_an_answer_to_nothing_that_was_asked_is_not_delivered(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    answer = JSONRPCResponse(jsonrpc="2.0", id=2, result={})
    server.say(asked, answer, request_id="2")

    seat.bus.wait_until(lambda: seat.inbox.unsolicited_count == 1)
    seat.await_read()
    assert seat.delivered == []


@pytest.mark.parametrize("connection_id", ["b" * 32, None])
def test_a_question_to_an_earlier_connection_is_refused_in_its_name(
    seat: Seat, server: RawServer, connection_id: str | None
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    server.say(asked, plain_request("qx:1", "roots/list"), connection_id=connection_id)

    (refusal,) = server.take()
    assert isinstance(refusal.message, JSONRPCError)
    assert refusal.message.id == "qx:1"
    assert "has ended" in refusal.message.error.message
    assert refusal.header.connection_id == (connection_id or "a" * 32)


def test_what_cannot_be_read_is_counted_and_the_rest_delivered(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    for body in ("hello", "[]", '{"jsonrpc":"2.0"}'):
        seat.bus.send(QUEUE, Outgoing(body, {"MessageType": "jsonrpc"}))
    server.answer(asked, sequence=0)

    seat.await_delivered(1)
    seat.await_read()
    assert seat.inbox.refused_count == 3


def test_a_question_whose_refusal_would_be_too_large_holds_up_nobody_else(
    sit_down: SitDown, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    seat = sit_down(message_limit_bytes=1024)
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    number = "".join(chr(0x4E00 + (index * 7919) % 20_000) for index in range(1_000))
    question = plain_request(number, "roots/list")
    server.say(asked, question, connection_id="b" * 32, request_id=None)
    server.answer(asked, sequence=0)

    seat.await_delivered(1)
    seat.bus.wait_until(lambda: len(caplog.messages) == 1)
    assert "goes unanswered: message of" in caplog.messages[0]


# -- signatures ------------------------------------------------------------------------------------


KEY = "k" * 32
RING = KeyRing([KEY.encode()])


@pytest.fixture
def signing_seat(sit_down: SitDown, monkeypatch: pytest.MonkeyPatch) -> Seat:
    monkeypatch.setenv("THE_KEY", KEY)
    return sit_down(signing_keys=("env:THE_KEY",))


@pytest.mark.parametrize(
    ("seal", "reason"),
    [
        (None, "message is not signed"),
        (KeyRing([b"x" * 32]).sealing("to-client"), "signed with an unknown key"),
        (RING.sealing("to-server"), "or goes the other way"),
    ],
    ids=["unsigned", "another key", "the other direction"],
)
def test_an_answer_that_does_not_verify_is_never_delivered(
    signing_seat: Seat, memory: MemoryDeployment, seal: Seal | None, reason: str, caplog: Any
) -> None:
    seat = signing_seat
    seat.post(request(1, "ping"))
    (asked,) = RawServer(memory).take()

    RawServer(memory, seal).answer(asked, {"forged": True})
    seat.bus.wait_until(lambda: seat.inbox.refused_count == 1)
    RawServer(memory, RING.sealing("to-client")).answer(asked, {"forged": False})

    seat.await_delivered(1)
    seat.await_read()
    assert [getattr(message, "result", None) for message in seat.messages] == [{"forged": False}]
    assert reason in caplog.messages[0]


def test_a_clients_own_message_that_is_played_back_to_it_is_refused(
    signing_seat: Seat, memory: MemoryDeployment
) -> None:
    seat = signing_seat
    seat.post(request(1, "ping"))
    (reflected,) = memory.bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=5, lease_seconds=30)

    seat.bus.send(QUEUE, Outgoing(reflected.body, reflected.attributes))

    seat.bus.wait_until(lambda: seat.inbox.refused_count == 1)
    seat.await_read()
    assert seat.delivered == []


def test_an_answer_that_is_played_back_is_a_duplicate(
    signing_seat: Seat, memory: MemoryDeployment
) -> None:
    seat, server = signing_seat, RawServer(memory, RING.sealing("to-client"))
    seat.post(request(1, "ping"))
    (asked,) = server.take()

    for _ in range(3):
        server.answer(asked, sequence=0)

    seat.bus.wait_until(lambda: seat.inbox.duplicate_count == 2)
    seat.await_delivered(1)
    seat.await_read()
    assert (len(seat.delivered), seat.inbox.refused_count) == (1, 0)


def test_a_key_that_is_not_there_is_named_when_the_link_is_made(memory: MemoryDeployment) -> None:
    config = memory.client(signing_keys=("env:NOBODY_SET_THIS",))

    with pytest.raises(ConfigError, match="signing key env:NOBODY_SET_THIS"):
        ClientLink(memory.bus, config, lambda _: None)


# -- claim checks ----------------------------------------------------------------------------------


def test_an_answer_whose_payload_cannot_be_fetched_now_comes_again(
    memory: MemoryDeployment, server: RawServer
) -> None:
    payloads = MemoryPayloads(faults=Faults(error_share=1.0))
    delivered: list[Incoming] = []
    link = ClientLink(
        memory.bus,
        memory.client(lease_seconds=1),
        delivered.append,
        connection_id="a" * 32,
        claim_checks=ClaimChecks(store=payloads),
    )
    link.start()
    link.post(request(1, "ping"), lambda _: None)
    (asked,) = server.take()
    body = '{"jsonrpc":"2.0","id":1,"result":{}}'
    pointer = pointer_body(Pointer(payloads.bucket, "k"))
    attributes = to_attributes(replace(asked.header, payload_bytes=len(body)))
    memory.bus.send(QUEUE, Outgoing(pointer, attributes))
    memory.bus.wait_until(lambda: link.statistics().payload_error is not None)
    held = (memory.bus.depth(QUEUE), len(delivered))

    payloads.faults = Faults()
    payloads.put("k", body.encode())

    memory.bus.wait_until(lambda: len(delivered) == 1)
    memory.bus.wait_until(lambda: memory.bus.depth(QUEUE) == 0)
    link.close()
    assert (held, link.statistics().payload_error) == ((1, 0), None)


# -- recording -------------------------------------------------------------------------------------


class Forgetful(MemoryInbox):
    """An inbox that fails at first, as one on a full disk does."""

    def __init__(self) -> None:
        super().__init__("a" * 32)
        self.failed = threading.Event()

    def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
        if not self.failed.is_set():
            self.failed.set()
            raise OSError("disk full")
        return super().record(batch)


class Speechless(MemoryInbox):
    """An inbox that cannot keep at first what it refuses."""

    def __init__(self) -> None:
        super().__init__("a" * 32)
        self.failed = threading.Event()

    def refuse(self, delivery: Delivery, reason: str) -> None:
        if not self.failed.is_set():
            self.failed.set()
            raise OSError("disk full")
        super().refuse(delivery, reason)


def test_what_cannot_be_read_is_acknowledged_only_after_it_was_kept(
    memory: MemoryDeployment,
) -> None:
    inbox = Speechless()
    config = memory.client(lease_seconds=1)
    link = ClientLink(memory.bus, config, lambda _: None, inbox=inbox)
    link.start()
    memory.bus.send(QUEUE, Outgoing("hello", {}))

    assert inbox.failed.wait(10)
    assert (memory.bus.started["ack", QUEUE], memory.bus.depth(QUEUE)) == (0, 1)
    memory.bus.wait_until(lambda: inbox.refused_count == 1)
    memory.bus.wait_until(lambda: memory.bus.depth(QUEUE) == 0)
    link.close()


def test_an_answer_is_acknowledged_only_after_it_was_recorded(
    memory: MemoryDeployment, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, delivered = Forgetful(), list[Incoming]()
    link = ClientLink(
        memory.bus,
        memory.client(lease_seconds=1),
        delivered.append,
        inbox=inbox,
        connection_id="a" * 32,
    )
    link.start()
    link.post(request(1, "ping"), lambda _: None)
    server.answer(server.take()[0], sequence=0)

    assert inbox.failed.wait(10)
    assert (memory.bus.started["ack", QUEUE], memory.bus.depth(QUEUE)) == (0, 1)
    memory.bus.wait_until(lambda: len(delivered) == 1)
    memory.bus.wait_until(lambda: memory.bus.depth(QUEUE) == 0)
    link.close()
    assert caplog.messages == ["1 messages could not be taken; they come again"]


def test_acknowledgements_share_requests(sit_down: SitDown, server: RawServer) -> None:
    seat = sit_down(ack_linger_seconds=0.5)
    for number in range(10):
        seat.post(request(number, "ping"))
    for asked in server.take(10):
        server.answer(asked, sequence=0)

    seat.await_delivered(10)
    seat.await_read()

    assert seat.bus.started["ack", QUEUE] <= 2


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_that_initialize_opened_is_named_on_all_that_follows(
    seat: Seat, server: RawServer
) -> None:
    seat.post(initialize_request(0))
    (asked,) = server.take()
    assert (asked.header.session_id, asked.header.protocol_version) == (None, HANDSHAKE)

    server.answer(asked, sequence=0, session_id="sealed")
    seat.await_delivered(1)
    seat.post(notification("notifications/initialized"))
    seat.post(plain_request(1, "tools/list"))

    headers = [incoming.header for incoming in server.take(2)]
    assert [header.session_id for header in headers] == ["sealed"] * 2
    assert [header.protocol_version for header in headers] == [HANDSHAKE] * 2


def test_initialize_itself_never_names_a_session(seat: Seat, server: RawServer) -> None:
    seat.post(initialize_request(0))
    server.answer(server.take()[0], sequence=0, session_id="sealed")
    seat.await_delivered(1)

    seat.post(initialize_request(1))

    assert server.take()[0].header.session_id is None


def test_a_request_of_an_earlier_connection_can_be_cancelled_in_its_name(
    seat: Seat, server: RawServer
) -> None:
    seat.post(notification("notifications/cancelled", requestId=3), connection_id="b" * 32)

    assert server.take()[0].header.connection_id == "b" * 32


def test_a_request_of_an_earlier_connection_is_not_expected_back_on_this_one(
    seat: Seat, server: RawServer
) -> None:
    seat.post(request(3, "ping"), connection_id="b" * 32)
    (asked,) = server.take()

    server.answer(asked, connection_id="a" * 32)

    seat.bus.wait_until(lambda: seat.inbox.unsolicited_count == 1)


# -- closing and statistics ------------------------------------------------------------------------


def test_closing_sends_what_is_pending(seat: Seat, server: RawServer) -> None:
    with seat.bus.hold("publish", REQUESTS):
        seat.post(request(1, "ping"))
        seat.bus.wait_until(lambda: seat.bus.started["publish", REQUESTS] == 1)
        for number in range(2, 6):
            seat.post(request(number, "ping"))
        assert seat.link.statistics().unsent_count == 4
    seat.link.close()

    assert [incoming.message for incoming in server.take(5)] == [
        request(number, "ping") for number in range(1, 6)
    ]
    assert seat.errors == [None] * 5


def test_closing_acknowledges_what_was_delivered(sit_down: SitDown, server: RawServer) -> None:
    seat = sit_down(ack_linger_seconds=30)
    seat.post(request(1, "ping"))
    server.answer(server.take()[0], sequence=0)
    seat.await_delivered(1)

    seat.link.close()

    assert seat.bus.depth(QUEUE) == 0


def test_closing_does_not_wait_for_the_long_poll(seat: Seat) -> None:
    seat.bus.wait_until(lambda: seat.bus.under_way["receive", QUEUE] == 1)

    seat.link.close()

    assert seat.bus.under_way["receive", QUEUE] == 1


def test_a_closed_link_refuses_messages(seat: Seat) -> None:
    seat.link.close()

    seat.post(request(1, "ping"))

    assert [type(error) for error in seat.errors] == [BusClosed]


def test_statistics_say_whether_the_queue_can_be_read(sit_down: SitDown) -> None:
    seat = sit_down()
    down = BusUnavailable("down")
    seat.bus.wait_until(lambda: seat.bus.under_way["receive", QUEUE] == 1)
    assert seat.link.statistics().last_error is None
    seat.bus.fail("receive", QUEUE, down)

    seat.bus.send(QUEUE, Outgoing("wake", {}))

    seat.bus.wait_until(lambda: seat.link.statistics().last_error is down)
    seat.bus.wait_until(lambda: seat.link.statistics().last_error is None)


def test_a_broken_message_is_reported_once_with_its_reason(
    seat: Seat, caplog: pytest.LogCaptureFixture
) -> None:
    seat.bus.send(QUEUE, Outgoing("hello", {}))

    seat.await_read()

    assert caplog.messages == ["a message of 5 characters is dropped: body is not JSON"]


def test_an_inbox_may_say_what_is_delivered(memory: MemoryDeployment, server: RawServer) -> None:
    class Deaf(MemoryInbox):
        def refuse(self, delivery: Delivery, reason: str) -> None:
            raise AssertionError("nothing is malformed here")

        def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
            return [False] * len(batch)

    delivered: list[Incoming] = []
    link = ClientLink(memory.bus, memory.client(), delivered.append, inbox=Deaf("a" * 32))
    link.start()
    link.post(request(1, "ping"), lambda _: None)
    server.answer(server.take()[0], sequence=0)

    memory.bus.wait_until(lambda: memory.bus.started["ack", QUEUE] == 1)
    link.close()
    assert delivered == []

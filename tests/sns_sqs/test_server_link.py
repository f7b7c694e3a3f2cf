"""A server's end, without an event loop: the test is the handler, a client is played by hand."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.bus import Bus, Faults
from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import BusDenied, BusError, BusUnavailable, PayloadTooLarge
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.parking import REASON_ATTRIBUTE
from asyncmcp_nb.sns_sqs.server_link import Arrival, ServerLink
from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire import Incoming, Outgoing, decode
from asyncmcp_nb.wire.claim_check import Pointer, is_claim_check, pointer_body, read_pointer
from tests.helpers import (
    DEAD_LETTERS,
    HANDSHAKE,
    MODERN,
    REQUESTS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    Plug,
    RawClient,
    error_of,
    notification,
    plain_request,
    request,
    tool_call,
)
from tests.poison import ADDRESSED, GOOD, POISON


class Post:
    """A link at its post, with what it brought."""

    def __init__(
        self,
        memory: MemoryDeployment,
        bus: Bus | None = None,
        claim_checks: ClaimChecks | None = None,
        **settings: Any,
    ) -> None:
        self.memory = memory
        self.bus = memory.bus
        self.arrivals: list[Arrival] = []
        self.is_open = True
        self.config = memory.server(**settings)
        self.link = ServerLink(
            bus or memory.bus, self.config, self._deliver, claim_checks=claim_checks
        )
        self.link.start()

    def _deliver(self, arrival: Arrival) -> bool:
        if self.is_open:
            self.arrivals.append(arrival)
        return self.is_open

    def await_arrivals(self, count: int) -> list[Arrival]:
        self.bus.wait_until(lambda: len(self.arrivals) >= count)
        return list(self.arrivals)

    def await_works(self, count: int) -> list[Work]:
        return [arrival for arrival in self.await_arrivals(count) if isinstance(arrival, Work)]

    def await_work(self) -> Work:
        (work,) = self.await_works(1)
        return work

    def await_count(self, name: str, count: int) -> None:
        self.bus.wait_until(lambda: getattr(self.link.statistics(), name) == count)

    def await_empty_queue(self) -> None:
        self.bus.wait_until(lambda: self.bus.depth(SERVER_QUEUE) == 0)


def answer(work: Work, **result: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=work.request.id, result=result)


TakePost = Callable[..., Post]


@pytest.fixture
def take_post(memory: MemoryDeployment) -> Generator[TakePost]:
    posts: list[Post] = []

    def make(**settings: Any) -> Post:
        posts.append(Post(memory, **settings))
        return posts[-1]

    yield make
    for post in posts:
        post.link.close()


@pytest.fixture
def post(take_post: TakePost) -> Post:
    return take_post()


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


# -- a request and its answer ----------------------------------------------------------------------


@pytest.mark.parametrize("request_id", [7, "7", "seven", "日本", "🚀"])
def test_an_answer_goes_back_to_where_its_request_came_from(
    post: Post, alice: RawClient, request_id: str | int
) -> None:
    alice.send(tool_call(request_id, "echo"))
    work = post.await_work()

    work.answer(answer(work, text="日本", none=None), session_id="sealed")

    (incoming,) = alice.take()
    header = incoming.header
    assert incoming.message == JSONRPCResponse(
        jsonrpc="2.0", id=request_id, result={"text": "日本", "none": None}
    )
    assert (header.client_id, header.connection_id) == ("alice", alice.connection_id)
    assert (header.method, header.protocol_version) == ("tools/call", MODERN)
    assert header.request_id == (None if request_id == "🚀" else str(request_id))
    assert (header.sequence, header.session_id) == (0, "sealed")


def test_a_request_is_acknowledged_only_after_its_answer_was_accepted(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    with post.bus.hold("publish", RESPONSES):
        work.answer(answer(work))
        post.bus.wait_until(lambda: post.bus.under_way["publish", RESPONSES] == 1)

        assert post.bus.started["ack", SERVER_QUEUE] == 0
        assert post.bus.depth(SERVER_QUEUE) == 1

    post.await_empty_queue()
    post.await_count("answered_count", 1)
    assert post.link.statistics().in_flight_count == 0


def test_what_a_handler_says_comes_before_its_answer_and_in_order(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    errors: list[BusError | None] = []

    for number in range(3):
        work.send(notification(f"note/{number}"), errors.append)
    work.answer(answer(work))

    heard = {i.header.sequence: getattr(i.message, "method", "answer") for i in alice.take(4)}
    assert [heard[number] for number in range(4)] == ["note/0", "note/1", "note/2", "answer"]
    post.bus.wait_until(lambda: errors == [None] * 3)


def test_a_request_ends_once(post: Post, alice: RawClient) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.answer(answer(work, first=True))
    work.answer(answer(work, second=True))
    work.settle()
    work.hand_back()
    work.detach()

    post.await_empty_queue()
    assert [i.message for i in alice.take()] == [answer(work, first=True)]
    assert alice.waiting_count() == 0


def test_a_request_that_is_owed_no_answer_is_acknowledged(post: Post, alice: RawClient) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.settle()

    post.await_empty_queue()
    assert alice.waiting_count() == 0


# -- leases, and workers that die ------------------------------------------------------------------


def test_a_request_that_is_worked_on_is_not_delivered_again(
    take_post: TakePost, alice: RawClient
) -> None:
    posts = [take_post(lease_seconds=1), take_post(lease_seconds=1)]
    alice.send(tool_call(1, "slow"))
    bus = alice.deployment.bus

    bus.wait_until(lambda: bus.started["extend", SERVER_QUEUE] >= 4)

    arrivals = [arrival for post in posts for arrival in post.arrivals]
    assert len(arrivals) == 1
    assert [post.link.statistics().redelivered_count for post in posts] == [0, 0]


def test_a_request_of_a_worker_that_was_killed_is_done_by_another(
    take_post: TakePost, alice: RawClient
) -> None:
    plug = Plug(alice.deployment.bus)
    killed = take_post(bus=plug, lease_seconds=1, retry_seconds=0)
    alice.send(tool_call(1, "slow"))
    first = killed.await_work()

    plug.pull()
    first.answer(answer(first, by="the dead"))
    heir = take_post()
    second = heir.await_work()
    second.answer(answer(second, by="the heir"))

    (incoming,) = alice.take()
    assert isinstance(incoming.message, JSONRPCResponse)
    assert incoming.message.result == {"by": "the heir"}
    heir.await_empty_queue()


def test_an_answer_that_was_published_but_not_acknowledged_is_given_again_by_another(
    take_post: TakePost, alice: RawClient
) -> None:
    """The worker dies between publishing and acknowledging: at least once, never not at all."""
    plug = Plug(alice.deployment.bus)
    killed = take_post(bus=plug, lease_seconds=1)
    alice.send(tool_call(1, "slow"))
    first = killed.await_work()
    with alice.deployment.bus.hold("ack", SERVER_QUEUE):
        first.answer(answer(first))
        alice.take()
        plug.pull()
        heir = take_post()
        second = heir.await_work()
    second.answer(answer(second))

    assert len(alice.take()) == 1
    heir.await_empty_queue()


def test_a_lease_that_was_lost_is_counted(
    take_post: TakePost, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    post = take_post(lease_seconds=1)
    alice.send(tool_call(1, "slow"))
    work = post.await_work()

    post.bus.ack(SERVER_QUEUE, work.receipts)

    post.await_count("lost_lease_count", 1)
    assert caplog.messages == ["a lease was lost: lease has ended"]


# -- redelivery ------------------------------------------------------------------------------------


def test_a_request_delivered_again_while_it_runs_joins_it(post: Post, alice: RawClient) -> None:
    alice.send(tool_call(1, "slow"))
    work = post.await_work()

    alice.send(tool_call(1, "slow"))
    post.await_count("redelivered_count", 1)
    work.answer(answer(work))

    post.await_empty_queue()
    assert len(post.arrivals) == 1
    assert len(alice.take()) == 1
    assert alice.waiting_count() == 0


def test_both_deliveries_of_a_request_that_runs_keep_their_leases(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=1)
    alice.send(tool_call(1, "slow"), tool_call(1, "slow"))
    work = post.await_work()
    post.await_count("redelivered_count", 1)

    post.bus.wait_until(lambda: post.bus.started["extend", SERVER_QUEUE] >= 4)

    assert len(work.receipts) == 2
    assert post.link.statistics().redelivered_count == 1


def test_a_request_delivered_again_after_its_answer_gets_the_same_answer_without_a_run(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    work.answer(answer(work, random=4))
    (first,) = alice.take()

    alice.send(tool_call(1, "echo"))

    (second,) = alice.take()
    assert (second.message, second.header) == (first.message, first.header)
    post.await_empty_queue()
    assert len(post.arrivals) == 1
    post.await_count("redelivered_count", 1)


def test_a_request_delivered_again_after_it_ended_unanswered_is_acknowledged(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    post.await_work().settle()
    post.await_empty_queue()

    alice.send(tool_call(1, "echo"))

    post.await_count("redelivered_count", 1)
    post.await_empty_queue()
    assert (len(post.arrivals), alice.waiting_count()) == (1, 0)


def test_a_request_delivered_again_while_its_answer_goes_out_comes_once_more(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=1)
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    work.ended = True  # as it is for the moment between the handler's end and the kept answer

    alice.send(tool_call(1, "echo"))
    post.await_count("redelivered_count", 1)
    work.ended = False
    work.answer(answer(work))

    assert len(alice.take(2)) == 2
    post.await_empty_queue()
    assert len(post.arrivals) == 1


def test_answers_are_kept_apart_by_connection(post: Post, alice: RawClient) -> None:
    again = RawClient(alice.deployment)
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    work.answer(answer(work))
    alice.take()

    again.send(tool_call(1, "echo"))

    assert len(post.await_works(2)) == 2


def test_an_answer_that_could_not_be_published_is_sent_when_its_request_comes_again(
    take_post: TakePost, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    post = take_post(lease_seconds=3600)
    post.bus.fail("publish", RESPONSES, BusDenied("no"), BusDenied("no"))
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.answer(answer(work, random=4))

    (incoming,) = alice.take()
    assert incoming.message == answer(work, random=4)
    post.await_empty_queue()
    assert len(post.arrivals) == 1
    assert caplog.messages == ["an answer could not be published; it is sent again: no"] * 2


# -- slots -----------------------------------------------------------------------------------------


def test_no_more_requests_are_taken_than_may_be_in_flight(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=3)
    alice.send(*[tool_call(number, "slow") for number in range(10)])
    works = post.await_works(3)
    assert post.bus.under_way["receive", SERVER_QUEUE] == 0

    for done in range(3):
        works[done].answer(answer(works[done]))
        works = post.await_works(4 + done)
        post.await_count("in_flight_count", 3)

    assert len(post.arrivals) == 6


def test_no_more_answers_wait_for_their_topic_than_there_is_room_for(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=4)
    answered = 0

    def answer_to(count: int) -> None:
        nonlocal answered
        while answered < count:
            for work in post.await_works(answered + 1)[answered:]:
                work.answer(answer(work))
                answered += 1

    with post.bus.hold("publish", RESPONSES):
        for first in range(0, 40, 10):
            alice.send(*[tool_call(first + number, "echo") for number in range(10)])
        answer_to(14)  # a request to the topic full, and the slots
        post.bus.wait_until(lambda: post.bus.under_way["receive", SERVER_QUEUE] == 0)

        assert (len(post.arrivals), post.bus.measure(SERVER_QUEUE).waiting_count) == (14, 26)

    answer_to(40)
    assert len(alice.take(40)) == 40


def test_an_answer_on_its_way_holds_up_no_request(take_post: TakePost, alice: RawClient) -> None:
    post = take_post(max_in_flight=1)
    alice.send(tool_call(1, "echo"), tool_call(2, "echo"))

    with post.bus.hold("publish", RESPONSES):
        work = post.await_work()
        work.answer(answer(work))
        assert len(post.await_works(2)) == 2


def test_a_duplicate_that_joins_its_request_takes_no_slot(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=2)
    alice.send(tool_call(1, "slow"))
    post.await_work()

    for count in range(1, 4):
        alice.send(tool_call(1, "slow"))
        post.await_count("redelivered_count", count)
    alice.send(tool_call(2, "slow"))

    assert len(post.await_works(2)) == 2


def test_an_answer_that_is_refused_gives_its_slot_back_once(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=1)
    post.bus.fail("publish", RESPONSES, BusDenied("no"), BusDenied("no"))
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    work.answer(answer(work))
    alice.take()
    post.await_empty_queue()

    alice.send(tool_call(2, "slow"), tool_call(3, "slow"))

    post.await_works(2)
    assert post.bus.under_way["receive", SERVER_QUEUE] == 0
    assert len(post.arrivals) == 2


def test_messages_that_are_no_requests_leave_their_slot_at_once(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=1)

    for number in range(5):
        alice.send(notification(f"note/{number}"))
    alice.send(tool_call(1, "echo"))

    post.await_arrivals(6)


def test_a_detached_request_holds_neither_message_nor_slot(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=1)
    alice.send(tool_call(1, "listen"))
    stream = post.await_work()

    stream.detach()
    post.await_empty_queue()
    listening = post.link.statistics()
    assert (listening.in_flight_count, listening.oldest_in_flight_at) == (0, None)
    assert listening.stream_count == 1
    alice.send(tool_call(2, "echo"))

    _, other = post.await_works(2)
    other.answer(answer(other))
    stream.send(notification("note"), lambda _: None)
    stream.answer(answer(stream))
    assert len(alice.take(3)) == 3


def test_a_detached_request_gives_its_slot_back_once(take_post: TakePost, alice: RawClient) -> None:
    post = take_post(max_in_flight=1)
    alice.send(tool_call(1, "listen"))
    stream = post.await_work()
    stream.detach()
    stream.detach()
    stream.settle()

    alice.send(tool_call(2, "slow"), tool_call(3, "slow"))

    post.await_works(2)
    assert post.bus.under_way["receive", SERVER_QUEUE] == 0
    assert len(post.arrivals) == 2


def test_a_detached_request_delivered_again_is_acknowledged(post: Post, alice: RawClient) -> None:
    alice.send(tool_call(1, "listen"))
    post.await_work().detach()

    alice.send(tool_call(1, "listen"))

    post.await_count("redelivered_count", 1)
    post.await_empty_queue()
    assert len(post.arrivals) == 1


# -- handing back ----------------------------------------------------------------------------------


def test_a_request_handed_back_goes_to_another_worker_at_once(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=3600)
    alice.send(tool_call(1, "slow"))
    work = post.await_work()

    post.link.stop_receiving()
    work.hand_back()
    post.await_count("handed_back_count", 1)

    assert take_post().await_work().request == work.request


def test_a_request_that_cannot_be_handed_back_comes_when_its_lease_ends(
    take_post: TakePost, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    post = take_post(lease_seconds=1)
    alice.send(tool_call(1, "slow"))
    work = post.await_work()
    post.bus.fail("hand_back", SERVER_QUEUE, BusUnavailable("down"))

    work.hand_back()

    assert len(post.await_works(2)) == 2
    assert "1 messages wait for their lease to end: down" in caplog.messages


def test_a_request_that_nobody_takes_goes_back_to_the_queue(
    take_post: TakePost, alice: RawClient
) -> None:
    # It comes back as fast as the machine can, so often as the test needs to open the door.
    post = take_post(lease_seconds=3600, max_attempt_count=1_000_000)
    post.is_open = False

    alice.send(tool_call(1, "echo"))
    post.bus.wait_until(lambda: post.link.statistics().handed_back_count >= 1)
    post.is_open = True

    assert post.await_work().request == tool_call(1, "echo")


def test_a_notification_that_nobody_takes_comes_again(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=1)
    post.is_open = False

    alice.send(notification("note"))
    post.bus.wait_until(lambda: post.bus.started["receive", SERVER_QUEUE] >= 2)
    post.is_open = True

    (incoming,) = post.await_arrivals(1)
    assert isinstance(incoming, Incoming)
    post.await_empty_queue()


def test_closing_hands_back_what_is_unfinished_and_sends_what_is_finished(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=3600, ack_linger_seconds=30)
    alice.send(tool_call(1, "quick"), tool_call(2, "slow"))
    quick, slow = post.await_works(2)

    quick.answer(answer(quick))
    post.link.close()

    assert (quick.request.id, slow.request.id) == (1, 2)
    assert [i.message for i in alice.take()] == [answer(quick)]
    assert take_post().await_work().request == slow.request
    assert post.link.statistics().handed_back_count == 1


def test_closing_hands_back_ten_requests_at_a_time(take_post: TakePost, alice: RawClient) -> None:
    post = take_post(lease_seconds=3600, max_in_flight=25)
    for first in range(0, 25, 5):
        alice.send(*[tool_call(number, "slow") for number in range(first, first + 5)])
    post.await_works(25)

    post.link.close()

    assert post.bus.started["hand_back", SERVER_QUEUE] == 3
    assert post.link.statistics().handed_back_count == 25
    assert len({work.request.id for work in take_post().await_works(25)}) == 25


def test_a_request_handed_back_at_close_is_not_answered_by_its_late_handler(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post()
    alice.send(tool_call(1, "slow"))
    work = post.await_work()

    post.link.close()
    work.answer(answer(work))

    assert alice.waiting_count() == 0


# -- what cannot be served -------------------------------------------------------------------------


@pytest.mark.parametrize("poison", POISON)
def test_poison_is_put_aside_with_the_reason_and_the_worker_goes_on(
    post: Post, alice: RawClient, poison: str, caplog: pytest.LogCaptureFixture
) -> None:
    body, attributes, reason = POISON[poison]

    post.bus.send(SERVER_QUEUE, Outgoing(body, attributes))
    post.await_count("parked_count", 1)
    post.await_empty_queue()
    alice.send(tool_call(1, "echo"))

    work = post.await_work()
    work.answer(answer(work))
    assert len(alice.take()) == 1
    (letter,) = post.bus.receive(DEAD_LETTERS, max_count=10, wait_seconds=0, lease_seconds=30)
    assert letter.body == body
    assert reason in letter.attributes[REASON_ATTRIBUTE]
    assert {**letter.attributes, **attributes} == letter.attributes
    assert caplog.messages == [f"a message is put aside: {letter.attributes[REASON_ATTRIBUTE]}"]


def test_a_dead_letter_has_no_more_attributes_than_raw_delivery_carries(post: Post) -> None:
    attributes = {f"X{number}": "x" for number in range(10)}

    post.bus.send(SERVER_QUEUE, Outgoing("hello", attributes))
    post.await_count("parked_count", 1)
    post.await_empty_queue()

    (letter,) = post.bus.receive(DEAD_LETTERS, max_count=10, wait_seconds=0, lease_seconds=30)
    assert len(letter.attributes) == 10
    assert letter.attributes[REASON_ATTRIBUTE] == "body is not JSON"


def test_a_dead_letter_keeps_what_its_signature_covers(post: Post) -> None:
    others = {f"A{number}": "x" for number in range(5)}
    names = ("ProtocolVersion", "RequestId", "Method", "SessionId", "Timestamp")
    ours = {**ADDRESSED, **dict.fromkeys(names, "1")}

    post.bus.send(SERVER_QUEUE, Outgoing("hello", {**others, **ours}))
    post.await_count("parked_count", 1)
    post.await_empty_queue()

    (letter,) = post.bus.receive(DEAD_LETTERS, max_count=10, wait_seconds=0, lease_seconds=30)
    assert ours.items() < letter.attributes.items()
    assert len(letter.attributes) == 10


def test_a_request_whose_payload_cannot_be_fetched_now_comes_again(
    memory: MemoryDeployment, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    payloads = MemoryPayloads(faults=Faults(error_share=1.0))
    arrivals: list[Arrival] = []
    config = memory.server(lease_seconds=1)
    checks = ClaimChecks(store=payloads)
    link = ServerLink(memory.bus, config, lambda a: not arrivals.append(a), claim_checks=checks)
    link.start()
    message = tool_call(1, "echo")
    content = message.model_dump_json(exclude_unset=True).encode()
    attributes = {**alice.write(message).attributes, "ExtendedPayloadSize": str(len(content))}
    pointer = pointer_body(Pointer(payloads.bucket, "k"))
    memory.bus.publish(REQUESTS, [Outgoing(pointer, attributes)])
    memory.bus.wait_until(lambda: len(caplog.messages) > 0)
    held = (memory.bus.depth(SERVER_QUEUE), memory.bus.depth(DEAD_LETTERS), len(arrivals))

    payloads.faults = Faults()
    payloads.put("k", content)

    memory.bus.wait_until(lambda: len(arrivals) == 1)
    (work,) = arrivals
    assert isinstance(work, Work)
    assert (work.request, held) == (message, (1, 0, 0))
    assert "comes again, since its payload cannot be fetched" in caplog.messages[0]
    link.close()


def test_without_a_place_for_dead_letters_poison_is_left_to_the_queues_own_policy(
    take_post: TakePost, memory: MemoryDeployment
) -> None:
    memory.bus.create_queue(SERVER_QUEUE, dead_letters=DEAD_LETTERS, max_receive_count=1)
    post = take_post(dead_letter_queue_url=None, lease_seconds=1)

    post.bus.send(SERVER_QUEUE, Outgoing("hello", {}))

    post.bus.wait_until(lambda: post.bus.depth(DEAD_LETTERS) == 1)
    assert post.link.statistics().parked_count == 1


def test_poison_that_cannot_be_put_aside_comes_again(
    take_post: TakePost, caplog: pytest.LogCaptureFixture
) -> None:
    post = take_post(lease_seconds=1)
    post.bus.fail("send", DEAD_LETTERS, BusUnavailable("down"))
    post.bus.send(SERVER_QUEUE, Outgoing("hello", {}))

    post.await_empty_queue()

    assert post.bus.depth(DEAD_LETTERS) == 1
    assert caplog.messages[1] == "a message could not be put aside and comes again: down"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "tools/list"}, "attribute Method says 'tools/list', the body 'ping'"),
        ({"request_id": "8"}, "attribute RequestId says '8', the body 7"),
        (
            {"protocol_version": HANDSHAKE},
            f"attribute ProtocolVersion says '{HANDSHAKE}', the body '{MODERN}'",
        ),
    ],
)
def test_attributes_that_contradict_the_body_are_answered_with_an_error(
    post: Post, alice: RawClient, changes: dict[str, Any], reason: str
) -> None:
    alice.send(request(7, "ping"), **changes)

    (incoming,) = alice.take()

    assert isinstance(incoming.message, JSONRPCError)
    assert (incoming.message.id, error_of(incoming.message)) == (7, reason)
    post.await_empty_queue()
    assert post.arrivals == []


@pytest.mark.parametrize(
    "changes", [{"method": None}, {"request_id": None}, {"protocol_version": None}]
)
def test_attributes_that_say_nothing_contradict_nothing(
    post: Post, alice: RawClient, changes: dict[str, Any]
) -> None:
    alice.send(request(7, "ping"), **changes)

    assert post.await_work().request == request(7, "ping")


def test_a_version_that_only_the_attributes_name_is_no_contradiction(
    post: Post, alice: RawClient
) -> None:
    alice.send(plain_request(7, "ping"), protocol_version=HANDSHAKE)

    assert post.await_work().address.protocol_version == HANDSHAKE


def test_a_contradiction_is_answered_without_taking_a_slot_for_good(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=1)

    for number in range(5):
        alice.send(request(number, "ping"), method="other")
    alice.send(request(9, "ping"))

    assert post.await_work().request == request(9, "ping")
    assert len(alice.take(5)) == 5


# -- answers that cannot be sent -------------------------------------------------------------------


def noise(count: int) -> str:
    return "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(count))


def test_an_answer_above_the_limit_becomes_an_error_that_names_the_limit(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(message_limit_bytes=2048)
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.answer(answer(work, text=noise(3000)))

    (incoming,) = alice.take()
    assert "message of 9,238 bytes is above the limit of 2,048 bytes" in error_of(incoming.message)
    assert "MaximumMessageSize" in error_of(incoming.message)
    post.await_empty_queue()


def test_an_answer_above_the_limit_is_not_made_again_when_its_request_comes_again(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(message_limit_bytes=2048)
    alice.send(tool_call(1, "echo"))
    work = post.await_work()
    work.answer(answer(work, text=noise(3000)))
    (first,) = alice.take()

    alice.send(tool_call(1, "echo"))

    (second,) = alice.take()
    assert (second.message, len(post.arrivals)) == (first.message, 1)


def test_a_large_answer_that_its_topic_refuses_is_sent_when_its_request_comes_again(
    take_post: TakePost, alice: RawClient
) -> None:
    payloads = MemoryPayloads()
    post = take_post(claim_checks=ClaimChecks(store=payloads), message_limit_bytes=2048)
    post.bus.fail("publish", RESPONSES, BusDenied("its policy is being changed"))
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.answer(answer(work, text=noise(3000)))

    [delivery] = post.bus.receive(alice.queue, max_count=10, wait_seconds=30, lease_seconds=30)
    assert is_claim_check(delivery.attributes), delivery.body
    payload = payloads.get(read_pointer(delivery.body).key, 2**20)
    incoming = decode(delivery.body, delivery.attributes, payload=payload)
    assert incoming.message == answer(work, text=noise(3000))
    post.await_empty_queue()


def test_an_answer_that_is_no_json_becomes_an_error_that_says_so(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    work.answer(answer(work, text="\ud800"))

    (incoming,) = alice.take()
    assert "The answer was not sent: the message cannot be written as JSON" in error_of(
        incoming.message
    )


def test_a_request_whose_caller_cannot_be_told_anything_does_not_stop_the_worker(
    take_post: TakePost, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Its id alone is above the limit of the topic for answers."""
    post = take_post(message_limit_bytes=1024)
    alice.send(tool_call(noise(1_000), "echo"))
    work = post.await_work()

    work.answer(answer(work, text=noise(3000)))

    post.await_empty_queue()
    assert alice.waiting_count() == 0
    assert caplog.messages == ["not even an error fits the topic's limit; nobody is answered"]


def test_a_request_that_is_given_up_is_put_aside_once_though_its_caller_cannot_be_told(
    take_post: TakePost, alice: RawClient
) -> None:
    bus = alice.deployment.bus
    alice.send(tool_call(noise(1_000), "echo"))
    [delivery] = bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=1, lease_seconds=30)
    bus.extend(SERVER_QUEUE, [delivery.receipt], 0)

    post = take_post(message_limit_bytes=1024, max_attempt_count=1)

    post.await_empty_queue()
    assert (bus.depth(DEAD_LETTERS), alice.waiting_count()) == (1, 0)


def test_a_notification_above_the_limit_is_refused_to_whoever_sends_it(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(message_limit_bytes=2048)
    alice.send(tool_call(1, "echo"))
    work = post.await_work()

    with pytest.raises(PayloadTooLarge):
        work.send(notification("note", text=noise(3000)), lambda _: None)

    assert post.bus.started["publish", RESPONSES] == 0


# -- the control queue -----------------------------------------------------------------------------


def test_what_is_meant_for_one_worker_reaches_it_alone(
    take_post: TakePost, alice: RawClient
) -> None:
    meant, other = take_post(), take_post()
    message = JSONRPCResponse(jsonrpc="2.0", id=f"w{meant.config.worker_id}:1", result={})

    alice.send(message, worker_id=meant.config.worker_id)

    (incoming,) = meant.await_arrivals(1)
    assert isinstance(incoming, Incoming)
    assert incoming.message == message
    control = meant.memory.control_queue(meant.config)
    meant.bus.wait_until(lambda: meant.bus.depth(control) == 0)
    assert other.arrivals == []


def test_a_control_message_arrives_though_every_slot_is_taken(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(max_in_flight=1)
    alice.send(tool_call(1, "slow"))
    post.await_work()

    alice.send(notification("notifications/cancelled", requestId=1), worker_id="*")

    assert len(post.await_arrivals(2)) == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Outgoing("hello", {}), "body is not JSON"),
        (Outgoing(GOOD, ADDRESSED), "a request that names a worker"),
    ],
)
def test_what_does_not_belong_into_a_control_queue_is_put_aside(
    post: Post, message: Outgoing, reason: str
) -> None:
    control = post.memory.control_queue(post.config)

    post.bus.send(control, message)
    post.await_count("parked_count", 1)
    post.bus.wait_until(lambda: post.bus.depth(control) == 0)

    (letter,) = post.bus.receive(DEAD_LETTERS, max_count=10, wait_seconds=0, lease_seconds=30)
    assert letter.attributes[REASON_ATTRIBUTE] == reason
    assert post.arrivals == []


def test_a_control_message_that_nobody_takes_comes_again(
    take_post: TakePost, alice: RawClient
) -> None:
    post = take_post(lease_seconds=1)
    post.is_open = False
    control = post.memory.control_queue(post.config)

    alice.send(notification("note"), worker_id="*")
    post.bus.wait_until(lambda: post.bus.started["receive", control] >= 2)
    post.is_open = True

    post.await_arrivals(1)


def test_a_worker_may_have_no_control_queue(take_post: TakePost, alice: RawClient) -> None:
    post = take_post(control_queue_url=None, worker_id=None)

    alice.send(tool_call(1, "echo"))

    work = post.await_work()
    work.answer(answer(work))
    assert len(alice.take()) == 1


# -- statistics ------------------------------------------------------------------------------------


def test_statistics_tell_what_runs_and_whether_the_queue_can_be_read(
    post: Post, alice: RawClient
) -> None:
    alice.send(tool_call(1, "slow"), tool_call(2, "slow"))
    post.await_works(2)
    down = BusUnavailable("down")

    assert post.link.statistics().in_flight_count == 2
    assert post.link.statistics().last_error is None

    post.bus.wait_until(lambda: post.bus.under_way["receive", SERVER_QUEUE] == 1)
    post.bus.fail("receive", SERVER_QUEUE, down)
    alice.send(notification("wake"))
    post.bus.wait_until(lambda: post.link.statistics().last_error is down)


def test_cancellations_are_delivered_before_the_requests_of_the_same_batch(
    memory: MemoryDeployment, take_post: TakePost, alice: RawClient
) -> None:
    alice.send(tool_call(1, "slow"), notification("notifications/cancelled", requestId=1))

    # Without a way to other workers, nothing that is passed on comes back.
    cancel, work = take_post(request_topic_arn=None).await_arrivals(2)

    assert isinstance(cancel, Incoming)
    assert isinstance(work, Work)
    assert isinstance(work.request, JSONRPCRequest)

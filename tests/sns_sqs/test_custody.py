"""Requests in a worker's hands, and what becomes of them when two workers have the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import JSONRPCResponse

from asyncmcp_nb.errors import AnswerStoreError, BusError, BusUnavailable
from asyncmcp_nb.sns_sqs.answers import AnswerStore, Claim, MemoryAnswers, Standing
from asyncmcp_nb.sns_sqs.custody import Custody
from asyncmcp_nb.sns_sqs.server_link import Arrival, ServerLink
from asyncmcp_nb.sns_sqs.statistics import Tally
from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire import Outgoing, encode
from asyncmcp_nb.wire.attributes import REASON_ATTRIBUTE
from tests.helpers import (
    DEAD_LETTERS,
    PATIENCE_SECONDS,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    WatchedBus,
    tool_call,
)
from tests.sns_sqs.conftest import work_of

ANSWER = Outgoing("answer", {})
LONG_LEASE = 3600.0


class SlowAnswers(MemoryAnswers):
    """A store whose claims wait for a word of the test."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        self.asked.set()
        assert self.go_on.wait(PATIENCE_SECONDS)
        return super().claim(worker, claims, now)


class Post:
    """A worker's link that takes requests, or refuses them, or fails."""

    def __init__(
        self, memory: MemoryDeployment, store: AnswerStore | None, **settings: Any
    ) -> None:
        self.works: list[Work] = []
        self.refuses: Callable[[Work], bool] = lambda _: False
        self.bus = memory.bus
        self.link = ServerLink(memory.bus, memory.server(**settings), self._take, answers=store)
        self.link.start()

    def _take(self, arrival: Arrival) -> bool:
        assert isinstance(arrival, Work)
        if self.refuses(arrival):
            return False
        self.works.append(arrival)
        return True

    def await_work(self, count: int = 1) -> Work:
        self.bus.wait_until(lambda: len(self.works) >= count)
        return self.works[-1]


TakePost = Callable[..., Post]


@pytest.fixture
def store() -> MemoryAnswers:
    return MemoryAnswers()


@pytest.fixture
def take_post(memory: MemoryDeployment) -> Generator[TakePost]:
    posts: list[Post] = []

    def make(store: AnswerStore | None = None, **settings: Any) -> Post:
        posts.append(Post(memory, store, **settings))
        return posts[-1]

    yield make
    for post in posts:
        post.link.close()


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def answer(work: Work, **result: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=work.request.id, result=result)


def await_empty_queue(post: Post) -> None:
    post.bus.wait_until(lambda: post.bus.depth(SERVER_QUEUE) == 0)


# -- handing back ----------------------------------------------------------------------------------


def test_a_request_that_is_handed_back_is_nobodys_even_if_the_queue_does_not_hear_of_it(
    take_post: TakePost, alice: RawClient, store: MemoryAnswers
) -> None:
    full = take_post(store, lease_seconds=LONG_LEASE, max_in_flight=1)
    full.refuses = lambda _: True
    full.bus.fail("hand_back", SERVER_QUEUE, BusUnavailable("down"))
    alice.send(tool_call(1, "slow"))
    full.bus.wait_until(lambda: full.link.statistics().handed_back_count == 1)
    full.link.stop_receiving()

    other = take_post(store, lease_seconds=LONG_LEASE)
    alice.send(tool_call(1, "slow"))
    work = other.await_work()
    work.answer(answer(work))

    assert len(alice.take()) == 1


def test_a_request_that_cannot_be_begun_comes_again_and_costs_the_others_nothing(
    take_post: TakePost, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    post = take_post(lease_seconds=LONG_LEASE)
    failures = iter([True])

    def fail_once(work: Work) -> bool:
        if work.request.id == 1 and next(failures, False):
            raise RuntimeError("a bug")
        return False

    post.refuses = fail_once
    alice.send(*[tool_call(number, "slow") for number in range(4)])

    post.await_work(4)
    assert sorted(str(work.request.id) for work in post.works) == ["0", "1", "2", "3"]
    assert caplog.messages == ["a request could not be begun; it comes again"]


class TimingBus(WatchedBus):
    """A bus that notes for how long messages stay invisible."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        self.seconds.append(lease_seconds)
        return super().extend(queue, receipts, lease_seconds)


def test_an_answer_that_is_refused_for_ever_is_sent_again_at_ever_longer_intervals(
    alice: RawClient,
) -> None:
    bus = TimingBus()
    bus.create_queue(SERVER_QUEUE)
    desk = Desk(MemoryDeployment(bus), MemoryAnswers(), lease_seconds=30)
    message = encode(tool_call(1, "echo"), alice.header(tool_call(1, "echo")), limit_bytes=2**20)
    bus.send(SERVER_QUEUE, message)
    [delivery] = bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=0, lease_seconds=30)

    for count in (*range(1, 10), 5_000):
        desk.custody.postpone(work_of(replace(delivery, receive_count=count), desk.link))

    assert bus.seconds == [0, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    desk.custody.close(1.0)
    bus.close()


# -- claims ----------------------------------------------------------------------------------------


def test_a_request_keeps_its_lease_while_the_store_is_slow(
    take_post: TakePost, alice: RawClient
) -> None:
    slow = SlowAnswers()
    post = take_post(slow, lease_seconds=1)
    alice.send(tool_call(1, "slow"))

    post.bus.wait_until(lambda: post.bus.started["extend", SERVER_QUEUE] >= 4)
    slow.go_on.set()
    work = post.await_work()

    assert work.delivery.receive_count == 1
    work.answer(answer(work))
    await_empty_queue(post)


class Desk:
    """A custody without a link's threads: the test is the poller."""

    def __init__(
        self, memory: MemoryDeployment, store: AnswerStore, lease_seconds: float = LONG_LEASE
    ) -> None:
        config = memory.server(lease_seconds=lease_seconds)
        self.bus = memory.bus
        self.link = ServerLink(memory.bus, config, lambda _: False)
        self.custody = Custody(memory.bus, config, Tally(), answers=store)

    def receive(self) -> Work:
        [delivery] = self.bus.receive(
            SERVER_QUEUE, max_count=1, wait_seconds=1, lease_seconds=LONG_LEASE
        )
        return work_of(delivery, self.link)


@pytest.fixture
def slow() -> SlowAnswers:
    return SlowAnswers()


@pytest.fixture
def desk(memory: MemoryDeployment, slow: SlowAnswers) -> Generator[Desk]:
    desk = Desk(memory, slow)
    yield desk
    desk.custody.close(1.0)


def admit_twice(desk: Desk, slow: SlowAnswers) -> tuple[Work, list[tuple[Work, Any]]]:
    """Take a request, and a duplicate of it while the first one's claim is under way."""
    first, second = desk.receive(), desk.receive()
    with ThreadPoolExecutor(1) as poller:
        admitted = poller.submit(desk.custody.admit, [first])
        assert slow.asked.wait(PATIENCE_SECONDS)
        assert desk.custody.admit([second]) == []
        slow.go_on.set()
        return first, admitted.result(PATIENCE_SECONDS)


def others_claim(
    slow: SlowAnswers, work_identity: str, message_id: str = "another message"
) -> None:
    slow.live("other", 2**40)
    MemoryAnswers.claim(slow, "other", [Claim(work_identity, message_id)], 0)


def test_a_duplicate_that_comes_while_a_request_is_claimed_shares_its_fate_when_it_is_granted(
    desk: Desk, slow: SlowAnswers, alice: RawClient
) -> None:
    alice.send(tool_call(1, "slow"), tool_call(1, "slow"))

    work, admitted = admit_twice(desk, slow)

    assert admitted == [(work, None)]
    assert len(work.receipts) == 2
    desk.custody.acknowledge(work)
    desk.bus.wait_until(lambda: desk.bus.depth(SERVER_QUEUE) == 0)


def test_a_duplicate_that_comes_while_a_request_is_claimed_claims_for_itself_when_another_runs_it(
    desk: Desk, slow: SlowAnswers, alice: RawClient
) -> None:
    others_claim(slow, f"{alice.connection_id} 1")
    alice.send(tool_call(1, "slow"), tool_call(1, "slow"))

    work, admitted = admit_twice(desk, slow)

    assert admitted == []
    assert (work.ended, desk.custody.running()) == (True, [])
    assert desk.custody.admit([desk.receive()]) == []
    desk.bus.wait_until(lambda: desk.bus.depth(SERVER_QUEUE) == 0)


@pytest.mark.parametrize("is_first", [True, False])
def test_the_message_of_a_worker_that_died_unnoticed_is_not_dropped_with_a_duplicate_of_it(
    desk: Desk, slow: SlowAnswers, alice: RawClient, is_first: bool
) -> None:
    """Both come to the same worker at once: the queue gives away what the dead one held."""
    alice.send(tool_call(1, "slow"), tool_call(1, "slow"))
    works = [desk.receive(), desk.receive()]
    dead_ones = works[0 if is_first else 1].delivery.message_id
    others_claim(slow, works[0].identity, dead_ones)
    slow.go_on.set()

    admitted = desk.custody.admit(works)
    if not admitted:
        admitted = desk.custody.admit([desk.receive()])

    [(work, answer)] = admitted
    assert (work.delivery.message_id, answer) == (dead_ones, None)
    desk.bus.wait_until(lambda: desk.bus.depth(SERVER_QUEUE) == len(work.receipts))


def test_a_duplicate_that_comes_while_a_request_is_claimed_shares_its_fate_when_it_has_an_answer(
    desk: Desk, slow: SlowAnswers, alice: RawClient
) -> None:
    slow.keep({f"{alice.connection_id} 1": ANSWER}, now=0, until=2**40)
    alice.send(tool_call(1, "slow"), tool_call(1, "slow"))

    work, admitted = admit_twice(desk, slow)

    assert admitted == [(work, ANSWER)]
    # From here on none joins it: who would acknowledge that one?
    assert (work.ended, len(work.receipts), desk.custody.running()) == (True, 2, [])


class Forgetful(MemoryAnswers):
    """A store that does not hear once that a claim is given up."""

    def __init__(self) -> None:
        super().__init__()
        self.has_failed = False
        self.released = threading.Event()

    def release(self, worker: str, keys: Sequence[str]) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise AnswerStoreError("another process keeps it locked")
        super().release(worker, keys)
        self.released.set()


def test_a_request_that_was_given_up_runs_once_a_person_sends_it_back(
    take_post: TakePost, alice: RawClient
) -> None:
    """Though the store did not hear of it at first, and the worker that gave it up lives on."""
    store, bus = Forgetful(), alice.deployment.bus
    alice.send(tool_call(1, "echo"))
    [delivery] = bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=1, lease_seconds=30)
    bus.extend(SERVER_QUEUE, [delivery.receipt], 0)
    first = take_post(store, max_attempt_count=1, lease_seconds=1)
    alice.take()
    await_empty_queue(first)
    first.link.stop_receiving()

    assert store.released.wait(PATIENCE_SECONDS)
    second = take_post(store)
    [letter] = bus.receive(DEAD_LETTERS, max_count=1, wait_seconds=0, lease_seconds=30)
    attributes = {k: v for k, v in letter.attributes.items() if k != REASON_ATTRIBUTE}
    bus.publish(REQUESTS, [Outgoing(letter.body, attributes)])

    work = second.await_work()
    work.answer(answer(work))
    assert [i.message for i in alice.take()] == [answer(work)]


# -- who is whose ----------------------------------------------------------------------------------


def test_requests_of_a_script_that_numbers_them_alike_are_told_apart_by_what_they_say(
    take_post: TakePost, alice: RawClient, store: MemoryAnswers
) -> None:
    """Without a connection there is nothing else to tell them apart."""
    post = take_post(store)
    for text in ("one", "other"):
        alice.send(tool_call(1, "echo", {"text": text}), connection_id=None)
        work = post.await_work(len(post.works) + 1)
        work.answer(answer(work, text=text))

    assert [i.message for i in alice.take(2)] == [
        answer(post.works[0], text="one"),
        answer(post.works[1], text="other"),
    ]


def test_requests_of_a_script_that_were_sent_at_different_times_are_different(
    take_post: TakePost, alice: RawClient, store: MemoryAnswers
) -> None:
    post = take_post(store)
    for sent_at in (100.0, 200.0):
        alice.send(tool_call(1, "echo"), connection_id=None, timestamp=sent_at)
        work = post.await_work(len(post.works) + 1)
        work.answer(answer(work))

    assert len(alice.take(2)) == 2


def test_a_duplicate_of_a_scripts_request_is_answered_without_a_run(
    take_post: TakePost, alice: RawClient, store: MemoryAnswers
) -> None:
    post = take_post(store)
    for _ in range(2):
        alice.send(tool_call(1, "echo"), connection_id=None, timestamp=100.0)
    work = post.await_work()
    work.answer(answer(work))

    alice.take()
    await_empty_queue(post)
    assert len(post.works) == 1

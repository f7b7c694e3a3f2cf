"""Requests that end otherwise: put aside once, told of once, and never held for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncmcp_nb.errors import BusUnavailable
from asyncmcp_nb.sns_sqs.answering import Answering
from asyncmcp_nb.sns_sqs.custody import Custody
from asyncmcp_nb.sns_sqs.messages import Messages
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.parking import Parking
from asyncmcp_nb.sns_sqs.publisher import Publisher
from asyncmcp_nb.sns_sqs.statistics import Tally
from asyncmcp_nb.sns_sqs.work import Work
from tests.helpers import (
    DEAD_LETTERS,
    PATIENCE_SECONDS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    error_of,
    tool_call,
)
from tests.sns_sqs.conftest import work_of

SLOT_COUNT = 4


class SlowTally(Tally):
    """Lets a duplicate wait, once it knows the request that it is to join."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def add(self, name: str) -> None:
        if name == "redelivered":
            self.asked.set()
            assert self.go_on.wait(PATIENCE_SECONDS)
        super().add(name)


class Desk:
    """What a link consists of, without its pollers: the test takes the requests."""

    def __init__(self, memory: MemoryDeployment, tally: Tally) -> None:
        config = memory.server(max_in_flight=SLOT_COUNT, lease_seconds=1)
        self.bus = memory.bus
        messages = Messages(self.bus, config, outbound="to-client")
        self.custody = Custody(self.bus, config, tally, answers=None)
        self.publisher = Publisher(messages, config, self.custody.claims, pace=Pace(0.0))
        parking = Parking(self.bus, messages, config.dead_letter_queue_url)
        self.answering = Answering(
            config, messages, self.publisher, custody=self.custody, parking=parking
        )

    def receive(self) -> Work:
        """Take one more request, and a slot for it."""
        assert self.custody.slots.take(1) == 1
        [delivery] = self.bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=1, lease_seconds=1)
        return work_of(delivery, self.answering)

    def close(self) -> None:
        self.publisher.close(1.0)
        self.custody.close(1.0)


@pytest.fixture
def tally() -> SlowTally:
    return SlowTally()


@pytest.fixture
def desk(memory: MemoryDeployment, tally: SlowTally) -> Generator[Desk]:
    desk = Desk(memory, tally)
    yield desk
    tally.go_on.set()
    desk.close()


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def while_it_is_put_aside(desk: Desk, work: Work, act: Callable[[], object]) -> None:
    """Give a request up, and do something before its copy is in the dead-letter queue."""
    bus = desk.bus
    with ThreadPoolExecutor(1) as poller:
        with bus.hold("send", DEAD_LETTERS):
            given_up = poller.submit(desk.answering.give_up, work)
            bus.wait_until(lambda: bus.under_way["send", DEAD_LETTERS] == 1)
            act()
        given_up.result(PATIENCE_SECONDS)


def test_a_duplicate_of_a_request_that_is_given_up_comes_again(
    desk: Desk, tally: SlowTally, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"), tool_call(1, "echo"))
    first, second = desk.receive(), desk.receive()
    desk.custody.admit([first])

    with ThreadPoolExecutor(1) as poller:

        def begin_to_join() -> None:
            poller.submit(desk.custody.admit, [second])
            assert tally.asked.wait(PATIENCE_SECONDS)

        while_it_is_put_aside(desk, first, begin_to_join)
        alice.take()
        desk.bus.wait_until(lambda: desk.bus.depth(SERVER_QUEUE) == 1)
        tally.go_on.set()

    [again] = desk.bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=10, lease_seconds=1)
    assert again.message_id == second.delivery.message_id


def test_a_worker_that_closes_while_it_gives_a_request_up_does_not_hand_it_back(
    desk: Desk, alice: RawClient
) -> None:
    alice.send(tool_call(1, "echo"))
    work = desk.receive()
    desk.custody.admit([work])

    while_it_is_put_aside(desk, work, work.hand_back)

    [told] = alice.take()
    assert "The request was given up" in error_of(told.message)
    desk.bus.wait_until(lambda: desk.bus.depth(SERVER_QUEUE) == 0)
    assert desk.custody.slots.take(10) == SLOT_COUNT


def test_a_request_that_cannot_be_put_aside_comes_again_later(desk: Desk, alice: RawClient) -> None:
    """At once would have its queue put it aside within seconds, and its caller not told."""
    bus = desk.bus
    alice.send(tool_call(1, "echo"))
    work = desk.receive()
    bus.extend(SERVER_QUEUE, work.receipts, 0)
    [again] = bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=1, lease_seconds=1)
    work = work_of(again, desk.answering)
    desk.custody.admit([work])
    bus.fail("send", DEAD_LETTERS, BusUnavailable("down"))

    desk.answering.give_up(work)

    # By hand once, by the test.
    assert (bus.started["hand_back", SERVER_QUEUE], bus.started["extend", SERVER_QUEUE]) == (1, 1)
    assert (alice.waiting_count(), bus.depth(SERVER_QUEUE)) == (0, 1)
    assert (desk.custody.running(), desk.custody.slots.take(10)) == ([], SLOT_COUNT)


def test_a_request_that_ended_in_a_bug_is_not_taken_for_one_that_runs(
    desk: Desk, alice: RawClient
) -> None:
    """What joined it, when it comes again, would never be answered."""
    alice.send(tool_call(1, "echo"))
    work = desk.receive()
    desk.custody.admit([work])
    work.end()

    desk.custody.postpone(work)

    again = desk.receive()
    assert desk.custody.admit([again]) == [(again, None)]
    assert desk.custody.slots.take(10) == SLOT_COUNT - 1

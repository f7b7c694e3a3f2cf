"""Threads that take messages from one queue."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.errors import BusUnavailable
from asyncmcp_nb.sns_sqs import poller as poller_module
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.poller import Handle, Poller, Slots
from asyncmcp_nb.wire import Outgoing
from tests.helpers import PATIENCE_SECONDS, WatchedBus

QUEUE = "work"


@pytest.fixture
def bus() -> Generator[WatchedBus]:
    bus = WatchedBus()
    bus.create_queue(QUEUE)
    yield bus
    bus.close()


class Taken:
    """Collects what a poller hands on, and acknowledges it."""

    def __init__(self, bus: WatchedBus) -> None:
        self._bus = bus
        self.bodies: list[str] = []

    def __call__(self, deliveries: Sequence[Delivery]) -> None:
        self.bodies += [delivery.body for delivery in deliveries]
        self._bus.ack(QUEUE, [delivery.receipt for delivery in deliveries])


Poll = Callable[..., Poller]


@pytest.fixture
def poll(bus: WatchedBus) -> Generator[Poll]:
    pollers: list[Poller] = []

    def start(handle: Handle, **settings: Any) -> Poller:
        defaults: dict[str, Any] = {"thread_count": 3, "wait_seconds": 20.0, "lease_seconds": 30.0}
        poller = Poller(bus, QUEUE, handle, **(defaults | settings))
        pollers.append(poller)
        poller.start()
        return poller

    yield start
    for poller in pollers:
        poller.close()


def put(bus: WatchedBus, count: int) -> None:
    for number in range(count):
        bus.send(QUEUE, Outgoing(str(number), {}))


def polls_under_way(bus: WatchedBus) -> int:
    return bus.under_way["receive", QUEUE]


def poll_count(bus: WatchedBus) -> int:
    return bus.started["receive", QUEUE]


EARLIER: set[threading.Thread] = set()
"""Threads that tests before this one left to their long polls."""


@pytest.fixture(autouse=True)
def note_earlier_threads() -> None:
    EARLIER.clear()
    EARLIER.update(threading.enumerate())


def threads() -> list[threading.Thread]:
    """The poller threads of this test."""
    new = set(threading.enumerate()) - EARLIER
    return [thread for thread in new if thread.name.startswith("asyncmcp-poll-")]


def test_what_is_put_into_the_queue_is_handed_on(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    put(bus, 2)
    poll(taken)

    bus.wait_until(lambda: len(taken.bodies) == 2)
    put(bus, 1)

    bus.wait_until(lambda: len(taken.bodies) == 3)
    assert taken.bodies == ["0", "1", "0"]


def test_one_poll_waits_at_an_idle_queue(bus: WatchedBus, poll: Poll) -> None:
    poll(Taken(bus), thread_count=5)

    bus.wait_until(lambda: polls_under_way(bus) == 1)
    assert poll_count(bus) == 1


def test_others_join_while_receives_come_back_full_and_leave_when_they_come_back_empty(
    bus: WatchedBus, poll: Poll
) -> None:
    together = threading.Barrier(3)
    batches: list[int] = []

    def handle(deliveries: Sequence[Delivery]) -> None:
        bus.ack(QUEUE, [delivery.receipt for delivery in deliveries])
        batches.append(len(deliveries))
        if len(batches) > 3:  # three full batches later, there are three of them
            together.wait(PATIENCE_SECONDS)

    put(bus, 60)
    poll(handle)

    bus.wait_until(lambda: len(batches) == 6)
    assert batches == [10] * 6
    # Both helpers come back empty after a second; then one long poll is all there is.
    bus.wait_until(lambda: polls_under_way(bus) == 3)
    bus.wait_until(lambda: polls_under_way(bus) == 1)


def test_no_more_is_taken_than_there_are_slots(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    slots = Slots(3)
    put(bus, 20)
    poll(taken, slots=slots)
    bus.wait_until(lambda: len(taken.bodies) == 3)
    assert polls_under_way(bus) == 0

    slots.give_back(2)

    bus.wait_until(lambda: len(taken.bodies) == 5)
    assert polls_under_way(bus) == 0


def test_a_poller_that_another_leaves_without_room_waits_for_more(
    bus: WatchedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "_ROOM_SECONDS", 0.1)
    slots = Slots(8)
    assert slots.take(7) == 7
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.append(slots.take(10)))
    thread.start()
    # It has seen that there is one, and waits for a second.
    untyped: Any = slots
    bus.wait_until(lambda: len(untyped._changed._waiters) == 1)

    assert slots.take(1) == 1
    thread.join(0.3)
    slots.give_back(2)

    thread.join(PATIENCE_SECONDS)
    assert taken == [2]


def test_room_that_comes_piece_by_piece_is_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller_module, "_ROOM_SECONDS", PATIENCE_SECONDS)
    slots = Slots(16)
    assert slots.take(16) == 16
    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.append(slots.take(10)))
    thread.start()

    for _ in range(4):
        slots.give_back(1)

    thread.join(PATIENCE_SECONDS)
    assert taken == [4]


def test_the_last_slots_are_taken_although_no_others_come(
    bus: WatchedBus, poll: Poll, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "_ROOM_SECONDS", 0.01)
    slots = Slots(16)
    assert slots.take(10) == 10
    assert slots.take(5) == 5
    taken = Taken(bus)
    put(bus, 2)

    poll(taken, slots=slots)

    bus.wait_until(lambda: len(taken.bodies) == 1)


def test_the_pause_at_a_busy_queue_has_an_end(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    pace = Pace(0.05, clock=lambda: 0.0)
    pace.note([3600.0] * 20)
    assert pace.refill_seconds() == 0.05
    put(bus, 1)
    poll(taken, pace=pace)
    bus.wait_until(lambda: len(taken.bodies) == 1)

    put(bus, 9)

    bus.wait_until(lambda: len(taken.bodies) == 10)


def test_closing_ends_the_pause_at_a_busy_queue(bus: WatchedBus, poll: Poll) -> None:
    pace = Pace(3600.0, clock=lambda: 0.0)
    pace.note([36_000.0, 36_000.0])
    put(bus, 1)
    poller = poll(Taken(bus), pace=pace, thread_count=1)
    bus.wait_until(lambda: poll_count(bus) == 1 and polls_under_way(bus) == 0)
    (thread,) = threads()

    poller.close()

    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert poll_count(bus) == 1


def test_an_empty_poll_occupies_no_slot(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    slots = Slots(2)
    poll(taken, slots=slots, wait_seconds=0.01)
    bus.wait_until(lambda: poll_count(bus) >= 5)

    put(bus, 3)

    bus.wait_until(lambda: len(taken.bodies) == 2)
    assert polls_under_way(bus) == 0


def test_failed_polls_are_tried_again_after_a_pause_and_reported_once(
    bus: WatchedBus, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    taken = Taken(bus)
    down = BusUnavailable("down")
    bus.fail("receive", QUEUE, down, down)
    put(bus, 1)

    poller = poll(taken, thread_count=1)
    bus.wait_until(lambda: poller.last_error is down)
    bus.wait_until(lambda: len(taken.bodies) == 1)

    bus.wait_until(lambda: poll_count(bus) == 4)
    assert poller.last_error is None
    assert [r.message for r in caplog.records] == ["receiving failed, trying again: down"]


def test_a_bug_below_is_logged_and_the_thread_goes_on(
    bus: WatchedBus,
    poll: Poll,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(poller_module, "_LAST_BACKOFF_SECONDS", 0.05)
    taken = Taken(bus)
    bus.fail("receive", QUEUE, ZeroDivisionError())
    put(bus, 1)

    poll(taken, thread_count=1)

    bus.wait_until(lambda: taken.bodies == ["0"])
    assert caplog.messages == ["receiving failed unexpectedly, trying again"]


def test_a_failed_poll_gives_its_slots_back(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    bus.fail("receive", QUEUE, BusUnavailable("down"))
    put(bus, 2)

    poll(taken, slots=Slots(2), thread_count=1)

    bus.wait_until(lambda: len(taken.bodies) == 2)


def test_closing_ends_the_pause_after_a_failed_poll(bus: WatchedBus, poll: Poll) -> None:
    bus.fail("receive", QUEUE, *[BusUnavailable("down")] * 20)
    poller = poll(Taken(bus), thread_count=1)
    bus.wait_until(lambda: poll_count(bus) == 3)
    (thread,) = threads()

    poller.close()

    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert poll_count(bus) <= 4


def test_messages_that_could_not_be_taken_come_again(
    bus: WatchedBus, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    taken = Taken(bus)
    first = threading.Event()

    def handle(deliveries: Sequence[Delivery]) -> None:
        if not first.is_set():
            first.set()
            raise ZeroDivisionError
        taken(deliveries)

    put(bus, 1)
    poll(handle, slots=Slots(1), lease_seconds=0.2)

    bus.wait_until(lambda: taken.bodies == ["0"])
    assert [r.message for r in caplog.records] == ["1 messages could not be taken; they come again"]


def test_a_closed_bus_ends_the_threads(bus: WatchedBus, poll: Poll) -> None:
    put(bus, 1)
    poll(Taken(bus), thread_count=1)
    bus.wait_until(lambda: polls_under_way(bus) == 1 and poll_count(bus) == 2)
    (thread,) = threads()

    bus.close()

    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_closing_waits_for_no_poll(bus: WatchedBus, poll: Poll) -> None:
    poller = poll(Taken(bus))
    bus.wait_until(lambda: polls_under_way(bus) == 1)

    poller.close()

    assert polls_under_way(bus) == 1


def test_what_a_poll_still_brings_after_close_is_handed_back_at_once(
    bus: WatchedBus, poll: Poll
) -> None:
    taken = Taken(bus)
    poller = poll(taken, lease_seconds=3600)
    bus.wait_until(lambda: polls_under_way(bus) == 1)

    poller.close()
    put(bus, 1)
    bus.wait_until(lambda: bus.started["hand_back", QUEUE] == 1)

    (again,) = bus.receive(QUEUE, max_count=1, wait_seconds=5, lease_seconds=30)
    assert (taken.bodies, again.receive_count) == ([], 2)


def test_a_poll_that_brings_nothing_after_close_has_nothing_to_hand_back(
    bus: WatchedBus, poll: Poll
) -> None:
    poller = poll(Taken(bus), thread_count=1, wait_seconds=0.1)
    with bus.hold("receive", QUEUE):
        held_at = poll_count(bus) + 1
        bus.wait_until(lambda: poll_count(bus) >= held_at)
        poller.close()
    (thread,) = threads()

    thread.join(PATIENCE_SECONDS)

    assert not thread.is_alive()
    assert bus.started["hand_back", QUEUE] == 0


def test_what_cannot_be_handed_back_waits_for_its_lease_to_end(
    bus: WatchedBus, poll: Poll, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bus.fail("hand_back", QUEUE, BusUnavailable("down"))
    poller = poll(Taken(bus), lease_seconds=0.2)
    bus.wait_until(lambda: polls_under_way(bus) == 1)

    poller.close()
    put(bus, 1)

    bus.wait_until(lambda: bus.started["hand_back", QUEUE] == 1)
    (again,) = bus.receive(QUEUE, max_count=1, wait_seconds=5, lease_seconds=30)
    assert again.receive_count == 2
    assert "1 messages wait for their lease to end: down" in caplog.messages


def test_closing_lets_pollers_go_that_wait_for_a_slot(bus: WatchedBus, poll: Poll) -> None:
    taken = Taken(bus)
    put(bus, 1)
    poller = poll(taken, slots=Slots(1), thread_count=1)
    bus.wait_until(lambda: len(taken.bodies) == 1)
    (thread,) = threads()

    poller.close()

    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


# -- what is set aside -----------------------------------------------------------------------------


def test_what_is_set_aside_makes_room_up_to_a_bound() -> None:
    slots = Slots(3, aside_count=2)
    assert slots.take(3) == 3
    for _ in range(3):
        slots.set_aside()
    assert slots.take(10) == 2

    slots.give_back_aside()  # the one that had kept its slot can have its room now
    assert slots.take(10) == 1
    slots.give_back(3)
    slots.give_back_aside()
    slots.give_back_aside()

    assert slots.take(10) == 3

"""Keeping hold of messages that are being worked on."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

import pytest

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.errors import BusUnavailable
from asyncmcp_nb.sns_sqs.leases import LeaseKeeper
from asyncmcp_nb.wire import Outgoing
from tests.helpers import WatchedBus

QUEUE = "work"
LEASE_SECONDS = 0.3


@pytest.fixture
def bus() -> Generator[WatchedBus]:
    bus = WatchedBus()
    bus.create_queue(QUEUE)
    yield bus
    bus.close()


Keep = Callable[[float], LeaseKeeper]


@pytest.fixture
def keep(bus: WatchedBus) -> Generator[Keep]:
    keepers: list[LeaseKeeper] = []

    def make(lease_seconds: float) -> LeaseKeeper:
        keepers.append(LeaseKeeper(bus, QUEUE, lease_seconds=lease_seconds))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.close()


def take(
    bus: WatchedBus, count: int, *, lease_seconds: float, wait_seconds: float = 0
) -> list[Delivery]:
    taken: list[Delivery] = []
    while len(taken) < count:
        batch = bus.receive(
            QUEUE,
            max_count=min(10, count - len(taken)),
            wait_seconds=wait_seconds,
            lease_seconds=lease_seconds,
        )
        if not batch:
            break
        taken += batch
    return taken


def put(bus: WatchedBus, count: int) -> None:
    for number in range(count):
        bus.send(QUEUE, Outgoing(f"message {number}", {}))


def extended_count(bus: WatchedBus) -> int:
    return bus.started["extend", QUEUE]


def test_a_lease_that_is_held_outlives_its_length_many_times(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 1)
    keeper = keep(LEASE_SECONDS)
    (delivery,) = take(bus, 1, lease_seconds=LEASE_SECONDS)

    keeper.hold([delivery.receipt], time.monotonic())
    bus.wait_until(lambda: extended_count(bus) >= 8)

    assert take(bus, 1, lease_seconds=30) == []
    assert (keeper.held_count, keeper.lost_count) == (1, 0)


def test_a_lease_that_is_dropped_runs_out(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 1)
    keeper = keep(LEASE_SECONDS)
    (delivery,) = take(bus, 1, lease_seconds=LEASE_SECONDS)
    keeper.hold([delivery.receipt], time.monotonic())
    bus.wait_until(lambda: extended_count(bus) >= 1)

    keeper.drop(delivery.receipt)

    (again,) = take(bus, 1, lease_seconds=30, wait_seconds=5)
    assert (again.body, again.receive_count) == (delivery.body, 2)
    assert keeper.held_count == 0


def test_after_close_nothing_is_extended(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 1)
    keeper = keep(LEASE_SECONDS)
    (delivery,) = take(bus, 1, lease_seconds=LEASE_SECONDS)
    keeper.hold([delivery.receipt], time.monotonic())

    keeper.close()

    (again,) = take(bus, 1, lease_seconds=30, wait_seconds=5)
    assert again.receive_count == 2


def test_leases_are_extended_ten_in_a_request(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 25)
    keeper = keep(60)
    taken = take(bus, 25, lease_seconds=60)

    # As if they had been taken long ago: all are due at once, and not again for a while.
    keeper.hold([delivery.receipt for delivery in taken], time.monotonic() - 30)
    bus.wait_until(lambda: extended_count(bus) == 3)

    assert keeper.held_count == 25
    assert bus.statistics().requests["ChangeMessageVisibilityBatch"] == 3


def test_a_lease_is_first_extended_when_a_third_of_it_is_over(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 2)
    keeper = keep(60)
    first, second = take(bus, 2, lease_seconds=60)

    keeper.hold([first.receipt], time.monotonic() - 19)
    keeper.hold([second.receipt], time.monotonic() - 21)
    bus.wait_until(lambda: extended_count(bus) == 1)

    assert bus.statistics().requests["ChangeMessageVisibilityBatch"] == 1


def test_a_lease_that_has_ended_is_given_up_and_counted(
    bus: WatchedBus, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    put(bus, 2)
    keeper = keep(LEASE_SECONDS)
    gone, kept = take(bus, 2, lease_seconds=LEASE_SECONDS)
    bus.ack(QUEUE, [gone.receipt])

    keeper.hold([gone.receipt, kept.receipt], time.monotonic())
    bus.wait_until(lambda: keeper.lost_count == 1)

    bus.wait_until(lambda: keeper.held_count == 1)
    assert [record.message for record in caplog.records] == ["a lease was lost: lease has ended"]


def test_a_failed_extension_is_tried_again_before_the_lease_ends(
    bus: WatchedBus, keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    put(bus, 1)
    keeper = keep(LEASE_SECONDS)
    (delivery,) = take(bus, 1, lease_seconds=LEASE_SECONDS)
    bus.fail("extend", QUEUE, BusUnavailable("down"), BusUnavailable("down"))

    keeper.hold([delivery.receipt], time.monotonic())
    bus.wait_until(lambda: extended_count(bus) >= 6)

    assert take(bus, 1, lease_seconds=30) == []
    assert keeper.lost_count == 0
    assert [record.message for record in caplog.records] == [
        "leases of 1 messages were not extended: down"
    ] * 2


def test_a_lease_dropped_while_it_is_extended_stays_dropped(bus: WatchedBus, keep: Keep) -> None:
    put(bus, 1)
    keeper = keep(LEASE_SECONDS)
    (delivery,) = take(bus, 1, lease_seconds=60)
    with bus.hold("extend", QUEUE):
        keeper.hold([delivery.receipt], time.monotonic())
        bus.wait_until(lambda: extended_count(bus) == 1)
        keeper.drop(delivery.receipt)
    bus.wait_until(lambda: bus.under_way["extend", QUEUE] == 0)

    (again,) = take(bus, 1, lease_seconds=30, wait_seconds=5)
    assert (again.receive_count, extended_count(bus), keeper.held_count) == (2, 1, 0)

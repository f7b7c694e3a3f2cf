"""Measuring queues: when they are asked, and what is said of those that do not answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asyncmcp_nb.bus import MemoryBus, QueueDepth
from asyncmcp_nb.errors import BusClosed, BusDenied, BusError, BusNotFound, BusUnavailable
from asyncmcp_nb.sns_sqs.depths import UNKNOWN, DepthGauge, Measured
from asyncmcp_nb.wire import Outgoing
from tests.helpers import DEAD_LETTERS, SERVER_QUEUE, MemoryDeployment, memory_deployment

QUEUES = [SERVER_QUEUE, DEAD_LETTERS, None]


@pytest.fixture
def memory() -> Iterator[MemoryDeployment]:
    with memory_deployment() as made:
        yield made


class MuteBus(MemoryBus):
    """Measures nothing, and says why."""

    def __init__(self, error: BusError) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._error = error

    def measure(self, queue: str) -> QueueDepth:
        self.asked.append(queue)
        raise self._error


def asked(memory: MemoryDeployment) -> int:
    return memory.bus.statistics().requests.get("GetQueueAttributes", 0)


def test_a_queue_that_was_never_asked_says_so(memory: MemoryDeployment) -> None:
    gauge = DepthGauge(memory.bus, QUEUES)

    assert gauge.latest(SERVER_QUEUE) == gauge.latest(None) == UNKNOWN
    assert (UNKNOWN.waiting_count, UNKNOWN.leased_count, UNKNOWN.age_seconds) == (None, None, None)
    assert str(UNKNOWN) == "not measured yet"
    assert asked(memory) == 0


def test_a_check_measures_every_queue_now(memory: MemoryDeployment) -> None:
    gauge = DepthGauge(memory.bus, QUEUES)
    for _ in range(3):
        memory.bus.send(SERVER_QUEUE, Outgoing("{}", {}))
    memory.bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=0, lease_seconds=30)

    gauge.check()

    found = gauge.latest(SERVER_QUEUE)
    assert (found.waiting_count, found.leased_count) == (2, 1)
    assert str(found) == "2 waiting, 1 in flight"
    assert found.age_seconds is not None
    assert gauge.latest(DEAD_LETTERS).depth == QueueDepth(0, 0)
    assert asked(memory) == 2


def test_looking_again_soon_asks_nobody(memory: MemoryDeployment) -> None:
    gauge = DepthGauge(memory.bus, QUEUES)

    for _ in range(5):
        gauge.refresh()
        memory.bus.wait_until(lambda: asked(memory) == 2)
        memory.bus.wait_until(lambda: gauge.latest(DEAD_LETTERS) != UNKNOWN)

    assert asked(memory) == 2


def test_looking_later_measures_anew_in_a_thread(memory: MemoryDeployment) -> None:
    gauge = DepthGauge(memory.bus, QUEUES, stale_seconds=0.0)
    gauge.check()
    memory.bus.send(SERVER_QUEUE, Outgoing("{}", {}))

    gauge.refresh()

    memory.bus.wait_until(lambda: gauge.latest(SERVER_QUEUE).waiting_count == 1)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BusDenied("arn:aws:iam::123456789012:user/x"), "sqs:GetQueueAttributes is not allowed"),
        (BusNotFound("gone"), "there is no such queue"),
        (BusClosed("closed"), "closed"),
        (BusError("odd"), "BusError"),
    ],
)
def test_a_queue_that_does_not_say_is_unknown_and_why(error: BusError, words: str) -> None:
    bus = MuteBus(error)
    gauge = DepthGauge(bus, QUEUES)

    gauge.check()

    found = gauge.latest(SERVER_QUEUE)
    assert (str(found), found.depth, found.error) == (f"unknown ({words})", None, words)
    assert bus.asked == [SERVER_QUEUE, DEAD_LETTERS]


def test_a_broker_that_is_away_is_waited_for_once() -> None:
    bus = MuteBus(BusUnavailable("no route"))
    gauge = DepthGauge(bus, QUEUES)

    gauge.check()

    assert bus.asked == [SERVER_QUEUE]
    assert str(gauge.latest(DEAD_LETTERS)) == "unknown (the broker cannot be reached)"


def test_a_measurement_is_a_value() -> None:
    assert Measured(QueueDepth(1_234, 5), 0.5).waiting_count == 1_234
    assert str(Measured(QueueDepth(1_234, 5), 0.5)) == "1,234 waiting, 5 in flight"

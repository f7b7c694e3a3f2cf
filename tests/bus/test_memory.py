"""What ``MemoryBus`` adds to the contract: topology, and faults on demand."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncmcp_nb.bus import Faults, MemoryBus
from asyncmcp_nb.errors import BusClosed, BusNotFound, BusUnavailable
from asyncmcp_nb.wire import Outgoing


def bus_with_queue(faults: Faults | None = None, *, seed: int = 0) -> MemoryBus:
    bus = MemoryBus(faults, seed=seed)
    bus.create_topic("topic")
    bus.create_queue("queue")
    bus.subscribe("topic", "queue")
    return bus


def publish(bus: MemoryBus, *bodies: str) -> None:
    assert bus.publish("topic", [Outgoing(body, {}) for body in bodies]) == [None] * len(bodies)


def drain(bus: MemoryBus, queue: str = "queue", *, wait_seconds: float = 0) -> list[str]:
    bodies: list[str] = []
    while got := bus.receive(queue, max_count=10, wait_seconds=wait_seconds, lease_seconds=60):
        bodies += [delivery.body for delivery in got]
        bus.ack(queue, [delivery.receipt for delivery in got])
    return bodies


def test_a_second_subscription_replaces_the_filter_of_the_first() -> None:
    bus = bus_with_queue()
    bus.subscribe("topic", "queue", {"ClientId": ["alice"]})

    bus.publish("topic", [Outgoing("all", {}), Outgoing("hers", {"ClientId": "alice"})])

    assert drain(bus) == ["hers"]


def test_making_a_queue_or_topic_again_keeps_what_it_holds() -> None:
    bus = bus_with_queue()
    publish(bus, "kept")

    bus.create_queue("queue")
    bus.create_topic("topic")

    assert bus.depth("queue") == 1
    assert drain(bus) == ["kept"]


def test_a_deleted_queue_is_fed_no_more() -> None:
    bus = bus_with_queue()
    bus.delete_queue("queue")
    bus.delete_queue("queue")

    publish(bus, "to nobody")

    with pytest.raises(BusNotFound, match="queue"):
        bus.depth("queue")


def test_a_waiting_receive_hears_that_its_queue_was_deleted() -> None:
    bus = bus_with_queue()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(drain, bus, wait_seconds=20)
        bus.delete_queue("queue")

        with pytest.raises(BusNotFound):
            waiting.result(timeout=10)


def test_a_waiting_receive_ends_when_the_bus_is_closed() -> None:
    bus = bus_with_queue()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(drain, bus, wait_seconds=20)
        bus.close()

        with pytest.raises(BusClosed):
            waiting.result(timeout=10)


def test_it_delivers_everything_twice_on_demand() -> None:
    bus = bus_with_queue(Faults(duplicate_share=1))

    publish(bus, "a", "b")

    assert sorted(drain(bus)) == ["a", "a", "b", "b"]


def test_it_reorders_on_demand() -> None:
    bodies = [str(n) for n in range(10)]
    bus = bus_with_queue(Faults(reorder=True))

    publish(bus, *bodies)

    got = drain(bus)
    assert got != bodies
    assert sorted(got) == bodies


def test_it_delays_on_demand_and_a_receive_waits_for_it() -> None:
    bus = bus_with_queue(Faults(delay_seconds=0.2))

    publish(bus, "late")

    assert bus.depth("queue") == 1
    assert drain(bus, wait_seconds=1) == ["late"]


def test_it_loses_accepted_messages_on_demand() -> None:
    bus = bus_with_queue(Faults(drop_share=1))

    publish(bus, "gone")

    assert bus.depth("queue") == 0


def test_a_request_that_fails_on_demand_does_nothing() -> None:
    bus = bus_with_queue(Faults(error_share=1))

    with pytest.raises(BusUnavailable, match="PublishBatch"):
        bus.publish("topic", [Outgoing("x", {})])
    with pytest.raises(BusUnavailable):
        bus.receive("queue", max_count=1, wait_seconds=0, lease_seconds=1)

    bus.faults = Faults()
    assert drain(bus) == []


def test_every_request_takes_time_on_demand() -> None:
    bus = bus_with_queue(Faults(latency_seconds=0.05))
    started = time.monotonic()

    publish(bus, "x")

    assert time.monotonic() - started >= 0.05


def test_the_same_seed_brings_the_same_faults() -> None:
    def run(seed: int) -> list[str]:
        bus = bus_with_queue(Faults(duplicate_share=0.5, drop_share=0.3, reorder=True), seed=seed)
        publish(bus, *map(str, range(10)))
        return drain(bus)

    assert run(7) == run(7)
    assert len({tuple(run(seed)) for seed in range(5)}) > 1


def test_shares_are_probabilities() -> None:
    bus = bus_with_queue(Faults(duplicate_share=0.5))
    for _ in range(20):
        publish(bus, *map(str, range(10)))

    copies = Counter(Counter(drain(bus)).values())

    assert copies.total() == 10
    assert 200 < sum(count * times for count, times in copies.items()) < 400


def test_its_representation_tells_its_state() -> None:
    bus = bus_with_queue()
    publish(bus, "x")
    assert repr(bus) == "<MemoryBus open: 1 queues, 1 messages>"

    bus.close()

    assert repr(bus) == "<MemoryBus closed: 1 queues, 1 messages>"

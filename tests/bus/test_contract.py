"""What the transport relies on, held by every bus."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from asyncmcp_nb.broker import open_bus
from asyncmcp_nb.broker.admin import Admin
from asyncmcp_nb.broker.resources import Place, QueuePlan, queue_policy
from asyncmcp_nb.bus import Bus, Delivery, MemoryBus
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.bus.filters import FilterPolicy
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusClosed, BusError, BusNotFound
from asyncmcp_nb.wire import Outgoing

ALICE = {"ClientId": "alice"}
FOR_ALICE: FilterPolicy = {"ClientId": ["alice"]}
LONG_SECONDS = 20.0


class Site(ABC):
    """A bus with a topic, and a way to make queues."""

    bus: Bus
    topic: str
    missing_queue: str

    @abstractmethod
    def queue(self, policy: FilterPolicy = FOR_ALICE, *, dead_letters: str | None = None) -> str:
        """A queue that the topic feeds; dead letters after two receives."""


class MemorySite(Site):
    def __init__(self) -> None:
        self.bus = self._memory = MemoryBus()
        self.topic = "topic"
        self.missing_queue = "missing"
        self._memory.create_topic(self.topic)
        self._names = map("queue-{}".format, itertools.count())

    def queue(self, policy: FilterPolicy = FOR_ALICE, *, dead_letters: str | None = None) -> str:
        name = next(self._names)
        self._memory.create_queue(name, dead_letters=dead_letters, max_receive_count=2)
        self._memory.subscribe(self.topic, name, policy)
        return name


class AwsSite(Site):
    def __init__(self, bus: AwsBus, deployment: Deployment, admin: Admin) -> None:
        self.bus = bus
        self.topic = deployment.response_topic_arn
        self.missing_queue = deployment.client_queue_url("missing")
        self._deployment = deployment
        self._admin = admin

    def queue(self, policy: FilterPolicy = FOR_ALICE, *, dead_letters: str | None = None) -> str:
        place = Place.of_arn(self.topic)
        name = f"{self._deployment.name}-client-{secrets.token_hex(4)}"
        arn = place.queue_arn(name)
        attributes = {"Policy": json.dumps(queue_policy(arn, self.topic))}
        if dead_letters is not None:
            target = place.queue_arn(dead_letters.rpartition("/")[2])
            redrive = {"deadLetterTargetArn": target, "maxReceiveCount": 2}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        return self._admin.ensure_queue(
            QueuePlan(
                name=name,
                arn=arn,
                attributes=attributes,
                topic_arn=self.topic,
                filter_policy=policy,
            )
        )


@pytest.fixture(
    params=[
        "memory",
        pytest.param("moto", marks=pytest.mark.moto),
        pytest.param("fauxqs", marks=pytest.mark.fauxqs),
    ]
)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    if request.param == "memory":
        yield MemorySite()
        return
    deployment: Deployment = request.getfixturevalue(f"{request.param}_deployment")
    bus = open_bus(deployment)
    with Admin.of(deployment) as admin:
        yield AwsSite(bus, deployment, admin)
    bus.close()


def take(
    site: Site, queue: str, *, wait_seconds: float = LONG_SECONDS, lease_seconds: float = 30
) -> Sequence[Delivery]:
    return site.bus.receive(
        queue, max_count=10, wait_seconds=wait_seconds, lease_seconds=lease_seconds
    )


def take_one(site: Site, queue: str, *, lease_seconds: float = 30) -> Delivery:
    (delivery,) = take(site, queue, lease_seconds=lease_seconds)
    return delivery


def publish(site: Site, *bodies: str) -> None:
    assert site.bus.publish(site.topic, [Outgoing(body, ALICE) for body in bodies]) == (
        [None] * len(bodies)
    )


def test_a_message_reaches_the_queues_whose_filter_admits_it(site: Site) -> None:
    alice, bob = site.queue(), site.queue({"ClientId": ["bob"]})

    publish(site, "for alice")

    assert take_one(site, alice).body == "for alice"
    assert take(site, bob, wait_seconds=0) == []


def test_a_filter_can_ask_for_the_absence_of_an_attribute(site: Site) -> None:
    work = site.queue({"WorkerId": [{"exists": False}]})
    control = site.queue({"WorkerId": ["w1", "*"]})

    outcomes = site.bus.publish(
        site.topic,
        [Outgoing("work", {"Method": "x"}), Outgoing("control", {"WorkerId": "*"})],
    )

    assert outcomes == [None, None]
    assert take_one(site, work).body == "work"
    assert take_one(site, control).body == "control"


@pytest.mark.parametrize(
    "body",
    [
        '{"jsonrpc":"2.0","id":"1","result":null}',
        "日本語 ✓ 𝄞 \u2028 \" ' \\ \t\n <&> +%20",
        "x" * 200_000,
        "é" * 100_000,
    ],
    ids=["json", "odd characters", "200 KB", "200 KB of two-byte characters"],
)
def test_bodies_and_attributes_arrive_as_they_were_sent(site: Site, body: str) -> None:
    queue = site.queue()
    attributes = ALICE | {f"A{n}": "näme=1;b=<&> 𝄞" for n in range(9)}

    outcomes = site.bus.publish(site.topic, [Outgoing(body, attributes)])

    assert outcomes == [None]
    delivery = take_one(site, queue)
    assert delivery.body == body
    assert delivery.attributes == attributes
    assert delivery.receive_count == 1


def test_ten_messages_go_in_one_request(site: Site) -> None:
    queue = site.queue()
    bodies = [str(n) for n in range(10)]

    publish(site, *bodies)

    assert sorted(delivery.body for delivery in take(site, queue)) == bodies
    assert site.bus.statistics().requests == {"PublishBatch": 1, "ReceiveMessage": 1}
    assert site.bus.statistics().request_count == 2


def test_a_receive_takes_no_more_than_it_asks_for(site: Site) -> None:
    queue = site.queue()
    publish(site, "1", "2", "3")

    first = site.bus.receive(queue, max_count=2, wait_seconds=LONG_SECONDS, lease_seconds=30)

    assert len(first) == 2
    assert len(take(site, queue)) == 1


def test_a_receive_that_does_not_wait_finds_nothing_in_an_empty_queue(site: Site) -> None:
    assert take(site, site.queue(), wait_seconds=0) == []


def test_a_waiting_receive_gets_what_comes_later(site: Site) -> None:
    queue = site.queue()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(take_one, site, queue)
        publish(site, "later")

        assert waiting.result(timeout=30).body == "later"


def test_a_message_taken_is_invisible_to_others(site: Site) -> None:
    queue = site.queue()
    publish(site, "mine")
    take_one(site, queue)

    assert take(site, queue, wait_seconds=0) == []


def test_a_message_comes_again_when_its_lease_ends(site: Site) -> None:
    queue = site.queue()
    publish(site, "again")
    first = take_one(site, queue, lease_seconds=1)

    second = take_one(site, queue)

    assert (second.body, second.receive_count) == ("again", 2)
    assert second.receipt != first.receipt


def test_an_extended_lease_lasts_longer(site: Site) -> None:
    queue = site.queue()
    publish(site, "mine")
    delivery = take_one(site, queue, lease_seconds=1)

    assert site.bus.extend(queue, [delivery.receipt], 30) == [None]
    assert take(site, queue, wait_seconds=2) == []


def test_a_lease_of_zero_hands_the_message_to_one_that_waits(site: Site) -> None:
    queue = site.queue()
    publish(site, "yours")
    delivery = take_one(site, queue, lease_seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(take_one, site, queue)

        assert site.bus.extend(queue, [delivery.receipt], 0) == [None]
        assert waiting.result(timeout=30).receive_count == 2


def test_an_acknowledged_message_is_gone(site: Site) -> None:
    queue = site.queue()
    publish(site, "done")
    delivery = take_one(site, queue, lease_seconds=1)

    assert site.bus.ack(queue, [delivery.receipt]) == [None]
    assert take(site, queue, wait_seconds=2) == []


def test_the_receipt_of_an_earlier_delivery_acknowledges_nothing(site: Site) -> None:
    queue = site.queue()
    publish(site, "again")
    stale = take_one(site, queue).receipt
    site.bus.extend(queue, [stale], 0)
    latest = take_one(site, queue).receipt

    assert site.bus.ack(queue, [stale]) == [None]
    assert site.bus.extend(queue, [latest], 0) == [None]
    assert take_one(site, queue).receive_count == 3


def test_the_receipt_of_an_earlier_delivery_extends_nothing(site: Site) -> None:
    queue = site.queue()
    publish(site, "again")
    stale = take_one(site, queue).receipt
    site.bus.extend(queue, [stale], 0)
    latest = take_one(site, queue).receipt

    refused, extended = site.bus.extend(queue, [stale, latest], 60)

    assert isinstance(refused, BusNotFound)
    assert "lease has ended" in str(refused)
    assert extended is None


def test_a_message_received_too_often_goes_to_the_dead_letters(site: Site) -> None:
    dead_letters = site.queue({"ClientId": ["nobody"]})
    queue = site.queue(dead_letters=dead_letters)
    publish(site, "poison")
    for _ in range(2):
        site.bus.extend(queue, [take_one(site, queue).receipt], 0)

    assert take(site, queue, wait_seconds=0) == []
    assert take_one(site, dead_letters).body == "poison"


def test_a_message_can_be_sent_past_any_topic(site: Site) -> None:
    queue = site.queue({"ClientId": ["nobody"]})

    site.bus.send(queue, Outgoing("straight", {"Reason": "bad"}))

    delivery = take_one(site, queue)
    assert (delivery.body, delivery.attributes) == ("straight", {"Reason": "bad"})


def test_a_missing_topic_or_queue_is_named(site: Site) -> None:
    missing_topic = f"{site.topic}-missing"

    with pytest.raises(BusNotFound, match=missing_topic):
        site.bus.publish(missing_topic, [Outgoing("x", {})])
    with pytest.raises(BusNotFound, match=site.missing_queue):
        take(site, site.missing_queue, wait_seconds=0)
    with pytest.raises(BusNotFound):
        site.bus.send(site.missing_queue, Outgoing("x", {}))


@pytest.mark.parametrize("count", [0, 11])
def test_a_batch_of_another_size_than_one_to_ten_is_refused(site: Site, count: int) -> None:
    queue = site.queue()

    with pytest.raises(BusError, match="1 to 10"):
        site.bus.publish(site.topic, [Outgoing("x", {})] * count)
    with pytest.raises(BusError, match="1 to 10"):
        site.bus.receive(queue, max_count=count, wait_seconds=0, lease_seconds=1)
    with pytest.raises(BusError, match="1 to 10"):
        site.bus.ack(queue, ["receipt"] * count)
    with pytest.raises(BusError, match="1 to 10"):
        site.bus.extend(queue, ["receipt"] * count, 1)
    assert site.bus.statistics().request_count == 0


def test_a_closed_bus_refuses_every_request(site: Site) -> None:
    queue = site.queue()
    site.bus.close()
    site.bus.close()

    with pytest.raises(BusClosed):
        site.bus.publish(site.topic, [Outgoing("x", {})])
    with pytest.raises(BusClosed):
        take(site, queue)
    with pytest.raises(BusClosed):
        site.bus.ack(queue, ["receipt"])
    with pytest.raises(BusClosed):
        site.bus.extend(queue, ["receipt"], 1)
    with pytest.raises(BusClosed):
        site.bus.send(queue, Outgoing("x", {}))


def test_many_threads_lose_nothing_and_share_nothing(site: Site) -> None:
    queue = site.queue()
    senders, each = 4, 25
    total = senders * each
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def send(sender: int) -> None:
        for number in range(each):
            publish(site, f"{sender}.{number}")

    def work() -> None:
        while True:
            deliveries = take(site, queue, wait_seconds=1)
            if deliveries:
                site.bus.ack(queue, [delivery.receipt for delivery in deliveries])
            with lock:
                seen.update(delivery.body for delivery in deliveries)
                if seen.total() >= total:
                    return

    with ThreadPoolExecutor(2 * senders) as pool:
        sending = [pool.submit(send, sender) for sender in range(senders)]
        working = [pool.submit(work) for _ in range(senders)]
        for task in (*sending, *working):
            task.result(timeout=50)

    assert seen == Counter(f"{s}.{n}" for s in range(senders) for n in range(each))
    assert take(site, queue, wait_seconds=0) == []

"""An in-process bus that behaves like SNS and SQS, and misbehaves on demand.

It is a real broker, not a mock: leases expire, receipts go stale, subscriptions filter. Its faults
are those that AWS documents (duplicates, reordering, delay) and those that a network adds (drops,
failed requests), drawn from a seeded generator so that a failing run can be repeated.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from asyncmcp_nb.bus.filters import FilterPolicy, matches
from asyncmcp_nb.bus.protocol import BusStatistics, Delivery, QueueDepth
from asyncmcp_nb.errors import BusClosed, BusError, BusNotFound, BusUnavailable
from asyncmcp_nb.limits import BATCH_COUNT
from asyncmcp_nb.wire import Outgoing


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How a ``MemoryBus`` misbehaves. Shares are probabilities from 0 to 1, per message."""

    duplicate_share: float = 0.0
    """Delivered twice."""
    delay_seconds: float = 0.0
    """Upper bound of a uniform delay before a message can be received; also reorders."""
    reorder: bool = False
    """Hand out visible messages in random order."""
    drop_share: float = 0.0
    """Accepted and then lost (no broker does this by contract; a misconfigured filter does)."""
    error_share: float = 0.0
    """Requests, not messages, that fail with ``BusUnavailable`` before they do anything."""
    latency_seconds: float = 0.0
    """Time that every request takes."""


@dataclass(slots=True, eq=False)
class _Stored:
    message: Outgoing
    visible_at: float
    message_id: str = field(default_factory=partial(secrets.token_hex, 8))
    receive_count: int = 0
    receipt: str | None = None


@dataclass(slots=True, eq=False)
class _Queue:
    messages: list[_Stored] = field(default_factory=list[_Stored])
    dead_letters: str | None = None
    max_receive_count: int = 0


class MemoryBus:
    """Topics and queues in this process; safe to use from any number of threads."""

    def __init__(self, faults: Faults | None = None, *, seed: int = 0) -> None:
        self.faults = faults or Faults()
        """May be replaced while the bus is in use."""
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._queues: dict[str, _Queue] = {}
        self._subscriptions: dict[str, list[tuple[str, FilterPolicy | None]]] = {}
        self._requests: Counter[str] = Counter()
        self._receipt_count = 0
        self._closed = False

    def __repr__(self) -> str:
        with self._changed:
            depth = sum(len(queue.messages) for queue in self._queues.values())
            state = "closed" if self._closed else "open"
            return f"<MemoryBus {state}: {len(self._queues)} queues, {depth} messages>"

    # -- topology ---------------------------------------------------------------------------------

    def create_topic(self, topic: str) -> None:
        """Make a topic; an existing one stays as it is."""
        with self._changed:
            self._subscriptions.setdefault(topic, [])

    def create_queue(
        self, queue: str, *, dead_letters: str | None = None, max_receive_count: int = 5
    ) -> None:
        """Make a queue; an existing one keeps its messages.

        Args:
            queue: Its name.
            dead_letters: Where a message goes that was received ``max_receive_count`` times.
            max_receive_count: Deliveries before that.
        """
        with self._changed:
            stored = self._queues.setdefault(queue, _Queue())
            stored.dead_letters = dead_letters
            stored.max_receive_count = max_receive_count

    def delete_queue(self, queue: str) -> None:
        """Remove a queue with its messages and subscriptions; a missing one is no error."""
        with self._changed:
            self._queues.pop(queue, None)
            for entries in self._subscriptions.values():
                entries[:] = [entry for entry in entries if entry[0] != queue]
            self._changed.notify_all()

    def subscribe(self, topic: str, queue: str, policy: FilterPolicy | None = None) -> None:
        """Feed a queue from a topic; a second call replaces the filter policy."""
        with self._changed:
            entries = self._subscriptions.setdefault(topic, [])
            entries[:] = [entry for entry in entries if entry[0] != queue]
            entries.append((queue, policy))

    def depth(self, queue: str) -> int:
        """Messages in a queue, leased ones included."""
        with self._changed:
            return len(self._queue(queue).messages)

    # -- the Bus protocol -------------------------------------------------------------------------

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        """See ``Bus.publish``."""
        self._begin("PublishBatch", len(batch))
        with self._changed:
            if topic not in self._subscriptions:
                raise BusNotFound(f"no topic {topic!r}")
            for message in batch:
                for queue, policy in self._subscriptions[topic]:
                    if policy is None or matches(policy, message.attributes):
                        self._put(queue, message)
            self._changed.notify_all()
        return [None] * len(batch)

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        """See ``Bus.receive``."""
        self._begin("ReceiveMessage", max_count)
        deadline = time.monotonic() + wait_seconds
        with self._changed:
            while True:
                self._require_open()
                if taken := self._take(self._queue(queue), max_count, lease_seconds):
                    return taken
                now = time.monotonic()
                if now >= deadline:
                    return []
                self._changed.wait(max(self._next_visible_at(queue, deadline) - now, 0.001))

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        """See ``Bus.ack``."""
        self._begin("DeleteMessageBatch", len(receipts))
        with self._changed:
            stored = self._queue(queue)
            gone = set(receipts)
            stored.messages[:] = [entry for entry in stored.messages if entry.receipt not in gone]
        return [None] * len(receipts)

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        """See ``Bus.extend``."""
        self._begin("ChangeMessageVisibilityBatch", len(receipts))
        until = time.monotonic() + lease_seconds
        with self._changed:
            held = {entry.receipt: entry for entry in self._queue(queue).messages}
            for receipt in receipts:
                if receipt in held:
                    held[receipt].visible_at = until
            self._changed.notify_all()
        return [None if receipt in held else BusNotFound("lease has ended") for receipt in receipts]

    def send(self, queue: str, message: Outgoing) -> None:
        """See ``Bus.send``."""
        self._begin("SendMessage", 1)
        with self._changed:
            self._put(queue, message)
            self._changed.notify_all()

    def measure(self, queue: str) -> QueueDepth:
        """See ``Bus.measure``."""
        self._begin("GetQueueAttributes", 1)
        with self._changed:
            messages, now = self._queue(queue).messages, time.monotonic()
            leased = sum(entry.receipt is not None and entry.visible_at > now for entry in messages)
            return QueueDepth(len(messages) - leased, leased)

    def statistics(self) -> BusStatistics:
        """See ``Bus.statistics``."""
        with self._changed:
            return BusStatistics(dict(self._requests))

    def close(self) -> None:
        """See ``Bus.close``; waiting receives return at once."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # -- inside the lock --------------------------------------------------------------------------

    def _begin(self, operation: str, count: int) -> None:
        if not 1 <= count <= BATCH_COUNT:
            raise BusError(f"{operation} takes 1 to {BATCH_COUNT} entries, not {count}")
        if self.faults.latency_seconds:
            time.sleep(self.faults.latency_seconds)
        with self._changed:
            self._require_open()
            self._requests[operation] += 1
            if self._random.random() < self.faults.error_share:
                raise BusUnavailable(f"{operation} failed on demand")

    def _require_open(self) -> None:
        if self._closed:
            raise BusClosed("the bus is closed")

    def _queue(self, queue: str) -> _Queue:
        if queue not in self._queues:
            raise BusNotFound(f"no queue {queue!r}")
        return self._queues[queue]

    def _put(self, queue: str, message: Outgoing) -> None:
        faults = self.faults
        if self._random.random() < faults.drop_share:
            return
        copies = 2 if self._random.random() < faults.duplicate_share else 1
        for _ in range(copies):
            delay = self._random.uniform(0, faults.delay_seconds)
            self._queue(queue).messages.append(_Stored(message, time.monotonic() + delay))

    def _take(self, queue: _Queue, max_count: int, lease_seconds: float) -> list[Delivery]:
        now = time.monotonic()
        visible = [entry for entry in queue.messages if entry.visible_at <= now]
        if self.faults.reorder:
            self._random.shuffle(visible)
        taken: list[Delivery] = []
        for entry in visible:
            if len(taken) == max_count:
                break
            if queue.dead_letters and entry.receive_count >= queue.max_receive_count:
                queue.messages.remove(entry)
                self._queue(queue.dead_letters).messages.append(replace(entry, receipt=None))
                continue
            taken.append(self._lease(entry, now + lease_seconds))
        return taken

    def _lease(self, entry: _Stored, until: float) -> Delivery:
        self._receipt_count += 1
        entry.receipt = f"r{self._receipt_count}"
        entry.receive_count += 1
        entry.visible_at = until
        attributes: Mapping[str, str] = dict(entry.message.attributes)
        return Delivery(
            entry.receipt, entry.message.body, attributes, entry.receive_count, entry.message_id
        )

    def _next_visible_at(self, queue: str, deadline: float) -> float:
        times = (entry.visible_at for entry in self._queue(queue).messages)
        return min(deadline, min(times, default=deadline))

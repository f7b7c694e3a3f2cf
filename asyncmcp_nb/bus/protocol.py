"""What the transport asks of a message broker, and what it may rely on.

Every method blocks and is called from a thread of the transport's own, never from an event loop.
That is deliberate: a long poll, a commit and an acknowledgement go on while the loop of a notebook
is blocked by a cell. Methods may be called from several threads at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asyncmcp_nb.errors import BusError
from asyncmcp_nb.wire import Outgoing


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message taken from a queue under a lease."""

    receipt: str
    """Names this delivery, not the message: a redelivery has another."""
    body: str
    attributes: Mapping[str, str]
    receive_count: int = 1
    """How often the queue has handed this message out, this time included."""
    message_id: str = ""
    """Names the message in its queue: the same in a redelivery, another in a duplicate."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How many messages a queue holds, as it says itself; on AWS, approximately."""

    waiting_count: int
    """To be received, or delayed."""
    leased_count: int
    """Received, and neither acknowledged nor visible again."""


@dataclass(frozen=True, slots=True)
class BusStatistics:
    """A snapshot of what a bus has done since it was made."""

    requests: Mapping[str, int] = field(default_factory=dict[str, int])
    """Requests by operation name as AWS bills them, such as ``PublishBatch``."""

    @property
    def request_count(self) -> int:
        """All operations together."""
        return sum(self.requests.values())

    def __add__(self, other: BusStatistics) -> BusStatistics:
        """What both have done."""
        return BusStatistics(dict(Counter(self.requests) + Counter(other.requests)))


class Bus(Protocol):
    """Topics that feed queues; at-least-once, unordered, as SNS and SQS are.

    Topics and queues are named by the strings their owner uses: ARNs and URLs on AWS.
    """

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        """Publish up to ten messages in one request.

        Returns:
            One entry a message, in order: None where the topic accepted it, else why not.

        Raises:
            BusError: The request as a whole failed; no message is known to be accepted.
        """
        ...

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        """Take up to ``max_count`` (1 to 10) messages, waiting while there is none.

        A message taken is invisible to others until its lease ends, is released or acknowledged.

        Raises:
            BusError: The request failed.
        """
        ...

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        """Delete up to ten deliveries. An expired receipt is no error.

        Raises:
            BusError: The request as a whole failed.
        """
        ...

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        """Let up to ten leases end ``lease_seconds`` from now; 0 hands the messages back.

        Raises:
            BusError: The request as a whole failed.
        """
        ...

    def send(self, queue: str, message: Outgoing) -> None:
        """Put one message straight into a queue, past any topic.

        Raises:
            BusError: The request failed.
        """
        ...

    def measure(self, queue: str) -> QueueDepth:
        """How full a queue is.

        Raises:
            BusError: The request failed.
        """
        ...

    def statistics(self) -> BusStatistics:
        """What this bus has done so far."""
        ...

    def close(self) -> None:
        """Refuse further requests with ``BusClosed`` and free what it holds; waits for no poll."""
        ...

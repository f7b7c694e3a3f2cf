"""Publishing in batches, as full as the pace of a topic's messages makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.sns_sqs.pace import Pace

T = TypeVar("T")


def make_poster(
    send: Callable[[Sequence[T]], Sequence[BusError | None]],
    topic: str,
    config: SnsSqsTransportConfig,
    *,
    name: str,
    limit_bytes: int,
    pace: Pace,
) -> Batcher[T]:
    """A batcher that publishes to one topic.

    Args:
        send: Publishes one batch, as ``Batcher`` has it.
        topic: Where to.
        config: How many at a time, and for how long one is tried again.
        name: Of the threads.
        limit_bytes: The most that a request to the topic may weigh.
        pace: How long a message may wait for others.
    """
    return Batcher(
        send,
        name=name,
        # Requests side by side would overtake each other.
        thread_count=1 if topic.endswith(".fifo") else config.publisher_count,
        linger_seconds=pace.gather_seconds,
        retry_seconds=config.retry_seconds,
        limit_bytes=limit_bytes,
    )

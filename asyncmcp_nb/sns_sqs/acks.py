"""Acknowledging in batches, off the path of the answers."""

from __future__ import annotations

from functools import partial
from typing import Final

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError

_LEASE_SHARE: Final = 0.1
"""What has been worked on is out of sight a while longer, and has to be acknowledged in that."""


def make_acker(bus: Bus, queue: str, config: SnsSqsTransportConfig) -> Batcher[str]:
    """A batcher that acknowledges the receipts of one queue."""
    linger_seconds = min(config.ack_linger_seconds, _LEASE_SHARE * config.lease_seconds)
    return Batcher(
        partial(bus.ack, queue),
        name="asyncmcp-done",
        thread_count=config.publisher_count,
        # A FIFO queue gives out no more of a group until what it gave out is acknowledged.
        linger_seconds=0.0 if queue.endswith(".fifo") else linger_seconds,
        retry_seconds=config.retry_seconds,
    )


def ignore(error: BusError | None) -> None:
    """An acknowledgement that fails costs a redelivery, which is known; a courtesy may be lost."""

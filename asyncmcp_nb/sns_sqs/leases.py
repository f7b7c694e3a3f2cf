"""Keeping hold of messages that are being worked on.

Leases are extended from a thread, so a tool that blocks the event loop, or works for an hour, keeps
its request. A process that dies extends nothing, and its requests go to another worker.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

from asyncmcp_nb import telemetry
from asyncmcp_nb.bus import Bus
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.limits import BATCH_COUNT
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.ticker import Ticker

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Extends the leases it holds, each at a third of its length."""

    def __init__(self, bus: Bus, queue: str, *, lease_seconds: float) -> None:
        self._bus = bus
        self._queue = queue
        self._lease_seconds = lease_seconds
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._ticker = Ticker(self._extend_due, name="asyncmcp-leases")
        self.lost_count = 0
        """Leases that could not be extended; their requests may be delivered again."""

    @property
    def held_count(self) -> int:
        """Leases held now."""
        return len(self._due)

    def hold(self, receipts: Sequence[str], now: float) -> None:
        """Keep these leases, taken just now, until dropped."""
        with self._lock:
            for receipt in receipts:
                self._due[receipt] = now + self._lease_seconds / 3
        self._ticker.poke()

    def drop(self, receipt: str) -> None:
        """Let a lease run out, since its message is acknowledged or handed back."""
        with self._lock:
            self._due.pop(receipt, None)

    def close(self) -> None:
        """Extend no more."""
        self._ticker.close()

    def _extend_due(self, now: float) -> float | None:
        with self._lock:
            due = [receipt for receipt, at in self._due.items() if at <= now]
        for batch in batches(due):
            self._extend(batch, now)
        with self._lock:
            return min(self._due.values(), default=None)

    def _extend(self, batch: Sequence[str], now: float) -> None:
        try:
            errors = self._bus.extend(self._queue, batch, self._lease_seconds)
        except BusError as exc:
            logger.warning("leases of %d messages were not extended: %s", len(batch), plain(exc))
            self._reschedule(batch, now + min(1.0, self._lease_seconds / 10))
            return
        self._reschedule(batch, now + self._lease_seconds / 3)
        for receipt, error in zip(batch, errors, strict=True):
            if error is not None:
                logger.warning("a lease was lost: %s", plain(error))
                self.lost_count += 1
                telemetry.SERVER_EVENTS["lost_lease"].add(1)
                self.drop(receipt)

    def _reschedule(self, batch: Sequence[str], at: float) -> None:
        with self._lock:
            for receipt in batch:
                if receipt in self._due:
                    self._due[receipt] = at


def batches(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as one request takes."""
    for start in range(0, len(receipts), BATCH_COUNT):
        yield receipts[start : start + BATCH_COUNT]

"""How full queues are: asked for now and then, in threads, and never by the clock.

Asking costs a request, and what is asked may be forbidden. So a snapshot shows what was measured
last and how long ago, and looking at it lets a thread measure anew; ``check`` waits for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.bus import Bus, QueueDepth
from asyncmcp_nb.errors import BusClosed, BusDenied, BusError, BusNotFound, BusUnavailable

STALE_SECONDS: Final = 2.0
"""A measurement older than this is made anew when somebody looks. Our choice."""

_UNREACHABLE: Final = "the broker cannot be reached"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a queue said of itself the last time it was asked."""

    depth: QueueDepth | None = None
    """None where it was never asked, or did not say."""
    age_seconds: float | None = None
    """Since it was asked; None where it never was."""
    error: str | None = None
    """Why it did not say, in a few words."""

    @property
    def waiting_count(self) -> int | None:
        """Messages to be received; None where that is unknown."""
        return None if self.depth is None else self.depth.waiting_count

    @property
    def leased_count(self) -> int | None:
        """Messages received, and neither acknowledged nor visible again."""
        return None if self.depth is None else self.depth.leased_count

    def __str__(self) -> str:
        if self.depth is not None:
            return f"{self.depth.waiting_count:,} waiting, {self.depth.leased_count:,} in flight"
        return "not measured yet" if self.error is None else f"unknown ({self.error})"


UNKNOWN: Final = Measured()
"""Of a queue that nobody has asked."""


@dataclass(frozen=True, slots=True)
class _Reading:
    depth: QueueDepth | None
    error: str | None
    at: float


class DepthGauge:
    """Measures some queues of one bus. Safe to use from any thread."""

    def __init__(
        self, bus: Bus, queues: Iterable[str | None], *, stale_seconds: float = STALE_SECONDS
    ) -> None:
        """Make it; nothing is asked yet.

        Args:
            bus: Where the queues are.
            queues: By the names that the bus has for them; None for none.
            stale_seconds: The age from which ``refresh`` measures anew.
        """
        self._bus = bus
        self._stale_seconds = stale_seconds
        self._queues = [queue for queue in queues if queue is not None]
        self._lock = threading.Lock()
        self._readings: dict[str, _Reading] = {}
        self._is_measuring = False
        self._asked_at = float("-inf")

    def latest(self, queue: str | None) -> Measured:
        """What is known of a queue; nothing is asked."""
        reading = None if queue is None else self._readings.get(queue)
        if reading is None:
            return UNKNOWN
        return Measured(reading.depth, time.monotonic() - reading.at, reading.error)

    def refresh(self) -> None:
        """Let a thread measure all queues anew where that is due; never blocks."""
        with self._lock:
            is_due = time.monotonic() - self._asked_at > self._stale_seconds
            if self._is_measuring or not is_due:
                return
            self._is_measuring = True
        threading.Thread(target=self._measure_once, name="asyncmcp-depths", daemon=True).start()

    def check(self) -> None:
        """Measure all queues now; blocks for one request each. A failure is part of the outcome."""
        self._asked_at = time.monotonic()
        reading: _Reading | None = None
        for queue in self._queues:
            # A broker that is away is waited for once.
            if reading is None or reading.error != _UNREACHABLE:
                reading = self._read(queue)
            self._readings[queue] = reading

    def _measure_once(self) -> None:
        try:
            self.check()
        finally:
            self._is_measuring = False

    def _read(self, queue: str) -> _Reading:
        depth, error = None, None
        try:
            depth = self._bus.measure(queue)
        except BusError as exc:
            error = _words(exc)
        return _Reading(depth, error, time.monotonic())


def _words(error: BusError) -> str:
    """An error in a few words that name no account."""
    match error:
        case BusDenied():
            return "sqs:GetQueueAttributes is not allowed"
        case BusNotFound():
            return "there is no such queue"
        case BusUnavailable():
            return _UNREACHABLE
        case BusClosed():
            return "closed"
        case _:
            return type(error).__name__

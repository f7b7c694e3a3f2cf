"""Counting what happens at a server's end, and snapshots of it for status lines."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

from asyncmcp_nb import telemetry
from asyncmcp_nb.errors import AsyncMcpError


class Tally:
    """Named counts. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one more of what ``telemetry.SERVER_EVENTS`` names."""
        with self._lock:
            self._counts[name] += 1
        telemetry.SERVER_EVENTS[name].add(1)

    def __getitem__(self, name: str) -> int:
        """How many so far."""
        return self._counts[name]


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """A snapshot of a server's end, counted since it started."""

    in_flight_count: int = 0
    """Requests being worked on now."""
    oldest_in_flight_at: float | None = None
    """Unix seconds at which the oldest of them was received; None where there is none."""
    stream_count: int = 0
    """Streams that last, such as clients that listen; none of them is in flight."""
    answered_count: int = 0
    """Answers that a topic accepted, those sent again included."""
    redelivered_count: int = 0
    """Requests that came again: joined while running, or answered from the kept answer."""
    duplicate_count: int = 0
    """Requests dropped because another worker runs them and holds a message of them, and second
    copies of other messages."""
    parked_count: int = 0
    """Messages put into the dead-letter queue."""
    handed_back_count: int = 0
    """Requests given back unfinished, for another worker."""
    lost_lease_count: int = 0
    """Leases that could not be extended."""
    unsolicited_count: int = 0
    """Answers to no question of this worker, and messages that name no client."""
    refused_topic_count: int = 0
    """Messages not served because their client's reply topic is not allowed."""
    last_error: AsyncMcpError | None = None
    """Why the latest poll, or use of the shared answers, failed; None while both work."""

    @property
    def oldest_in_flight_seconds(self) -> float | None:
        """How long the oldest request has been in hand; None where there is none."""
        at = self.oldest_in_flight_at
        return None if at is None else max(0.0, time.time() - at)

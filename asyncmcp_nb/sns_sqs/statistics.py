"""Snapshots of a server's end, for status lines."""

from __future__ import annotations

from dataclasses import dataclass

from asyncmcp_nb.errors import BusError


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """A snapshot of a server's end, counted since it started."""

    in_flight_count: int
    """Requests being worked on now."""
    answered_count: int
    """Answers that the topic accepted."""
    redelivered_count: int
    """Requests that came again: joined while running, or answered from the kept answer."""
    parked_count: int
    """Messages put into the dead-letter queue."""
    handed_back_count: int
    """Requests given back unfinished, for another worker."""
    lost_lease_count: int
    """Leases that could not be extended."""
    last_error: BusError | None
    """Why the latest poll failed; None while polls succeed."""

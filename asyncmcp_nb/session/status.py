"""A snapshot of a session for status lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from asyncmcp_nb.ledger import OUTSTANDING, Status
from asyncmcp_nb.sns_sqs.depths import UNKNOWN, Measured


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SessionStatus:
    """How a session is doing. Counts of calls are the ledger's, all others this session's."""

    name: str
    """The client's name, which its ledger and queue carry."""
    deployment: str
    """The deployment's name."""
    endpoint: str
    """Where the deployment is: a local address, or the AWS region."""
    era: str
    """MCP revision."""
    server: str | None
    """Name and version of the server as it introduced itself, which may be empty; None before."""
    state: str
    """``connected``, ``waiting for a server``, ``broker unreachable`` or ``closed``."""
    counts: Mapping[Status, int]
    """Calls in the ledger by status."""
    oldest_outstanding_at: float | None
    """Unix seconds at which the oldest call that has not ended was submitted."""
    waiting_count: int
    """Calls that are not handed to the publisher yet."""
    unsolicited_count: int
    """Messages that came for no request of this client."""
    requests: Mapping[str, int]
    """AWS requests of this session by operation."""
    error: str | None = None
    """Why the broker cannot be reached or the ledger not be written, or None."""
    ended_count: int = 0
    """Calls that ended in this session."""
    duplicate_count: int = 0
    """Messages dropped, since they had come before or their call had ended."""
    refused_count: int = 0
    """Messages dropped, since they did not verify or could not be decoded."""
    held_count: int = 0
    """Messages that wait for an earlier one of their call."""
    server_queue: Measured = UNKNOWN
    """The queue that all workers share: requests that wait for one, and requests in hand."""
    queue: Measured = UNKNOWN
    """This client's own queue."""
    dead_letters: Measured = UNKNOWN
    """The deployment's dead-letter queue."""

    @property
    def queued_count(self) -> int:
        """Calls that are not known to be sent."""
        return self.counts.get(Status.QUEUED, 0)

    @property
    def in_flight_count(self) -> int:
        """Calls that were sent, and have no answer."""
        return self.outstanding_count - self.queued_count

    @property
    def outstanding_count(self) -> int:
        """Calls that have not ended."""
        return sum(number for status, number in self.counts.items() if status in OUTSTANDING)

    @property
    def request_count(self) -> int:
        """AWS requests of this session, all operations together."""
        return sum(self.requests.values())

    @property
    def requests_per_call(self) -> float | None:
        """AWS requests for each call that ended in this session; None where none did."""
        return self.request_count / self.ended_count if self.ended_count else None

    @property
    def oldest_outstanding_seconds(self) -> float | None:
        """How long the oldest call that has not ended has been waiting."""
        at = self.oldest_outstanding_at
        return None if at is None else max(0.0, time.time() - at)

    def __repr__(self) -> str:
        return f"<SessionStatus {self}>"

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {status}" for status, number in self.counts.items() if number)
        oldest = self.oldest_outstanding_seconds
        parts = (
            f"{self.name}@{self.deployment} ({self.endpoint})",
            self.state,
            "no server seen" if self.server is None else self.server or "a server without a name",
            self.era,
            f"calls: {counts or 'none'}",
            None if oldest is None else f"oldest {oldest:.0f} s",
            None if self.server_queue.depth is None else f"server queue: {self.server_queue}",
            _some(self.dead_letters.waiting_count, "dead letters"),
            _some(self.duplicate_count, "duplicates dropped"),
            _some(self.unsolicited_count, "unsolicited"),
            _some(self.refused_count, "refused"),
            f"{self.request_count} AWS requests",
            self.error,
        )
        return " · ".join(part for part in parts if part)


def state_of(*, is_closed: bool, is_reachable: bool, is_met: bool) -> str:
    """A session's state in words.

    Args:
        is_closed: It was closed.
        is_reachable: Its queue could be read the last time.
        is_met: A server has listed its tools.
    """
    if is_closed:
        return "closed"
    if not is_reachable:
        return "broker unreachable"
    return "connected" if is_met else "waiting for a server"


def _some(count: int | None, words: str) -> str | None:
    return f"{count:,} {words}" if count else None

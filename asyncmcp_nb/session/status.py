"""A snapshot of a session for status lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from asyncmcp_nb.ledger import OUTSTANDING, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatus:
    """How a session is doing."""

    name: str
    """The client's name, which its ledger and queue carry."""
    deployment: str
    """The deployment's name."""
    endpoint: str
    """Where the deployment is: a local address, or the AWS region."""
    era: str
    """MCP revision."""
    server: str | None
    """Name and version of the server as it introduced itself; None until one answers."""
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
    """Why the broker cannot be reached, or None."""

    @property
    def outstanding_count(self) -> int:
        """Calls that have not ended."""
        return sum(number for status, number in self.counts.items() if status in OUTSTANDING)

    @property
    def request_count(self) -> int:
        """AWS requests of this session, all operations together."""
        return sum(self.requests.values())

    @property
    def oldest_outstanding_seconds(self) -> float | None:
        """How long the oldest call that has not ended has been waiting."""
        at = self.oldest_outstanding_at
        return None if at is None else max(0.0, time.time() - at)

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {status}" for status, number in self.counts.items() if number)
        oldest = self.oldest_outstanding_seconds
        waiting = "" if oldest is None else f" · oldest {oldest:.0f} s"
        error = "" if self.error is None else f" · {self.error}"
        return (
            f"{self.name}@{self.deployment} ({self.endpoint}) · {self.state} · "
            f"{self.server or 'no server seen'} · {self.era} · "
            f"calls: {counts or 'none'}{waiting} · "
            f"{self.request_count} AWS requests{error}"
        )


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

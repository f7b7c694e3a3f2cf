"""What a call can be, and how it gets from one to the next: pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a call stands. The order here is the order everywhere: columns, chips, sorting."""

    QUEUED = "queued"
    """In the ledger; not known to be sent."""
    SENT = "sent"
    """Accepted by the request topic."""
    RUNNING = "running"
    """A progress or log message of it was seen."""
    INPUT_REQUIRED = "input_required"
    """The server asked for input and waits for another request with it."""
    DONE = "done"
    """The tool answered."""
    TOOL_ERROR = "tool_error"
    """The tool answered ``isError``."""
    FAILED = "failed"
    """A JSON-RPC or transport error."""
    CANCELLED = "cancelled"
    """Cancelled here before its answer came."""
    TIMED_OUT = "timed_out"
    """Its deadline passed before its answer came."""

    def __repr__(self) -> str:
        """As the text that it is: counts by status are read, and looked up, by that."""
        return repr(self.value)

    @property
    def rank(self) -> int:
        """Position in the order above, from 0. The ledger stores it, so it never changes."""
        return _RANKS[self]


STATUSES: Final[tuple[Status, ...]] = tuple(Status)
"""All of them in order; ``STATUSES[status.rank] is status``."""

_RANKS: Final = {status: rank for rank, status in enumerate(STATUSES)}

TERMINAL: Final = frozenset(STATUSES[Status.DONE.rank :])
"""The call has ended; its status never changes again."""

ANSWERED: Final = frozenset({Status.DONE, Status.TOOL_ERROR})
"""The call has ended with a result."""

OUTSTANDING: Final = frozenset(STATUSES) - TERMINAL
"""The call has not ended."""


def next_status(current: Status, suggested: Status) -> Status:
    """The status after something happened that by itself suggests another one.

    A terminal status absorbs all that follows. A call that runs is not merely sent, whatever the
    publisher says late; one that waited for input is, since its next request went out.
    """
    if current in TERMINAL:
        return current
    match suggested:
        case Status.QUEUED:
            return current
        case Status.SENT if current is Status.RUNNING:
            return current
        case _:
            return suggested

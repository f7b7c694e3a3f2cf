"""How many of some calls have ended, and how: counted as they end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from asyncmcp_nb.ledger import STATUSES, Status
from asyncmcp_nb.session.call import Call

Listener = Callable[[], object]
"""Called in some thread whenever a call has ended. Must not block."""


class Tally:
    """Counts calls that end, from any thread. It costs the same for ten calls and for 100,000."""

    def __init__(self, calls: Sequence[Call], *, name: str) -> None:
        self.name = name
        """What the calls are called together."""
        self.total_count = len(calls)
        """All calls."""
        self.started_at = time.time()
        """When they were put together, in Unix seconds."""
        self.ended_at: float | None = None
        """When the last of them ended, in Unix seconds."""
        self.is_closed = False
        """Whether its session was closed: no more of its calls end here."""
        self._lock = threading.Lock()
        self._ended: Counter[Status] = Counter()
        self._listeners: list[Listener] = []
        for call in calls:
            call.add_done_callback(self._one_ended)

    def __len__(self) -> int:
        return self.total_count

    @property
    def ended_count(self) -> int:
        """Calls that have ended, in whatever way."""
        with self._lock:
            return self._ended.total()

    @property
    def is_done(self) -> bool:
        """Whether all have ended."""
        return self.ended_count == self.total_count

    def ended(self) -> dict[Status, int]:
        """Calls that have ended, by status, in the order of the statuses; absent ones left out."""
        with self._lock:
            return {status: self._ended[status] for status in STATUSES if self._ended[status]}

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener()`` whenever a call has ended."""
        with self._lock:
            self._listeners.append(listener)

    def unsubscribe(self, listener: Listener) -> None:
        """Do that no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def close(self) -> None:
        """Say that no more calls end here; the session's business."""
        self.is_closed = True
        self._tell()

    def _one_ended(self, call: Call) -> None:
        with self._lock:
            self._ended[call.status] += 1
            if self._ended.total() == self.total_count:
                self.ended_at = time.time()
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

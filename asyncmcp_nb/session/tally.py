"""How many of some calls have ended, and how: counted as they end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from asyncmcp_nb.ledger import STATUSES, TERMINAL, Status
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.observers import tell

Listener = Callable[[], object]
"""Called in some thread whenever a call has ended. Must not block; what it raises is logged."""


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
        self._counts: Counter[Status] = Counter()
        self._listeners: list[Listener] = []
        moved = self._moved
        for call in calls:
            status = call.watch(moved)
            with self._lock:
                self._counts[status] += 1
        with self._lock:
            self._note_end()

    def __len__(self) -> int:
        return self.total_count

    @property
    def ended_count(self) -> int:
        """Calls that have ended, in whatever way."""
        with self._lock:
            return self._ended_count()

    @property
    def is_done(self) -> bool:
        """Whether all have ended."""
        return self.ended_count == self.total_count

    def ended(self) -> dict[Status, int]:
        """Calls that have ended, by status, in the order of the statuses; absent ones left out."""
        return {status: number for status, number in self.counts().items() if status in TERMINAL}

    def counts(self) -> dict[Status, int]:
        """All calls by status, in the order of the statuses; absent ones left out."""
        with self._lock:
            return {status: self._counts[status] for status in STATUSES if self._counts[status]}

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

    def _moved(self, before: Status, after: Status) -> None:
        with self._lock:
            # While they are first counted, one may move before it is.
            self._counts[before] -= 1
            self._counts[after] += 1
            if after not in TERMINAL:
                return
            self._note_end()
        self._tell()

    def _ended_count(self) -> int:
        return sum(self._counts[status] for status in TERMINAL)

    def _note_end(self) -> None:
        if self.ended_at is None and self._ended_count() == self.total_count:
            self.ended_at = time.time()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            tell(listener)

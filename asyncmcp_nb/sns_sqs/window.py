"""What a worker knows of the requests it runs and has run, so that a redelivery runs nothing twice.

Pure but for its lock. Answers are kept for a time, up to a count and a size, oldest out first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from asyncmcp_nb.wire import Outgoing

W = TypeVar("W")

KEPT_COUNT: Final = 10_000
KEPT_BYTES: Final = 64 * 1024 * 1024
"""Bounds of the kept answers of one worker. Our choice."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that has run: what to send again, or None where it ended without an answer."""

    answer: Outgoing | None
    expires_at: float


class Window(Generic[W]):
    """Requests by their identity, running or answered."""

    def __init__(self, *, keep_seconds: float) -> None:
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._running: dict[Hashable, W] = {}
        self._answered: OrderedDict[Hashable, Answered] = OrderedDict()
        self._kept_bytes = 0

    @property
    def running_count(self) -> int:
        """Requests that run now."""
        return len(self._running)

    def begin(self, key: Hashable, work: W, now: float) -> W | Answered | None:
        """Note a request as running, unless it is known.

        Returns:
            None where it was new; the work it joins, or the answer to send again, where not.
        """
        with self._lock:
            self._evict(now)
            known = self._running.get(key) or self._answered.get(key)
            if known is None:
                self._running[key] = work
            return known

    def running(self) -> list[W]:
        """The requests that run now."""
        with self._lock:
            return list(self._running.values())

    def finish(self, key: Hashable, answer: Outgoing | None, now: float) -> None:
        """Note a request as answered."""
        with self._lock:
            self._running.pop(key, None)
            self._forget_answer(key)
            self._answered[key] = Answered(answer, now + self._keep_seconds)
            self._kept_bytes += _weight(answer)
            self._evict(now)

    def forget(self, key: Hashable) -> None:
        """Know nothing of a request, so that a redelivery runs it."""
        with self._lock:
            self._running.pop(key, None)
            self._forget_answer(key)

    def _forget_answer(self, key: Hashable) -> None:
        if (entry := self._answered.pop(key, None)) is not None:
            self._kept_bytes -= _weight(entry.answer)

    def _evict(self, now: float) -> None:
        while self._answered:
            key, oldest = next(iter(self._answered.items()))
            if (
                oldest.expires_at > now
                and len(self._answered) <= KEPT_COUNT
                and self._kept_bytes <= KEPT_BYTES
            ):
                return
            self._forget_answer(key)


def _weight(answer: Outgoing | None) -> int:
    return 0 if answer is None else answer.size_bytes

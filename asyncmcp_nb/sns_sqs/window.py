"""What a worker knows of the requests it runs and has run, so that a redelivery runs nothing twice.

Pure but for its lock. Answers are kept for a time, up to a count and a size, oldest out first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from asyncmcp_nb.wire import Outgoing

W = TypeVar("W")

KEPT_COUNT: Final = 10_000
KEPT_BYTES: Final = 64 * 1024 * 1024
"""Bounds of the answers that are kept in memory. Our choice."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that has run: what to send again, or None where it ended without an answer."""

    answer: Outgoing | None
    expires_at: float


class KeptAnswers:
    """Answers by the identity of their requests. Not safe for threads.

    The newest stays, however large it is: an answer that is still to be published is not forgotten
    because it alone is above the bound.
    """

    def __init__(self, *, limit_count: int = KEPT_COUNT, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_count = limit_count
        self._limit_bytes = limit_bytes
        self._answers: OrderedDict[Hashable, Answered] = OrderedDict()
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: Hashable, now: float) -> Answered | None:
        """What is kept for a request; None where it is unknown, or was kept for its time."""
        self._evict(now)
        known = self._answers.get(key)
        return known if known is not None and known.expires_at > now else None

    def put(self, key: Hashable, answered: Answered, now: float) -> None:
        """Keep an answer as the newest, in place of what was kept for its request."""
        self.drop(key)
        self._answers[key] = answered
        self._kept_bytes += _weight(answered.answer)
        self._evict(now)

    def slim(self, key: Hashable) -> None:
        """Forget what an answer has put into S3: a pointer is enough once it is there."""
        known = self._answers.get(key)
        if known is not None and known.answer is not None and known.answer.payload is not None:
            self._kept_bytes -= len(known.answer.payload.content)
            self._answers[key] = replace(known, answer=replace(known.answer, payload=None))

    def drop(self, key: Hashable) -> None:
        """Forget a request; one that is unknown is no error."""
        if (known := self._answers.pop(key, None)) is not None:
            self._kept_bytes -= _weight(known.answer)

    def _evict(self, now: float) -> None:
        """They are in the order of their making, and so nearly in that of their expiry."""
        while self._answers:
            key, oldest = next(iter(self._answers.items()))
            if oldest.expires_at > now and (len(self._answers) == 1 or not self._is_full()):
                return
            self.drop(key)

    def _is_full(self) -> bool:
        return len(self._answers) > self._limit_count or self._kept_bytes > self._limit_bytes


class Window(Generic[W]):
    """Requests by their identity, running or answered."""

    def __init__(
        self,
        *,
        keep_seconds: float,
        limit_count: int = KEPT_COUNT,
        limit_bytes: int = KEPT_BYTES,
    ) -> None:
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._running: dict[Hashable, W] = {}
        self._answered = KeptAnswers(limit_count=limit_count, limit_bytes=limit_bytes)

    def begin(self, key: Hashable, work: W, now: float) -> W | Answered | None:
        """Note a request as running, unless it is known.

        Returns:
            None where it was new; the work it joins, or the answer to send again, where not.
        """
        with self._lock:
            known: W | Answered | None = self._running.get(key)
            if known is None:
                known = self._answered.find(key, now)
            if known is None:
                self._running[key] = work
            return known

    def running(self) -> list[W]:
        """The requests that run now."""
        with self._lock:
            return list(self._running.values())

    def finish(self, key: Hashable, answer: Outgoing | None, now: float) -> None:
        """Note a request as answered, from now on for the time that answers are kept."""
        with self._lock:
            self._running.pop(key, None)
            self._answered.put(key, Answered(answer, now + self._keep_seconds), now)

    def slim(self, key: Hashable) -> None:
        """Note that an answer is published: what it has put into S3 is there."""
        with self._lock:
            self._answered.slim(key)

    def leave(self, key: Hashable, work: W) -> None:
        """Take a request for running no more; what has been answered stays."""
        with self._lock:
            if self._running.get(key) is work:
                del self._running[key]

    def forget(self, key: Hashable) -> None:
        """Know nothing of a request, so that a redelivery runs it."""
        with self._lock:
            self._running.pop(key, None)
            self._answered.drop(key)


def _weight(answer: Outgoing | None) -> int:
    if answer is None:
        return 0
    aside = 0 if answer.payload is None else len(answer.payload.content)
    return answer.size_bytes + aside

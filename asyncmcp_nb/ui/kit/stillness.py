"""Whether what a person clicks on stood there when they clicked.

A click that the kernel's main thread handles waits while a cell blocks, and the row under it may
show another call by then: to cancel that one would be a mistake that nobody can see. So a row that
has just changed hands is still only once the loop of that thread has been free for a moment. Clicks
that other threads handle do not wait, and there the moment alone counts.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Final

SETTLE_SECONDS: Final = 0.4
"""From a change to a click that knows of it: the way to the page, and a person's eye and hand."""


@dataclass(frozen=True, slots=True)
class Move:
    """Something took another place."""

    number: int
    at: float
    """Monotonic seconds."""


class Stillness:
    """Counts moves, and which of them the loop has had time to settle.

    It is made in the thread of the loop, or where there is no loop, and then nobody clicks.
    """

    def __init__(self, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds
        self._lock = threading.Lock()
        self._moved = 0
        self._settled = 0
        self._thread = threading.get_ident()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def move(self) -> Move:
        """Something takes another place now, in any thread."""
        with self._lock:
            self._moved += 1
            move = Move(self._moved, time.monotonic())
        if self._loop is None or self._loop.is_closed():
            self._settle(move.number)
        else:
            self._loop.call_soon_threadsafe(self._wait, move.number)
        return move

    def is_settled(self, move: Move | None) -> bool:
        """Whether a click that this thread handles now was made after a move.

        Args:
            move: None where nothing ever stood in that place before.
        """
        if move is None:
            return True
        if threading.get_ident() != self._thread:
            return time.monotonic() - move.at >= self._settle_seconds
        with self._lock:
            return move.number <= self._settled

    def _wait(self, number: int) -> None:
        """In the loop: it is free, so clicks from before are handled soon."""
        if self._loop is not None:
            self._loop.call_later(self._settle_seconds, self._settle, number)

    def _settle(self, number: int) -> None:
        with self._lock:
            self._settled = max(self._settled, number)

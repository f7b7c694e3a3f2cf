"""Whether what a person clicks on stood there when they clicked.

A click waits while a cell blocks, and the row under it may show another call by then: to cancel
that one would be a mistake that nobody can see. So a row that has just changed hands is still only
once the loop that handles clicks has been free for a moment.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

SETTLE_SECONDS: Final = 0.4
"""From a change to a click that knows of it: the way to the page, and a person's eye and hand."""


class Stillness:
    """Counts moves, and which of them the loop has had time to settle.

    It is made where clicks are handled: in the thread of the loop, or where there is no loop, and
    then nobody clicks.
    """

    def __init__(self, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._settle_seconds = settle_seconds
        self._lock = threading.Lock()
        self._moved = 0
        self._settled = 0
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def move(self) -> int:
        """Something takes another place now, in any thread; the number of the move."""
        with self._lock:
            self._moved += 1
            number = self._moved
        if self._loop is None or self._loop.is_closed():
            self._settle(number)
        else:
            self._loop.call_soon_threadsafe(self._wait, number)
        return number

    def is_settled(self, number: int) -> bool:
        """Whether a click that is handled now was made after this move."""
        with self._lock:
            return number <= self._settled

    def _wait(self, number: int) -> None:
        """In the loop: it is free, so clicks from before are handled soon."""
        if self._loop is not None:
            self._loop.call_later(self._settle_seconds, self._settle, number)

    def _settle(self, number: int) -> None:
        with self._lock:
            self._settled = max(self._settled, number)

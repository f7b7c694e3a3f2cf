"""How long it pays to wait for a request to fill: pure but for its lock.

AWS bills a request, whether it carries one message or ten. Where messages keep coming, a wait of a
small part of the time that they take anyway fills the requests, both those that publish and those
that receive. Where they come one by one, nothing waits but the next receive, for a moment: what the
last one brought needs the processor now.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from asyncmcp_nb.limits import BATCH_COUNT

_WINDOW_SECONDS: Final = 0.5
"""How far back receives count: what they tell of is soon over."""
_SHARE: Final = 0.15
"""Of the time that a message is on its way, what a wait may add."""
_CROWD_COUNT: Final = 1.5
"""Messages a receive, on average, below which calls are taken to be made one after the other."""
_BREATH_SECONDS: Final = 0.005
"""How long a thread of CPython may keep others from the interpreter (``sys.getswitchinterval``). A
receive that begins at once takes it from those who work on what the one before has brought."""


class Pace:
    """What the latest receives of one end tell. Safe to use from any thread."""

    def __init__(self, most_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Know nothing yet: nothing waits.

        Args:
            most_seconds: The longest wait; 0 for none at all.
            clock: Monotonic seconds.
        """
        self._most_seconds = most_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._receives: deque[tuple[float, int, float]] = deque()
        self._message_count = 0
        self._age_seconds = 0.0

    def note(self, ages_seconds: Sequence[float]) -> None:
        """Take in a receive.

        Args:
            ages_seconds: How long each of its messages was on its way. The clocks of two machines
                differ: one that is said to come from the future counts as new.
        """
        if not ages_seconds:
            return
        age_seconds = sum(max(0.0, age) for age in ages_seconds)
        with self._lock:
            self._receives.append((self._clock(), len(ages_seconds), age_seconds))
            self._message_count += len(ages_seconds)
            self._age_seconds += age_seconds
            self._forget()

    def gather_seconds(self) -> float:
        """How long the first message of a request may wait for others."""
        with self._lock:
            return self._gather_seconds()

    def refill_seconds(self) -> float:
        """How long to leave a queue alone that has just been emptied."""
        with self._lock:
            most = self._gather_seconds()
            if not most:
                return min(_BREATH_SECONDS, self._most_seconds)
            return min(most, BATCH_COUNT / self._rate())

    def _gather_seconds(self) -> float:
        self._forget()
        if self._message_count < _CROWD_COUNT * len(self._receives) or not self._receives:
            return 0.0
        age_seconds = self._age_seconds / self._message_count
        wait_seconds = min(self._most_seconds, _SHARE * age_seconds)
        # For nobody who is likely to come in that time, it is not worth it.
        return wait_seconds if self._rate() * wait_seconds >= 1 else 0.0

    def _rate(self) -> float:
        """Messages a second."""
        return self._message_count / _WINDOW_SECONDS

    def _forget(self) -> None:
        begin = self._clock() - _WINDOW_SECONDS
        while self._receives and self._receives[0][0] < begin:
            _, count, age_seconds = self._receives.popleft()
            self._message_count -= count
            self._age_seconds -= age_seconds

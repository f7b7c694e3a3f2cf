"""Bars that move from a thread, so that they do so while a cell or a script blocks.

A wait that is over within a second shows none. What is shown ends as one line: how it went, or how
many calls go on where somebody stopped waiting.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import time
import weakref
from collections.abc import Callable, Generator
from typing import Final, Self

from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.ui.progress.progress import Pace, Reading, read
from asyncmcp_nb.ui.progress.screens import Screen, screen_here

logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 1.0
"""A wait that is over sooner shows no bar. Our choice."""
_PAUSE_SECONDS: Final = 0.2
"""Between two updates, so that there are five a second at most."""
_TICKS_SECONDS: Final = (1.0, 30.0)
"""How often times are shown anew without news: a sixtieth of what it took so far, within these."""


_followers: weakref.WeakKeyDictionary[Tally, weakref.WeakSet[Follower]] = (
    weakref.WeakKeyDictionary()
)
"""Those that follow the same calls, in the outputs of several cells."""
_followers_lock = threading.Lock()


class Follower:
    """Keeps one screen up to date. It does not keep the calls alive."""

    def __init__(
        self,
        tally: Tally,
        screen: Screen,
        *,
        patience_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow.

        Args:
            tally: What to follow.
            screen: Where to show it.
            patience_seconds: How long to show nothing.
            clock: Unix seconds.
        """
        self._tally = weakref.ref(tally)
        self._screen = screen
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._pace = Pace()
        self._reading: Reading | None = None
        self._lock = threading.Lock()
        self._news, self._over = threading.Event(), threading.Event()
        tally.subscribe(self._news.set)
        with _followers_lock:
            _followers.setdefault(tally, weakref.WeakSet()).add(self)
        # A kernel knows by the context to which cell an output belongs.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(
            target=run, args=(self._run,), name="asyncmcp-bar", daemon=True
        )

    def start(self) -> Self:
        """Begin to follow."""
        self._thread.start()
        return self

    def poke(self) -> None:
        """Look again now."""
        self._news.set()

    def finish(self) -> None:
        """Follow no more; what was shown becomes the last line."""
        with self._lock:
            if not self._over.is_set():
                self._end(self._tally())
        self._news.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait until it follows no more; whether that is so."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def show(self) -> bool:
        """Show how things are now; whether there is more to come."""
        self._news.clear()
        tally = self._tally()
        with self._lock:
            if self._over.is_set():
                return False
            if tally is None or tally.is_done or tally.is_closed:
                self._end(tally)
                return False
            self._reading = self._read(tally)
            self._screen.show(self._reading)
            return True

    def show_end(self) -> None:
        """Show how it is, and where that is how it ended, once more: the end may be unheard."""
        was_over = self._over.is_set()
        self.show()
        with self._lock:
            if was_over and self._reading is not None:
                self._screen.repeat()

    def _run(self) -> None:
        try:
            self._over.wait(self._patience_seconds)
            while self.show():
                self._over.wait(_PAUSE_SECONDS)
                self._news.wait(self._tick_seconds())
        except Exception:  # boundary: the thread's end
            logger.exception("a bar could not be shown")
            self._over.set()
        finally:
            self._leave()

    def _leave(self) -> None:
        tally = self._tally()
        if tally is not None:
            tally.unsubscribe(self._news.set)

    def _read(self, tally: Tally) -> Reading:
        now = self._clock()
        return read(tally, now, self._pace.note(now, tally.ended_count))

    def _end(self, tally: Tally | None) -> None:
        self._over.set()
        if self._reading is not None:
            self._screen.finish(self._reading if tally is None else self._read(tally))

    def _tick_seconds(self) -> float:
        shortest, longest = _TICKS_SECONDS
        taken = 0.0 if self._reading is None else self._reading.seconds
        return min(longest, max(shortest, taken / 60))


@contextlib.contextmanager
def watching(tally: Tally, screen: Screen | None = None) -> Generator[None]:
    """Show how far calls are while somebody waits in here for more than a second.

    When this is left with all calls ended, whatever shows them says so, in earlier cells too: a
    notebook that is run without a front end hears of no output between two cells.

    Args:
        tally: Counts them.
        screen: Where to show it; by default a cell's output, or what stderr is.
    """
    chosen = None if tally.is_done else screen or screen_here()
    follower = None
    if chosen is not None:
        follower = Follower(tally, chosen, patience_seconds=PATIENCE_SECONDS).start()
    try:
        yield
    finally:
        if follower is not None:
            _guarded(follower.finish)
        if tally.is_done:
            with _followers_lock:
                others = [one for one in _followers.get(tally, ()) if one is not follower]
            for other in others:
                _guarded(other.show_end)


def _guarded(show: Callable[[], object]) -> None:
    try:
        show()
    except Exception:  # boundary: a bar that fails must not cost the answer
        logger.exception("a bar could not be shown")

"""The one thread of a session that refreshes its views, when there is something new.

A view is refreshed five times a second at most, and less often where that takes long, so that all
of them together leave the processor to the cells. The thread ends with the last view.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import CallRecord, Session
from asyncmcp_nb.ui.kit import turns
from asyncmcp_nb.ui.statuses import at_one_moment

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.2
"""Between two refreshes of a view, so that there are five a second at most."""
_TICK_SECONDS: Final = 1.0
"""How often elapsed times of calls that are out are shown anew."""
_SHARE: Final = 0.05
"""Of a processor that one view may take for what nobody asked it for."""
_LIVE_COUNT: Final = 24
"""Views of one session that move at a time. A front end may not say when it drops one, so the
oldest stop when newer ones are made."""

_GOODBYE_SECONDS: Final = 2.0
"""The most that closing a session waits for its views to show the last there is to see."""

_TOO_MANY: Final = "newer views of this session move; run the cell again for one here"
_GONE: Final = "its session is gone"


class Refreshed(Protocol):
    """See ``live.Live``."""

    @property
    def is_wanted(self) -> bool:
        """Whether there is still somebody to refresh it for."""
        ...

    @property
    def is_seen(self) -> bool:
        """Whether it may be on a page."""
        ...

    def render(self, session: Session) -> None:
        """Show how things are."""
        ...

    def tick(self, session: Session, *, is_busy: bool) -> None:
        """Show that time has passed."""
        ...

    def end(self, words: str = "") -> None:
        """Be refreshed no more."""
        ...


@dataclass(slots=True, eq=False)
class _Turn:
    """When one view is to be refreshed; under the refresher's lock. Times are monotonic seconds."""

    live: Refreshed
    is_stale: bool = False
    is_asked: bool = False
    """By a person, who does not wait for the view's share of the processor."""
    done_at: float = 0.0
    rest_seconds: float = 0.0

    @property
    def due_at(self) -> float:
        pause = _PAUSE_SECONDS if self.is_asked else max(_PAUSE_SECONDS, self.rest_seconds)
        return self.done_at + pause

    def is_due(self, now: float) -> bool:
        return (self.is_asked or (self.is_stale and self.live.is_seen)) and self.due_at <= now


class Refresher:
    """Serves the views of one session, which it does not keep alive."""

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._changed = threading.Condition()
        self._turns: list[_Turn] = []
        self._leaving: list[tuple[Refreshed, str]] = []
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = _nothing
        self._version = -1
        self._tick_at = 0.0

    def add(self, live: Refreshed) -> None:
        """Refresh a view from now on; the oldest of too many is refreshed no more."""
        with self._changed:
            self._turns.append(_Turn(live))
            while len(self._turns) > _LIVE_COUNT:
                self._leaving.append((self._turns.pop(0).live, _TOO_MANY))
            if self._thread is None:
                self._start()
            self._changed.notify_all()

    def drop(self, live: Refreshed, words: str = "") -> None:
        """Refresh it no more, with words saying why, or none. Its thread does so, soon."""
        with self._changed:
            kept = [turn for turn in self._turns if turn.live is not live]
            if len(kept) < len(self._turns):
                self._leaving.append((live, words))
            self._turns = kept
            self._changed.notify_all()

    def poke(self, live: Refreshed) -> None:
        """Refresh one view soon: a person did something with it."""
        with self._changed:
            for turn in self._turns:
                if turn.live is live:
                    turn.is_asked = True
            self._changed.notify_all()

    def _start(self) -> None:
        """Under the lock."""
        session = self._session()
        if session is not None:
            self._unsubscribe = session.log.subscribe(self._news)
        self._tick_at = time.monotonic() + _TICK_SECONDS
        self._thread = threading.Thread(target=self._run, name="asyncmcp-views", daemon=True)
        self._thread.start()

    def _news(self, _: Sequence[CallRecord]) -> None:
        """From the log, in one of its threads; the last time while the ledger is still open."""
        session = self._session()
        with self._changed:
            self._spoil()
            if session is not None and session.is_closed:
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._thread is None, _GOODBYE_SECONDS)

    def _spoil(self) -> None:
        """All views show what was; under the lock."""
        fresh = [turn for turn in self._turns if not turn.is_stale]
        for turn in fresh:
            turn.is_stale = True
        if fresh:
            self._changed.notify_all()

    # -- in its thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while self._round():
            with self._changed:
                pause_seconds = self._pause(time.monotonic())
                if pause_seconds > 0:
                    self._changed.wait(pause_seconds)

    def _pause(self, now: float) -> float:
        """Seconds until something may be due; under the lock."""
        if self._leaving or not self._turns:
            return 0.0
        waiting = [t for t in self._turns if t.is_asked or (t.is_stale and t.live.is_seen)]
        return min([self._tick_at, *(turn.due_at for turn in waiting)]) - now

    def _round(self) -> bool:
        """Refresh what is due; whether there is anything left to refresh, ever."""
        session = self._session()
        for turn in [turn for turn in self._turns if not turn.live.is_wanted]:
            self.drop(turn.live)
        if session is None or session.is_closed:
            self._say_goodbye(session)
        else:
            self._refresh(session)
        self._let_go()
        return not self._has_ended()

    def _let_go(self) -> None:
        with self._changed:
            leaving, self._leaving = self._leaving, []
        for live, words in leaving:
            try:
                with turns.turn():
                    live.end(words)
            except Exception:  # boundary: it is refreshed no more in any case
                logger.exception("a view could not say that it stands still")

    def _has_ended(self) -> bool:
        with self._changed:
            if self._turns or self._leaving:
                return False
            self._thread = None
            self._unsubscribe()
            self._changed.notify_all()
            return True

    def _refresh(self, session: Session) -> None:
        now = time.monotonic()
        is_tick = now >= self._tick_at
        is_busy = is_tick and self._look(session)
        with self._changed:
            due = [turn for turn in self._turns if turn.is_due(now)]
            for turn in due:
                turn.is_stale = turn.is_asked = False
            ticked = [t for t in self._turns if t not in due and t.live.is_seen] if is_tick else []
            if is_tick:
                self._tick_at = now + _TICK_SECONDS
        with at_one_moment():
            for turn in due:
                self._serve(turn, session, turn.live.render)
            for turn in ticked:
                if turn.due_at <= now:
                    self._serve(turn, session, lambda at, t=turn: t.live.tick(at, is_busy=is_busy))

    def _look(self, session: Session) -> bool:
        """Notice what nobody told of; whether a call is outstanding."""
        try:
            ledger = session.log.ledger
            version, is_busy = ledger.version, ledger.oldest_outstanding_at() is not None
        except AsyncMcpError:
            # Being closed, which the next round sees; of anything else the views tell.
            return False
        with self._changed:
            if version != self._version:
                self._version = version
                self._spoil()
        return is_busy

    def _serve(self, turn: _Turn, session: Session, show: Callable[[Session], object]) -> None:
        started = time.monotonic()
        try:
            with turns.turn():
                show(session)
        except Exception as exc:
            if session.is_closed and isinstance(exc, AsyncMcpError):
                return
            # boundary: the thread's; one view that fails must not stop the others
            logger.exception("a view could not be refreshed")
            self.drop(turn.live, f"this stands still: {_described(exc)}; run the cell again")
        turn.done_at = time.monotonic()
        turn.rest_seconds = (turn.done_at - started) * (1 / _SHARE - 1)

    def _say_goodbye(self, session: Session | None) -> None:
        """Show the last there is to see, and stop."""
        for turn in list(self._turns):
            if session is not None:
                self._serve(turn, session, turn.live.render)
            self.drop(turn.live, _GONE if session is None else "")


def _described(exc: Exception) -> str:
    said = one_line(str(exc))
    what = said if isinstance(exc, AsyncMcpError) else f"{type(exc).__name__}: {said}"
    return cut(what, 300)


def _nothing(*_: Any) -> None:
    """Nothing to undo."""

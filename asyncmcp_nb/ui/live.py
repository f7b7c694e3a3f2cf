"""Views that move while a cell blocks: refreshed from a thread, when there is something new.

The thread ends when the widget or the session is closed, or nobody holds either any more.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.session import CallRecord, Session
from asyncmcp_nb.ui.widgets import Widget

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.2
"""Between two refreshes, so that there are five a second at most."""
_TICK_SECONDS: Final = 1.0
"""How often elapsed times of calls that are out are shown anew."""
_LIVE_COUNT: Final = 4
"""Views of one session that move at a time. A page does not say when it drops one, so the oldest
stop when newer ones are made."""


class View(Protocol):
    """What can be kept up to date."""

    @property
    def widget(self) -> Widget:
        """What is in the page."""
        ...

    def render(self, session: Session) -> None:
        """Show how things are now; called in one thread at a time."""
        ...

    def freeze(self, words: str) -> None:
        """Say that this is as it was, and why."""
        ...


class Live:
    """Keeps one view up to date. It holds neither the view nor the session alive."""

    def __init__(self, session: Session, view: View) -> None:
        self._session = weakref.ref(session)
        self._view = weakref.ref(view)
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._reason = ""
        self._unsubscribe = session.log.subscribe(self._changed)
        self._thread = threading.Thread(target=self._run, name="asyncmcp-view", daemon=True)
        _make_room(session, self)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the view is kept up to date."""
        return self._thread.is_alive()

    def poke(self, *_: Any) -> None:
        """Refresh soon: something changed."""
        self._wake.set()

    def stop(self, reason: str = "") -> None:
        """Refresh no more. With a reason, the view says so."""
        self._reason = reason
        self._stopped.set()
        self._wake.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end; whether it did."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _changed(self, _: Sequence[CallRecord]) -> None:
        self._wake.set()

    def _run(self) -> None:
        try:
            while self._refresh(self._wake.wait(_TICK_SECONDS)):
                self._stopped.wait(_PAUSE_SECONDS)
        except Exception:  # boundary: the thread's end
            logger.exception("a view could not be refreshed")
        finally:
            self._unsubscribe()

    def _refresh(self, is_changed: bool) -> bool:
        """Refresh if need be; whether to go on."""
        self._wake.clear()
        view, session = self._view(), self._session()
        if view is None or view.widget.comm is None:
            return False
        if self._stopped.is_set() or session is None:
            if self._reason:
                view.freeze(self._reason)
            return False
        try:
            if is_changed or session.is_closed or session.snapshot().outstanding_count:
                view.render(session)
        except AsyncMcpError:
            if not session.is_closed:
                raise
        return not session.is_closed


_lives: weakref.WeakKeyDictionary[Session, deque[weakref.ref[Live]]] = weakref.WeakKeyDictionary()


def _make_room(session: Session, live: Live) -> None:
    lives = _lives.setdefault(session, deque())
    lives.append(weakref.ref(live))
    while len(lives) > _LIVE_COUNT:
        oldest = lives.popleft()()
        if oldest is not None:
            oldest.stop("a newer view of this session moves; run the cell again for one here")

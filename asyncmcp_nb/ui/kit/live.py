"""Views that move while a cell blocks: a handle on each; ``refresher`` has the thread.

A view moves until its widget or the session is closed, or nobody holds either any more.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Protocol, runtime_checkable

from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.refresher import Refresher
from asyncmcp_nb.ui.kit.widgets import Widget


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


@runtime_checkable
class Ticking(Protocol):
    """A view that knows what a second changes. Others are rendered while a call is outstanding."""

    def tick(self, session: Session) -> None:
        """A second has passed and nothing has happened; called in the thread of ``render``."""
        ...


class Live:
    """Keeps one view up to date. It holds neither the view nor the session alive."""

    def __init__(self, session: Session, view: View) -> None:
        self._view = weakref.ref(view)
        self._ended = threading.Event()
        self._count = widgets.watch_count(view.widget, self._counted)
        self._refresher = _refresher_of(session)
        self._refresher.add(self)

    @property
    def is_running(self) -> bool:
        """Whether the view is kept up to date."""
        return not self._ended.is_set()

    @property
    def is_wanted(self) -> bool:
        """Whether there is still somebody to refresh it for."""
        view = self._view()
        return view is not None and view.widget.comm is not None

    @property
    def is_seen(self) -> bool:
        """Whether it may be on a page: False where pages that showed it show it no more."""
        return self._count.is_seen

    def poke(self, *_: Any) -> None:
        """Refresh soon: somebody did something."""
        self._refresher.poke(self)

    def stop(self, reason: str = "") -> None:
        """Refresh no more. With a reason, the view says so."""
        self._refresher.drop(self, reason)

    def join(self, timeout_seconds: float) -> bool:
        """Wait until it is refreshed no more; whether that is so."""
        return self._ended.wait(timeout_seconds)

    # -- for its refresher, in its thread ---------------------------------------------------------

    def render(self, session: Session) -> None:
        """Show how things are."""
        view = self._view()
        if view is not None:
            view.render(session)

    def tick(self, session: Session, *, is_busy: bool) -> None:
        """Show that time has passed.

        Args:
            session: The session.
            is_busy: Whether a call is outstanding.
        """
        view = self._view()
        if isinstance(view, Ticking):
            view.tick(session)
        elif is_busy and view is not None:
            view.render(session)

    def end(self, words: str = "") -> None:
        """Be refreshed no more, with words saying why, or none."""
        view = self._view()
        try:
            if words and view is not None and view.widget.comm is not None:
                view.freeze(words)
        finally:
            self._ended.set()

    def _counted(self, _: Any) -> None:
        if self.is_seen:
            self.poke()


_refreshers: weakref.WeakKeyDictionary[Session, Refresher] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _refresher_of(session: Session) -> Refresher:
    with _lock:
        return _refreshers.setdefault(session, Refresher(session))

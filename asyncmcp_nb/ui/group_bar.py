"""The bar of a ``CallGroup``: an output of its own cell that moves until all calls have ended.

It is updated through its display id from a thread, so that it moves while a cell blocks, and the
saved notebook keeps its last state as plain HTML.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final, Protocol

from asyncmcp_nb.session import CallGroup
from asyncmcp_nb.ui.renderers import group_html
from asyncmcp_nb.ui.text import group_text

_PAUSE_SECONDS: Final = 0.2
"""Between two updates, so that there are five a second at most."""
_LOOK_SECONDS: Final = 30.0
"""How often a thread without news looks whether its group still exists."""


class Handle(Protocol):
    """An output that can be replaced, as ``IPython.display.DisplayHandle``."""

    def update(self, obj: Any, **kwargs: Any) -> None:
        """Replace it."""
        ...


class GroupBar:
    """Keeps one group's output up to date. It does not keep the group alive."""

    def __init__(self, group: CallGroup, handle: Handle) -> None:
        self._group = weakref.ref(group)
        self._handle = handle
        self._news = threading.Event()
        group.on_progress(self._news.set)
        self._thread = threading.Thread(target=self._run, name="asyncmcp-bar", daemon=True)

    def start(self) -> GroupBar:
        """Begin to follow the group."""
        self._news.set()
        self._thread.start()
        return self

    def poke(self) -> None:
        """Look again now."""
        self._news.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait until it follows no more; whether that is so."""
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = threading.Event()
        while self._show():
            pause.wait(_PAUSE_SECONDS)
            self._news.wait(_LOOK_SECONDS)

    def _show(self) -> bool:
        """Update the output; whether there is more to come."""
        group = self._group()
        if group is None:
            return False
        # Asked first: what is shown after the last call has ended is the last to show.
        is_done = group.is_done
        if is_done or self._news.is_set():
            self._news.clear()
            self._handle.update(bundle(group), raw=True)
        return not is_done


def bundle(group: CallGroup) -> dict[str, str]:
    """A group as it is now, as HTML and as text."""
    return {"text/html": str(group_html(group)), "text/plain": group_text(group)}


def show(group: CallGroup) -> None:
    """Display a group that is not done, and keep its output up to date.

    Raises:
        NotImplementedError: It is done, or this is a terminal, which cannot replace what it has
            printed. IPython then displays it like any other object.
    """
    from IPython import display
    from IPython.core.getipython import get_ipython

    if group.is_done or not hasattr(get_ipython(), "kernel"):
        raise NotImplementedError
    partly_typed: Any = display
    handle = partly_typed.display(bundle(group), raw=True, display_id=True)
    GroupBar(group, handle).start()

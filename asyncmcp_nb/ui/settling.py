"""Clicks that wait for what was typed before them.

A page sends one change of an input at a time and keeps later ones until the kernel has taken the
first, but it sends clicks at once. While a cell runs, a click on Send thus overtakes the end of
what was typed, and a call would go out with half a word. So a click from a page is answered with a
question to the page, which can reply only after it has sent what it kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, cast

import ipywidgets

from asyncmcp_nb.ui.widgets import close_tree

_PATIENCE_SECONDS: Final = 3.0
"""After which a page that did not reply is not asked any more."""


class Settling:
    """Asks the page, by two values that it keeps the same, which are nowhere to be seen."""

    def __init__(self) -> None:
        self._question = ipywidgets.IntText(1)
        self._reply = ipywidgets.IntText(0)
        # The page copies one to the other; what it does first is to copy the 1.
        keep_same: Any = cast("Any", ipywidgets).jsdlink
        self._link = keep_same((self._question, "value"), (self._reply, "value"))
        self._waiting: list[Callable[[], None]] = []
        self._asked_at: float | None = None
        self._reply.observe(self._replied, "value")

    def then(self, do: Callable[[], None]) -> None:
        """Do something once all that was typed has arrived; at once where no page replies."""
        is_replying = self._reply.value > 0
        is_lost = self._asked_at is not None and (
            time.monotonic() - self._asked_at > _PATIENCE_SECONDS
        )
        if not is_replying or is_lost:
            self._asked_at = None
            self._waiting.clear()
            do()
            return
        self._waiting.append(do)
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        self._question.value += 1

    def close(self) -> None:
        """Ask nothing any more."""
        self._link.close()
        for one in (self._question, self._reply):
            close_tree(cast("Any", one))

    def _replied(self, change: Any) -> None:
        if change["new"] < self._question.value:
            return
        waiting, self._waiting, self._asked_at = self._waiting, [], None
        for do in waiting:
            do()


def settle_clicks(button: Any, settling: Settling) -> None:
    """Let a button's clicks from a page wait; ``click()`` from Python does not."""
    button.on_msg(button._handle_button_msg, remove=True)

    def came(_: Any, content: Any, __: Any) -> None:
        if content.get("event", "") == "click":
            settling.then(button.click)

    button.on_msg(came)

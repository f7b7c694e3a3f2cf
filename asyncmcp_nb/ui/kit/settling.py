"""Clicks that wait for what was typed before them.

A page sends one change of an input at a time and keeps later ones until the kernel has taken the
first, but it sends clicks at once. While a cell runs, a click on Send thus overtakes the end of
what was typed, and a call would go out with half a word. So a click from a page is answered with a
question to the page, which can reply only after it has sent what it kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

import ipywidgets

from asyncmcp_nb.ui.kit.heard import heard

PATIENCE_SECONDS: Final = 3.0
"""After which a page that did not reply is not asked any more."""

DOUBLE_CLICK_SECONDS: Final = 0.4
"""Two clicks this close are one, where nothing changed between them: a double click, or those that
a busy kernel missed while somebody grew impatient. Our choice, a little below what desktops take
for a double click."""


class Settling:
    """Asks the page, by two values that it keeps the same, which are nowhere to be seen."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._waiting: list[Callable[[], None]] = []
        self._asked_at: float | None = None
        self.change_count = 0
        """Of what would be sent, as far as ``changed`` was called."""
        self.question: Any = ipywidgets.IntText(1)
        """Counted up by each click that waits."""
        self.reply: Any = heard(ipywidgets.IntText)(0)
        """What the page has copied; 0 while no page has replied yet."""
        keep_same: Any = cast("Any", ipywidgets).jsdlink
        # The first thing that a page does is to copy the 1.
        self._link = keep_same((self.question, "value"), (self.reply, "value"))
        self.reply.observe(self._replied, "value")

    def then(self, do: Callable[[], None]) -> None:
        """Do something once all that was typed has arrived; at once where no page replies.

        A page that does not reply any more costs a second click, after ``patience_seconds``.
        """
        with self._lock:
            must_wait = self.reply.value > 0 and not self._is_lost()
            if must_wait:
                self._waiting.append(do)
            else:
                self._waiting.clear()
                self._asked_at = None
            is_first = must_wait and len(self._waiting) == 1
            if is_first:
                self._asked_at = time.monotonic()
        if is_first:
            self.question.value += 1
        elif not must_wait:
            do()

    def changed(self) -> None:
        """A click from now on is no second one of a double click: it would send something else."""
        self.change_count += 1

    def close(self) -> None:
        """Ask nothing any more."""
        for box in (self.question, self.reply):
            for one in (box.layout, box.style, box):
                one.close()
        self._link.close()

    def _is_lost(self) -> bool:
        at = self._asked_at
        return at is not None and time.monotonic() - at > self._patience_seconds

    def _replied(self, change: Any) -> None:
        if change["new"] < self.question.value:
            return
        with self._lock:
            waiting, self._waiting, self._asked_at = self._waiting, [], None
        for do in waiting:
            do()


def settle_clicks(
    button: Any, settling: Settling, *, clock: Callable[[], float] = time.monotonic
) -> None:
    """Let a button's clicks from a page wait; ``click()`` from Python does not.

    Args:
        button: Of ipywidgets.
        settling: Knows the page.
        clock: Seconds; to tell a double click.
    """
    button.on_msg(button._handle_button_msg, remove=True)
    last_at = float("-inf")
    counted: int | None = None
    """Changes before the last click; None while it waits, so that those to come are among them."""

    def came(_: Any, content: Any, __: Any) -> None:
        nonlocal last_at, counted
        if content.get("event", "") != "click":
            return
        at, before = clock(), last_at
        last_at = at
        is_same = counted is None or counted == settling.change_count
        if at - before >= DOUBLE_CLICK_SECONDS or not is_same:
            counted = None
            settling.then(press)

    def press() -> None:
        nonlocal counted
        counted = settling.change_count
        button.click()

    button.on_msg(came)

"""Where questions of servers appear, and go away when they are answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from asyncmcp_nb.session import Question, Session
from asyncmcp_nb.ui.answer.folding import note
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.question.view import GONE, QuestionView
from asyncmcp_nb.ui.theme import bare

SHOWN_COUNT: Final = 5
"""Questions that are shown at a time; the others follow when these are answered."""


class QuestionSlot:
    """The place where the questions of a call, or those of no call, appear and go away."""

    def __init__(self, call_id: str | None) -> None:
        self._call_id = call_id
        self._lock = threading.RLock()
        self._views: dict[str, QuestionView] = {}
        self._poke: Callable[[], None] = lambda: None
        self._ended: set[str] = set()
        self.note = widgets.html_box()
        self._column = widgets.column()
        self.widget: widgets.Widget = widgets.column(self.note, self._column)

    @property
    def views(self) -> list[QuestionView]:
        """What is shown."""
        with self._lock:
            return list(self._views.values())

    def show(self, call_id: str | None) -> None:
        """Show the questions of another call."""
        with self._lock:
            self._call_id = call_id
            self._set({})
            widgets.put(self.note, "")

    def render(self, session: Session) -> None:
        """Show what is asked now; a view that stays is not touched."""
        with self._lock:
            asked = self._asked(session)
            gone = [name for name in self._views if name not in {one.id for one in asked}]
            views = {
                one.id: self._views.get(one.id) or QuestionView(session, one, self._answered)
                for one in asked[:SHOWN_COUNT]
            }
            if set(gone) - self._ended:
                self._say(GONE)
            elif len(asked) > SHOWN_COUNT:
                self._say(f"{len(asked) - SHOWN_COUNT:,} more questions wait behind these.")
            elif set(views) - set(self._views):
                widgets.put(self.note, "")
            self._ended.clear()
            if list(views) != list(self._views):
                self._set(views)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        for view in self.views:
            view.freeze(words)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke

    def _asked(self, session: Session) -> list[Question]:
        if self._call_id is not None:
            return session.questions.open(self._call_id)
        return [one for one in session.questions.open() if one.call_id is None]

    def _set(self, views: dict[str, QuestionView]) -> None:
        left = [view for name, view in self._views.items() if name not in views]
        self._views = views
        self._column.children = tuple(view.widget for view in views.values())
        for view in left:
            view.close()

    def _answered(self, question_id: str, words: str) -> None:
        with self._lock:
            self._ended.add(question_id)
            self._say(words)
        self._poke()

    def _say(self, words: str) -> None:
        widgets.put(self.note, bare(note(words)))

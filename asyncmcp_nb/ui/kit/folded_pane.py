"""A part that is folded away behind a button, and made when it is unfolded for the first time."""

from __future__ import annotations

from collections.abc import Callable

from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.part import Part
from asyncmcp_nb.ui.theme import bare


class FoldedPane:
    """A button with words, and below it the part while the button is pressed."""

    def __init__(self, words: str, make: Callable[[], Part]) -> None:
        """Make one.

        Args:
            words: On the button.
            make: Makes the part; not called before it is wanted.
        """
        self._words = words
        self._make = make
        self._poke: Callable[[], None] = lambda: None
        self.part: Part | None = None
        self.button = widgets.toggle(f"▸ {words}", "show or hide")
        self.note = widgets.html_box()
        self._place = widgets.classed(widgets.column(), "amcp-fold-body")
        self.button.observe(telling(self._tell, self._pressed), "value")
        self.widget: widgets.Widget = widgets.classed(
            widgets.column(self.button, self.note, self._place), "amcp-fold"
        )

    @property
    def is_open(self) -> bool:
        """Whether the part is seen."""
        return bool(self.button.value)

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        if self.is_open and self.part is not None and not session.is_closed:
            self.part.render(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        if self.part is None:
            self.button.disabled = True
        else:
            self.part.freeze(words)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke
        if self.part is not None:
            self.part.follow(poke)

    def _pressed(self, _: widgets.Change) -> None:
        is_open = self.is_open
        if is_open and self.part is None:
            self.part = self._make()
            self.part.follow(self._poke)
            self._place.children = (self.part.widget,)
        widgets.set_seen(self._place, is_open)
        self.button.description = f"{'▾' if is_open else '▸'} {self._words}"
        self._poke()

    def _tell(self, words: str) -> None:
        widgets.put(self.note, bare(tag("span", words, role="alert")) if words else "")

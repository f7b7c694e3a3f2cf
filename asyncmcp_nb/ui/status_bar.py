"""The bar on top of the panel: who is connected where, how it goes, what it cost, what to do."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.statuses import line
from asyncmcp_nb.ui.still.status_line import status_line
from asyncmcp_nb.ui.theme import bare


class StatusBar:
    """The bar as a part of an interface."""

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self._frozen = ""
        self.box = widgets.html_box()
        self.widget: widgets.Widget = self.box

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        widgets.put(self.box, bare(status_line(session.snapshot())))

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        widgets.put(self.box, bare(line(tag("span", words), tone="quiet")))

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        return status_line(session.snapshot())

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        return visible(str(session.snapshot()))

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``: nobody does anything here."""

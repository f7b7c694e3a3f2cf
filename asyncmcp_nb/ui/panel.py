"""``session.panel()``, and what a bare ``session`` shows: status, tools, form, answer and calls."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Final

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html, joined
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.folded_pane import FoldedPane
from asyncmcp_nb.ui.kit.part import Closing, Shown
from asyncmcp_nb.ui.messages.pane import MessagePane
from asyncmcp_nb.ui.question.asks import Asks
from asyncmcp_nb.ui.question.slot import QuestionSlot
from asyncmcp_nb.ui.status_bar import StatusBar
from asyncmcp_nb.ui.still.session import session_text, tools_part
from asyncmcp_nb.ui.table.table import CallTable
from asyncmcp_nb.ui.theme import sheet
from asyncmcp_nb.ui.tools.list import ToolListPart
from asyncmcp_nb.ui.workplace import Workplace

STILL_COUNT: Final = 3
"""Panels of closed sessions that keep their widgets. Our choice."""
_SHEETS: Final = ("answers", "card", "table")
"""Of the parts whose HTML is saved."""


class PanelPart:
    """All parts in one: what is chosen in one of them is opened in another."""

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.status = StatusBar(session)
        self.workplace = Workplace(session)
        self.asks = Asks(session, self.workplace.go_to_call)
        self.questions = QuestionSlot(None)
        """Of servers, and of no call."""
        self.tools = ToolListPart(session, on_choose=self.workplace.open_tool)
        self.table = CallTable(session, on_open=self.workplace.go_to_call)
        self.messages = FoldedPane("Messages of servers", self._message_pane)
        self.workplace.on_tool = self.tools.show
        self.workplace.on_call = self.table.show_open
        self._parts = (
            *(self.status, self.asks, self.questions, self.tools),
            *(self.workplace, self.table, self.messages),
        )
        zones = widgets.column(
            widgets.classed(self.tools.widget, "amcp-zone", "amcp-zone-tools"),
            self.workplace.form_zone,
            self.workplace.answer_zone,
        )
        self._zones = widgets.classed(zones, "amcp-zones")
        self._root = widgets.classed(
            widgets.column(
                widgets.style_box(sheet("panel")),
                widgets.classed(self.status.widget, "amcp-panel-status"),
                self.asks.widget,
                self.questions.widget,
                self._zones,
                self.table.widget,
                self.messages.widget,
            ),
            "amcp-panel",
        )
        self.widget: widgets.Widget = self._root

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        for part in self._parts:
            part.render(session)
        is_asked = bool(self.questions.views or self.questions.note.value)
        widgets.set_seen(self.questions.widget, is_asked)
        if self.workplace.is_open:
            widgets.classed(self._zones, "amcp-zones-open")

    def tick(self, session: Session) -> None:
        """See ``live.Ticking``."""
        self.status.render(session)
        self.workplace.tick(session)
        self.table.tick(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        for part in self._parts:
            part.freeze(words)

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        return joined(
            self.status.html(session),
            self.asks.html(session),
            tools_part(session),
            self.workplace.html(session),
            self.table.html(session),
        )

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        opened = self.workplace.text(session)
        return "\n".join(part for part in (session_text(session), opened) if part)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        for part in self._parts:
            part.follow(poke)

    def collapse(self, markup: str) -> None:
        """Be a picture from now on, and let go of all widgets but that."""
        box = widgets.html_box()
        box.value = markup
        former, self._root.children = self._root.children, (box,)
        for widget in former:
            widgets.close_tree(widget)
        self.close()

    def close(self) -> None:
        """See ``part.Closing``."""
        for part in (*self._parts, self.messages.part):
            if isinstance(part, Closing):
                part.close()

    def _message_pane(self) -> MessagePane:
        session = self._session()
        if session is None:
            raise SessionClosed("this session is gone; connect again")
        return MessagePane(session)


class Panel(Shown):
    """A session to look at and to work with. It moves until it or the session is closed."""

    def __init__(self, session: Session) -> None:
        self.panel = PanelPart(session)
        super().__init__(session, self.panel, sheets=_SHEETS)

    def collapse(self) -> None:
        """Stay in the page as a picture: its session is closed or gone."""
        self.panel.collapse(self._html)


_panels: weakref.WeakKeyDictionary[Session, Panel] = weakref.WeakKeyDictionary()
_made: list[Panel] = []
"""Those of open sessions, and a few others: a kernel may see many sessions."""
_lock = threading.Lock()


def panel_of(session: Session) -> Panel | None:
    """The panel of a session: made once, and shown in as many places as the session is.

    Returns:
        None where the session was closed before it was ever shown.
    """
    with _lock:
        panel = _panels.get(session)
        if panel is not None and panel.widget.comm is not None:
            return panel
        if session.is_closed:
            return None
        panel = _panels[session] = Panel(session)
        _make_room(panel)
        return panel


def _make_room(newest: Panel) -> None:
    """Let go of the widgets of panels that stand still, but for the latest few."""
    still = [panel for panel in _made if not panel.is_live and panel.widget.comm is not None]
    for panel in still[:-STILL_COUNT]:
        panel.collapse()
    _made[:] = [panel for panel in _made if panel.is_live] + still[-STILL_COUNT:] + [newest]

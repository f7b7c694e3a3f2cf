"""``session.panel()``: status line, tools and the live table, in one widget."""

from __future__ import annotations

import weakref
from typing import Any

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui import widgets
from asyncmcp_nb.ui.call_table import CallTable
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.live import Live
from asyncmcp_nb.ui.session_html import tools_part
from asyncmcp_nb.ui.status_bar import status_line
from asyncmcp_nb.ui.text import rows_text, tools_text
from asyncmcp_nb.ui.theme import bare, framed, sheet

_TEXT_ROWS = 20


class Panel:
    """A session to look at. It moves until it or the session is closed."""

    def __init__(self, session: Session) -> None:
        self._status = widgets.html_box()
        self._tools = widgets.html_box()
        self.table = CallTable()
        self.widget = widgets.column(self._status, self._tools, self.table.widget)
        """The ipywidgets widget, to put into layouts of your own."""
        # The page holds the widget alone, and this must not end before it does.
        widgets.keep(self.widget, self)
        self._html = str(framed("this session was closed before it was shown"))
        self._text = visible(repr(session))
        self.render(session)
        self._live = Live(session, self)
        self.table.follow(self._live)
        self._session = weakref.ref(session)

    def __repr__(self) -> str:
        return f"<Panel of {self._session()!r}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        session = self._session()
        if session is not None:
            self._take_snapshot(session)
        return {
            "text/plain": self._text,
            "text/html": self._html,
            **widgets.view_bundle(self.widget),
        }

    @property
    def boxes(self) -> tuple[widgets.HtmlBox, ...]:
        """The places of the status line, the tools and the rows."""
        return self._status, self._tools, self.table.body

    @property
    def is_live(self) -> bool:
        """Whether it is kept up to date."""
        return self._live.is_running

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Take it out of the page and end its thread."""
        self._live.stop()
        self.widget.close()
        self._live.join(timeout_seconds)

    def render(self, session: Session) -> None:
        """See ``live.View``."""
        _show(self._status, tag("div", sheet(), bare(status_line(session.snapshot()))))
        tools = bare(tools_part(session))
        _show(self._tools, tools)
        self.table.render(session)

    def freeze(self, words: str) -> None:
        """See ``live.View``."""
        _show(self._status, tag("div", sheet(), bare(tag("p", words, class_="amcp-quiet"))))

    def _take_snapshot(self, session: Session) -> None:
        try:
            parts = (
                status_line(session.snapshot()),
                tools_part(session),
                self.table.snapshot(session),
            )
            status = visible(str(session.snapshot()))
            newest = session.log.ledger.rows(descending=True, limit=_TEXT_ROWS)
        except AsyncMcpError:  # closed: what was seen last stays
            return
        self._html = str(framed(*parts))
        self._text = "\n".join([status, tools_text(session.tools or ()), *rows_text(newest)])


def _show(box: widgets.HtmlBox, markup: Html) -> None:
    # A box is sent to the page when it changes, and a tool list that somebody unfolded stays so.
    if box.value != markup:
        box.value = str(markup)


_panels: weakref.WeakKeyDictionary[Session, Panel] = weakref.WeakKeyDictionary()


def panel_of(session: Session) -> Panel | None:
    """The panel of a session: made once, and shown wherever the session is."""
    panel = _panels.get(session)
    if session.is_closed and panel is None:
        return None
    if panel is None or panel.widget.comm is None:
        panel = _panels[session] = Panel(session)
    return panel


_panels: weakref.WeakKeyDictionary[Session, Panel] = weakref.WeakKeyDictionary()


def panel_of(session: Session) -> Panel | None:
    """The panel of a session: made once, and shown wherever the session is."""
    panel = _panels.get(session)
    if session.is_closed and panel is None:
        return None
    if panel is None or panel.widget.comm is None:
        panel = _panels[session] = Panel(session)
    return panel

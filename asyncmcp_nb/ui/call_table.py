"""The live table of outstanding and completed calls: one page of it at a time, from the ledger."""

from __future__ import annotations

from typing import Any, Final

from asyncmcp_nb.session import OUTSTANDING, STATUSES, CallFilter, Log, Session, Status
from asyncmcp_nb.ui import widgets
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.live import Live
from asyncmcp_nb.ui.rows import calls_table
from asyncmcp_nb.ui.statuses import word
from asyncmcp_nb.ui.text import log_text
from asyncmcp_nb.ui.theme import bare, framed

PAGE_ROWS: Final = 50

_ALL: Final = "all"
_OUT: Final = "outstanding"


class CallPage:
    """Which rows are looked at: pure but for reading the ledger."""

    def __init__(self, page_rows: int = PAGE_ROWS) -> None:
        self.page_rows = page_rows
        self.chosen = _ALL
        """``all``, ``outstanding`` or a status."""
        self.number = 0
        """Of the page, from 0."""
        self.count = 0
        """Rows that the filter lets through, as of the last look."""

    @property
    def last_number(self) -> int:
        """The number of the last page."""
        return max(0, (self.count - 1) // self.page_rows)

    def html(self, log: Log) -> Html:
        """The page as it is now."""
        ledger = log.ledger
        chosen = self._filter()
        self.count = ledger.count(chosen)
        self.number = min(self.number, self.last_number)
        offset = self.number * self.page_rows
        records = ledger.rows(chosen, descending=True, limit=self.page_rows, offset=offset)
        if not records:
            what = "" if self.chosen == _ALL else f" that {self._words()}"
            return tag("p", f"no calls{what}", class_="amcp-quiet")
        return calls_table(records, self._caption(offset, len(records)))

    def _filter(self) -> CallFilter:
        if self.chosen == _ALL:
            return CallFilter()
        return CallFilter(statuses=OUTSTANDING if self.chosen == _OUT else {Status(self.chosen)})

    def _words(self) -> str:
        return "are outstanding" if self.chosen == _OUT else f"are {word(Status(self.chosen))}"

    def _caption(self, offset: int, shown: int) -> str:
        which = f"{offset + 1:,}-{offset + shown:,} of {self.count:,}"
        calls = "calls" if self.chosen == _ALL else f"calls that {self._words()}"
        left = self.count - shown
        rest = f"; {left:,} on other pages" if left else ""
        return f"{which} {calls}, the newest first{rest}"


class CallTable:
    """The table as a widget: a filter by status, pages, and rows that move.

    It is kept up to date by ``render``: its own thread, or the panel's that it is part of.
    """

    def __init__(self, page_rows: int = PAGE_ROWS) -> None:
        self._page = CallPage(page_rows)
        self._live: Live | None = None
        self.body = widgets.html_box(max_height="36em")
        self.filter = widgets.choice(
            "Show",
            [
                ("all calls", _ALL),
                ("outstanding", _OUT),
                *((word(status), status.value) for status in STATUSES),
            ],
        )
        self.newer = widgets.button("< newer", "the page of calls submitted after these")
        self.older = widgets.button("older >", "the page of calls submitted before these")
        self.filter.observe(self._choose, "value")
        self.newer.on_click(lambda _: self._turn(-1))
        self.older.on_click(lambda _: self._turn(+1))
        self.widget = widgets.column(widgets.row(self.filter, self.newer, self.older), self.body)

    def follow(self, live: Live) -> None:
        """Have this poked when somebody turns a page."""
        self._live = live

    def render(self, session: Session) -> None:
        """Show the rows as they are now."""
        if session.is_closed:
            return
        markup = str(bare(tag("div", self._page.html(session.log), class_="amcp-live")))
        if self.body.value != markup:
            self.body.value = markup
        self.newer.disabled = self._page.number == 0
        self.older.disabled = self._page.number == self._page.last_number

    def snapshot(self, session: Session) -> Html:
        """The first page as markup, for a saved notebook."""
        return CallPage(self._page.page_rows).html(session.log)

    def _choose(self, change: Any) -> None:
        self._page.chosen, self._page.number = change["new"], 0
        self._poke()

    def _turn(self, by: int) -> None:
        self._page.number = min(max(0, self._page.number + by), self._page.last_number)
        self._poke()

    def _poke(self) -> None:
        if self._live is not None:
            self._live.poke()


def table_bundle(table: CallTable, session: Session) -> dict[str, Any]:
    """What a notebook shows and saves of a table by itself."""
    return {
        "text/plain": log_text(session.log),
        "text/html": str(framed(table.snapshot(session))),
        **widgets.view_bundle(table.widget),
    }

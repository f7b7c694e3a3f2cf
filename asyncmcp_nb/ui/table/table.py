"""The live table of outstanding and completed calls: one page of it at a time, from the ledger.

Its widgets are made once. A render reads the page only where the ledger or what is asked for has
changed, and sends the rows that changed; a second that passes changes elapsed times alone.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from typing import Any, Final

from asyncmcp_nb.errors import LedgerError, SessionClosed
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.card.card import CallCard
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.stillness import Move, Stillness
from asyncmcp_nb.ui.still.calls import calls_table
from asyncmcp_nb.ui.still.text import rows_text
from asyncmcp_nb.ui.table.bars import DoBar, FilterBar, HeadBar, PageBar
from asyncmcp_nb.ui.table.deeds import Deeds
from asyncmcp_nb.ui.table.page import Page, Pager
from asyncmcp_nb.ui.table.row import RowActions, TableRow
from asyncmcp_nb.ui.theme import bare, sheet

_MOVED: Final = "nothing was done: the rows had just moved; click again"
_CLOSED: Final = "this session is closed: connect again under its name to go on with its calls"


class CallTable:
    """The table as a part of an interface: filters, headings to sort by, rows that move, pages.

    It follows what happens until somebody selects a call or turns to another page; then every row
    stays where it is, and a line counts what is new.
    """

    def __init__(self, session: Session, on_open: Callable[[str], None] | None = None) -> None:
        """Make one.

        Args:
            session: Whose calls.
            on_open: Called with the id of a call that somebody opened; without it the call is shown
                below the table.
        """
        self._session = weakref.ref(session)
        self._on_open = on_open
        self._poke: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._pager = Pager()
        self._wish = 0
        """Counts what people asked for, so that a page that was read before is not shown after."""
        self._seen: tuple[int, int] | None = None
        self._opened: str | None = None
        self._stillness = Stillness()
        self.page: Page | None = None
        """What is shown."""
        self._build(session)

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        if session.is_closed:
            with suppress(LedgerError):  # closed as well: what was seen last stays
                self._read(session)
            self.freeze(_CLOSED)
        elif not self._is_current(session):
            self._read(session)
        else:
            self._tick_rows()
        if self.card is not None:
            self.card.render(session)

    def tick(self, session: Session) -> None:
        """Show elapsed times as they are now; nothing is read."""
        self._tick_rows()
        if self.card is not None:
            self.card.tick(session)

    def _tick_rows(self) -> None:
        with self._lock:
            for row in self.rows:
                row.tick()

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        with self._lock:
            for row in self.rows:
                row.disable()
            for bar in (self.filters, self.heads, self.pages, self.doing):
                _disable(bar.widget)
            self.fresh.disabled = True
            self.deeds.dialogs.close()
            widgets.put(self.caption, bare(tag("span", words, class_="amcp-quiet")))

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        page = self._snapshot(session)
        if not page.records:
            return tag("p", page.caption, class_="amcp-quiet")
        return calls_table(page.records, page.caption)

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        page = self._snapshot(session)
        return "\n".join([*rows_text(page.records), page.caption])

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke
        if self.card is not None:
            self.card.follow(poke)

    def close(self) -> None:
        """See ``part.Closing``."""
        self._kit.close_every()

    def show_open(self, call_id: str | None) -> None:
        """Mark the row of a call whose details are shown elsewhere."""
        with self._lock:
            self._opened = call_id
            self._refill()

    # -- what it is made of -----------------------------------------------------------------------

    def _build(self, session: Session) -> None:
        self._kit = kit = Kit()
        self.deeds = Deeds(kit, self._session, self._changed)
        self.filters = FilterBar(kit, self._telling(self._ask))
        self.heads = HeadBar(kit, self._telling(self._sort))
        self.pages = PageBar(
            kit,
            go=self._telling(self._go),
            ask=self._telling(self._ask),
            follow=self._telling(self._follow),
        )
        actions: Mapping[str, Callable[[], object]] = {
            "page": self._select_page,
            "all": self._select_all,
            "none": self._select_nothing,
            "cancel": lambda: self.deeds.cancel(self.deeds.selection.ids),
            "retry": lambda: self.deeds.retry(self.deeds.selection.ids),
            "open": self._open_next,
            "code": lambda: self.deeds.show_code(self.deeds.selection.ids),
            "export": lambda: self.deeds.export(self._pager.asked.chosen),
        }
        self.doing = DoBar(kit, {name: self._telling(do) for name, do in actions.items()})
        self.caption = kit.html("amcp-t-caption")
        self.fresh = kit.button(
            *("Show new calls", "go to the first page, and follow"),
            self._telling(self._show_new),
            "amcp-t-fresh",
        )
        self.rows: list[TableRow] = []
        self._row_actions = RowActions(
            select=self._telling(self._select),
            open=self._telling(self._open),
            act=self._telling(self._act),
            code=self._telling(self._code),
        )
        self.body = kit.box([], "amcp-t-body")
        self.card = None if self._on_open is not None else CallCard(session, on_away=self._shut)
        style = widgets.style_box(sheet("table"))
        head = kit.box([self.heads.widget], "amcp-t-row", "amcp-t-head-row")
        line = kit.box([self.caption, self.fresh], "amcp-t-bar-row", "amcp-t-line-row")
        table = kit.box([head, self.body], "amcp-t-grid")
        below = [self.pages.widget, self.doing.widget, self.deeds.widget]
        parts = [style, self.filters.widget, line, table, *below]
        calls = kit.box(parts, "amcp", "amcp-calls")
        self.widget: widgets.Widget = calls
        if self.card is not None:
            self.widget = kit.box([calls, self.card.widget], "amcp-t-alone")

    def _make_rows(self, count: int) -> None:
        """Have so many places for calls, and show no others."""
        for number in range(len(self.rows), count):
            self.rows.append(TableRow(self._kit, number + 1, self._row_actions))
        if len(self.rows) != len(self.body.children):
            self.body.children = [row.widget for row in self.rows]
        for number, row in enumerate(self.rows):
            row.set_shown(number < count)

    def _telling(self, callback: Callable[..., object]) -> Callable[..., None]:
        return telling(self.deeds.tell_trouble, callback)

    # -- showing ----------------------------------------------------------------------------------

    def _is_current(self, session: Session) -> bool:
        with self._lock:
            return self._seen == (session.log.ledger.version, self._wish)

    def _read(self, session: Session) -> None:
        """Read the page and show it, unless somebody asks for another one meanwhile."""
        with self._lock:
            pager, wish = copy(self._pager), self._wish
        ledger = session.log.ledger
        version = ledger.version
        page = pager.read(session.log)
        tools, groups = ledger.tools(), ledger.groups()
        with self._lock:
            if wish != self._wish:
                self._poke()
                return
            self._pager, self._seen = pager, (version, wish)
            self.filters.offer(tools, groups)
            self._show(page)

    def _show(self, page: Page) -> None:
        self.page = page
        self._make_rows(len(page.records))
        self._refill()
        self.filters.show(page.asked)
        self.heads.show(page.asked)
        self.pages.show(page)
        self.doing.show(len(self.deeds.selection), page)
        widgets.put(self.caption, bare(tag("span", page.caption, role="status")))
        some = page.new_count
        words = f"Show {some:,} new call{'' if some == 1 else 's'}" if some else "No new calls"
        if self.fresh.description != words:
            self.fresh.description = words
        self.fresh.disabled = not some

    def _refill(self) -> None:
        """Put the calls of the page into the rows."""
        records = () if self.page is None else self.page.records
        move: Move | None = None
        for row, record in zip(self.rows, records, strict=False):
            is_selected = record.call_id in self.deeds.selection
            is_open = record.call_id == self._opened
            if row.show(record, is_selected=is_selected, is_open=is_open):
                move = self._stillness.move() if move is None else move
                row.moved = move

    def _snapshot(self, session: Session) -> Page:
        with self._lock:
            pager = copy(self._pager)
        return pager.read(session.log)

    # -- what people do ---------------------------------------------------------------------------

    def _changed(self) -> None:
        """Something is to be shown anew."""
        with self._lock:
            self._wish += 1
        self._poke()

    def _ask(self, changes: Mapping[str, Any]) -> None:
        with self._lock:
            self._pager.ask(**changes)
        self._changed()

    def _sort(self, order_by: str) -> None:
        with self._lock:
            self._pager.sort(order_by)
        self._changed()

    def _go(self, number: int) -> None:
        with self._lock:
            self._pager.go(number)
        self._changed()

    def _follow(self, is_wanted: bool) -> None:
        with self._lock:
            if is_wanted == self._pager.is_following:
                return
            self._pager.follow() if is_wanted else self._pager.hold()
        self._changed()

    def _show_new(self, _: Any) -> None:
        self._follow(True)

    def _select(self, row: TableRow) -> None:
        with self._lock:
            record, is_wanted = row.record, bool(row.check.value)
            if record is None or is_wanted == (record.call_id in self.deeds.selection):
                return
            self.deeds.selection.set(record.call_id, is_wanted)
            self._pager.hold()
        self._changed()

    def _select_page(self) -> None:
        with self._lock:
            records = () if self.page is None else self.page.records
            self.deeds.select([record.call_id for record in records])
            self._pager.hold()
        self._changed()

    def _select_all(self) -> None:
        asked = self._pager.asked
        with self._lock:
            self._pager.hold()
        self.deeds.select_all(asked)

    def _select_nothing(self) -> None:
        self.deeds.selection.clear()
        self._changed()

    def _open(self, row: TableRow) -> None:
        if row.record is not None:
            self._open_call(row.record.call_id)

    def _open_next(self) -> None:
        found = self.deeds.selection.next_to_open()
        if found is not None:
            self._open_call(found[0])
            self.deeds.tell(f"opened {found[1]:,} of {len(self.deeds.selection):,} selected")

    def _open_call(self, call_id: str) -> None:
        if self._session() is None:
            raise SessionClosed("this session is gone; connect again")
        if self._on_open is not None:
            self._on_open(call_id)
        elif self.card is not None:
            self.card.go_to(call_id)
        self.show_open(call_id)
        self._poke()

    def _shut(self) -> None:
        self.show_open(None)

    def _act(self, row: TableRow) -> None:
        with self._lock:
            record, is_settled = row.record, self._stillness.is_settled(row.moved)
        if record is None:
            return
        if not is_settled:
            self.deeds.tell(_MOVED)
        elif record.is_finished:
            self.deeds.retry([record.call_id])
        else:
            self.deeds.cancel([record.call_id])

    def _code(self, row: TableRow) -> None:
        if row.record is not None:
            self.deeds.show_code([row.record.call_id])


def _disable(box: Any) -> None:
    for child in getattr(box, "children", ()):
        _disable(child)
    if hasattr(box, "disabled"):
        box.disabled = True

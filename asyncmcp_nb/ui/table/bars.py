"""The controls of the live table: what to show, headings to sort by, pages, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.inputs import Kit, Press
from asyncmcp_nb.ui.table.page import (
    LARGEST_FIRST,
    ORDERS,
    PAGE_SIZES,
    SHOWN,
    Asked,
    Page,
    shown_words,
)
from asyncmcp_nb.ui.table.row import COLUMNS

_NAME_CHARACTERS: Final = 60
_NAMES_COUNT: Final = 500
"""Tools or groups that a list offers at the most; our choice."""

Ask = Callable[[Mapping[str, Any]], None]
"""Takes changes to ``page.Asked`` by name."""

_ANY: Final = object()
"""What stands for no filter: a choice whose value is None is shown as no choice."""


class FilterBar:
    """Status, tool, group, text, order."""

    def __init__(self, kit: Kit, ask: Ask) -> None:
        self._ask = ask
        self._asked = Asked()
        self._offered: dict[str, Sequence[str]] = {"tool": (), "group": ()}
        self._is_filling = False
        self._typed: set[str] = set()
        """What was typed since the text was last set from here. A page that was read while somebody
        typed on is late, and must not take letters away again."""
        shown = [("all calls", "all"), *((shown_words(n), n) for n in SHOWN if n != "all")]
        self.shown = kit.dropdown("Show", shown)
        self.tool = kit.dropdown("Tool", [("any tool", _ANY)], "amcp-t-names")
        self.group = kit.dropdown("Group", [("any group", _ANY)], "amcp-t-names")
        self.text = kit.text(
            "Find", "amcp-t-find", placeholder="in arguments, answers, errors, or a call's id"
        )
        orders = [(words, name) for name, (words, _, _) in ORDERS.items()]
        self.order = kit.dropdown("Sort by", orders, "amcp-t-order")
        self.way = kit.button("↓", "the other way round", self._turn, "amcp-t-way")
        self.clear = kit.button("Clear", "show all calls, the newest first", self._clear)
        for name, control in self._controls.items():
            control.observe(partial(self._changed, name), "value")
        children = [*self._controls.values(), self.way, self.clear]
        self.widget = kit.box(children, "amcp-t-bar-row", "amcp-t-filters")

    @property
    def _controls(self) -> dict[str, Any]:
        return {
            "shown": self.shown,
            "tool": self.tool,
            "group": self.group,
            "text": self.text,
            "order_by": self.order,
        }

    def show(self, asked: Asked) -> None:
        """Show what is asked for."""
        former, self._asked = self._asked, asked
        for name, control in self._controls.items():
            value = getattr(asked, name)
            if name == "text" and (value == former.text or value in self._typed):
                continue
            if value is None:
                value = _ANY
            if control.value != value and self._may_be(name, value):
                control.value = value
        arrow = "↓" if asked.descending else "↑"
        if self.way.description != arrow:
            self.way.description = arrow
        self.clear.disabled = asked == Asked(page_rows=asked.page_rows)

    def _may_be(self, name: str, value: Any) -> bool:
        return value is _ANY or name not in self._offered or value in self._offered[name]

    def offer(self, tools: Sequence[str], groups: Sequence[str]) -> None:
        """Offer these names to choose from."""
        self._offer("tool", self.tool, tools)
        self._offer("group", self.group, groups)

    def _offer(self, what: str, control: Any, names: Sequence[str]) -> None:
        if self._offered[what] == names:
            return
        self._offered[what] = names
        options: list[tuple[str, Any]] = [(f"any {what}", _ANY)]
        options += _told_apart(names[:_NAMES_COUNT])
        if len(names) > _NAMES_COUNT:
            options.append((f"… {len(names) - _NAMES_COUNT:,} more, not listed", _ANY))
        self._is_filling = True
        try:
            chosen = getattr(self._asked, what)
            control.options = options
            control.value = chosen if chosen in names[:_NAMES_COUNT] else _ANY
        finally:
            self._is_filling = False

    def _changed(self, name: str, change: Mapping[str, Any]) -> None:
        value = None if change["new"] is _ANY else change["new"]
        is_typed = name == "text" and bool(self._typed)
        if self._is_filling or (value == getattr(self._asked, name) and not is_typed):
            return
        if name == "text":
            self._typed.add(change["new"])
        if name == "order_by":
            self._ask({"order_by": value, "descending": value in LARGEST_FIRST})
        else:
            self._ask({name: value})

    def _turn(self, _: Any) -> None:
        self._ask({"descending": not self._asked.descending})

    def _clear(self, _: Any) -> None:
        nothing = Asked()
        self._typed.clear()
        self.text.value = nothing.text
        names = ("shown", "tool", "group", "text", "order_by", "descending")
        self._ask({name: getattr(nothing, name) for name in names})


class HeadBar:
    """The headings of the columns, each a button that sorts by it."""

    def __init__(self, kit: Kit, sort: Callable[[str], None]) -> None:
        self.buttons: dict[str, Press] = {}
        for name, words, order in COLUMNS:
            tooltip = f"sort by {words.lower()}; again for the other way round"
            handler = partial(self._click, sort, order)
            self.buttons[order] = kit.button(
                words, tooltip, handler, "amcp-t-head", f"amcp-t-c-{name}"
            )
        self.widget = kit.box(list(self.buttons.values()), "amcp-t-cells", "amcp-t-heads")

    def show(self, asked: Asked) -> None:
        """Mark the heading that is sorted by."""
        for _, words, order in COLUMNS:
            is_by = order == asked.order_by
            said = f"{words} {'↓' if asked.descending else '↑'}" if is_by else words
            if self.buttons[order].description != said:
                self.buttons[order].description = said

    def _click(self, sort: Callable[[str], None], order: str, _: Any) -> None:
        sort(order)


class PageBar:
    """Turning pages, rows a page, and whether the table follows."""

    def __init__(
        self, kit: Kit, *, go: Callable[[int], None], ask: Ask, follow: Callable[[bool], None]
    ) -> None:
        self._page: Page | None = None
        self._ask = ask
        self.first = kit.button("<< First", "the first page", lambda _: go(0))
        self.previous = kit.button("< Previous", "the page before", lambda _: go(self._number - 1))
        self.next = kit.button("Next >", "the page after", lambda _: go(self._number + 1))
        self.last = kit.button("Last >>", "the last page", lambda _: go(self._last))
        self.where = kit.html("amcp-t-where")
        self.rows = kit.dropdown("Rows", [(str(n), n) for n in PAGE_SIZES], "amcp-t-rows-choice")
        self.follow = kit.check("Follow new calls", "amcp-t-follow")
        self.follow.value = True
        self.rows.observe(self._choose, "value")
        self.follow.observe(lambda change: follow(change["new"]), "value")
        self.widget = kit.box(
            [self.first, self.previous, self.where, self.next, self.last, self.rows, self.follow],
            "amcp-t-bar-row",
            "amcp-t-pages",
        )

    def show(self, page: Page) -> None:
        """Show which page that is."""
        self._page = page
        self.first.disabled = self.previous.disabled = page.number == 0
        self.next.disabled = self.last.disabled = page.number >= page.last_number
        widgets.put(self.where, f"{page.number + 1:,} of {page.last_number + 1:,}")
        self.rows.value = page.asked.page_rows
        self.follow.value = page.is_following

    @property
    def _number(self) -> int:
        return 0 if self._page is None else self._page.number

    @property
    def _last(self) -> int:
        return 0 if self._page is None else self._page.last_number

    def _choose(self, change: Mapping[str, Any]) -> None:
        if self._page is None or change["new"] != self._page.asked.page_rows:
            self._ask({"page_rows": change["new"]})


class DoBar:
    """What can be done with the calls that are selected."""

    def __init__(self, kit: Kit, actions: Mapping[str, Callable[[], None]]) -> None:
        """Make it.

        Args:
            kit: Makes the widgets.
            actions: ``page``, ``all``, ``none``, ``cancel``, ``retry``, ``open``, ``code``,
                ``export``: what each button does.
        """

        def made(words: str, tooltip: str, name: str) -> Press:
            return kit.button(words, tooltip, lambda _: actions[name]())

        self.page = made("Select page", "select all calls of this page", "page")
        self.all = made("Select all", "select all calls that the filter lets through", "all")
        self.none = made("Clear", "select nothing", "none")
        self.note = kit.html("amcp-t-selected")
        self.cancel = made("Cancel", "give up the selected calls that have not ended", "cancel")
        self.retry = made("Retry", "submit the selected calls again", "retry")
        self.open = made("Open", "open the selected calls, one after the other", "open")
        self.code = made("Code", "the selected calls as code for a cell", "code")
        self.export = made("Export…", "write calls to a file", "export")
        doing = [self.cancel, self.retry, self.open, self.code, self.export]
        children = [self.page, self.all, self.none, self.note, *doing]
        self.widget = kit.box(children, "amcp-t-bar-row", "amcp-t-do")

    def show(self, selected_count: int, page: Page) -> None:
        """Show how many are selected, and offer what fits."""
        said = f"{selected_count:,} selected" if selected_count else "none selected"
        widgets.put(self.note, said)
        for control in (self.none, self.cancel, self.retry, self.open, self.code):
            control.disabled = selected_count == 0
        words = f"Select all {page.count:,}" if page.count > len(page.records) else "Select all"
        if self.all.description != words:
            self.all.description = words
        self.all.disabled = self.page.disabled = not page.records


def _told_apart(names: Sequence[str]) -> list[tuple[str, str | None]]:
    """Words for names, different for different names."""
    seen: dict[str, int] = {}
    options: list[tuple[str, str | None]] = []
    for name in names:
        words = cut(one_line(name[:1_000]), _NAME_CHARACTERS) or "(no name)"
        seen[words] = seen.get(words, 0) + 1
        options.append((words if seen[words] == 1 else f"{words} ({seen[words]})", name))
    return options

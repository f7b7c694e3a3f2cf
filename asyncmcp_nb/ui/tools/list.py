"""The tools of a session: to search, to choose from with mouse and keyboard, and to look at."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mcp_types import Tool

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.settling import Settling
from asyncmcp_nb.ui.still.session import tools_part, unlisted
from asyncmcp_nb.ui.still.status_line import next_step
from asyncmcp_nb.ui.still.text import tools_text
from asyncmcp_nb.ui.still.tools import is_destructive, schemas_html, title_of, tool_details
from asyncmcp_nb.ui.theme import bare, sheet

LISTED_COUNT: Final = 1_000
"""Tools in the list at a time. Our choice: what a browser's list box takes without delay."""
_LABEL_CHARACTERS: Final = 80


class ToolListPart:
    """The tools as a part of an interface: a search, a list, and the details of the chosen one."""

    def __init__(self, session: Session, on_choose: Callable[[str], None] | None = None) -> None:
        """Make one.

        Args:
            session: Whose tools.
            on_choose: Called with the name of the tool that somebody chose.
        """
        self._session = weakref.ref(session)
        self._on_choose = on_choose
        self._poke: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._tools: Sequence[Tool] | None = None
        self._listed: list[Tool] = []
        self._is_filling = False
        self._is_asking = False
        self._trouble = ""
        self.chosen: Tool | None = None
        """The tool whose details are shown."""
        self.search = widgets.text_line("Search tools", "Search; Enter opens, and the next")
        self.list = widgets.list_box("Tools")
        self.refresh = widgets.button("Refresh", "ask the server for its tools again")
        self.note = widgets.html_box()
        self.details = widgets.html_box()
        self.search.observe(telling(self._tell, self._search_changed), "value")
        # JupyterLab takes the arrow keys of a list for its cells, but leaves a text line its keys.
        self._settling = Settling()
        next_one = telling(self._tell, self._choose_next)
        widgets.on_enter(self.search, lambda: self._settling.then(next_one))
        self.list.observe(telling(self._tell, self._index_changed), "index")
        self.refresh.on_click(telling(self._tell, self._refresh_clicked))
        style_box = widgets.style_box(sheet("tools"))
        footer = widgets.classed(widgets.row(self.note, self.refresh), "amcp-tools-foot")
        self.widget: widgets.Widget = widgets.classed(
            widgets.column(
                style_box,
                self.search,
                widgets.classed(self.list, "amcp-tools-list"),
                footer,
                widgets.classed(self.details, "amcp-tools-details"),
            ),
            "amcp-tools",
        )

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        tools = session.tools
        self.refresh.disabled = session.is_closed
        with self._lock:
            if tools is not self._tools:
                self._tools = tools
                self._renew_chosen()
                self._fill()
            self._show_note(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        for control in (self.search, self.list, self.refresh):
            control.disabled = True
        widgets.put(self.note, bare(tag("span", words, class_="amcp-quiet")))

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        return joined(tools_part(session), self._chosen_html())

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        return unlisted(session) if session.tools is None else tools_text(session.tools)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke

    def close(self) -> None:
        """See ``part.Closing``."""
        self._settling.close()

    # -- choosing ---------------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Mark a tool as the chosen one, as if it had been chosen, and call nobody back."""
        with self._lock:
            self.chosen = _named(self._tools or (), name)
            self._mark()
            self._show_details()

    def _index_changed(self, change: widgets.Change) -> None:
        index: int | None = change["new"]
        if not self._is_filling and index is not None:
            self._choose(index)

    def _choose(self, index: int) -> None:
        with self._lock:
            if index >= len(self._listed):
                return
            chosen = self.chosen = self._listed[index]
            self._show_details()
        if self._on_choose is not None:
            self._on_choose(chosen.name)

    def _choose_next(self) -> None:
        """The first tool that matches; the one after it where one of them is chosen already."""
        with self._lock:
            if not self._listed:
                return
            index = self.list.index
            following = 0 if index is None else (index + 1) % len(self._listed)
            is_same = following == index
            self.list.index = following
        if is_same:
            self._choose(following)

    def _search_changed(self, _: widgets.Change) -> None:
        with self._lock:
            self._fill()
        self._poke()

    def _refresh_clicked(self, _: object) -> None:
        session = self._session()
        if session is None:
            raise SessionClosed("this session is closed; connect again")
        session.refresh_tools(self._refreshed)
        self._is_asking = True
        self._poke()

    def _refreshed(self) -> None:
        """On the session's loop."""
        self._is_asking = False
        self._poke()

    # -- showing ----------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Put the tools that match into the list."""
        found = matching(self._tools or (), self.search.value)
        listed = found[:LISTED_COUNT]
        if [tool.name for tool in listed] == [tool.name for tool in self._listed]:
            self._listed = listed
            return
        self._is_filling = True
        try:
            with self.list.hold_sync():
                self.list.index = None
                self._listed = listed
                self.list.options = [(_label(tool), index) for index, tool in enumerate(listed)]
                self._mark()
        finally:
            self._is_filling = False

    def _mark(self) -> None:
        """Mark the chosen tool in the list, where it stands there."""
        names = [tool.name for tool in self._listed]
        there = self.chosen is not None and self.chosen.name in names
        before, self._is_filling = self._is_filling, True
        try:
            self.list.index = names.index(self.chosen.name) if there and self.chosen else None
        finally:
            self._is_filling = before

    def _renew_chosen(self) -> None:
        """The chosen tool as it is listed now; details stay as they were while none are known."""
        if self.chosen is None or self._tools is None:
            return
        renewed = _named(self._tools, self.chosen.name)
        if renewed != self.chosen:
            self.chosen = renewed
            self._show_details()

    def _show_details(self) -> None:
        widgets.put(self.details, bare(self._chosen_html()))

    def _chosen_html(self) -> Html | None:
        chosen = self.chosen
        if chosen is None:
            return None
        if self._on_choose is not None:
            return schemas_html(chosen)  # what it does is said where it is opened
        code = tag("code", f"session.form({chosen.name!r})")
        return joined(tool_details(chosen), tag("p", code, " opens its form", class_="amcp-quiet"))

    def _show_note(self, session: Session) -> None:
        trouble = tag("span", self._trouble, role="alert") if self._trouble else None
        widgets.put(self.note, bare(trouble or self._note(session)))

    def _note(self, session: Session) -> Html:
        """How many there are, or why there are none."""
        if self._tools is None:
            status = session.snapshot()
            error = tag("div", cut(one_line(status.error), 300)) if status.error else None
            step = tag("div", "→ ", next_step(status)) if next_step(status) else None
            return tag("div", tag("div", unlisted(session)), error, step, class_="amcp-quiet")
        asking = "; asking the server again …" if self._is_asking else ""
        return tag("span", self._count_words(), asking, class_="amcp-quiet")

    def _count_words(self) -> str:
        total = len(self._tools or ())
        if not total:
            return "no tools: the server offers none"
        all_of_them = f"{total:,} tool{'' if total == 1 else 's'}"
        if not self.search.value.strip() and total == len(self._listed):
            return all_of_them
        found = len(matching(self._tools or (), self.search.value))
        if found > len(self._listed):
            return f"the first {len(self._listed):,} of {found:,}; search to see others"
        return f"{found:,} of {all_of_them}"

    def _tell(self, words: str) -> None:
        self._trouble = words
        if words:
            widgets.put(self.note, bare(tag("span", words, role="alert")))


def matching(tools: Iterable[Tool], words: str) -> list[Tool]:
    """Tools of which each word is in the name, title or description; by name first.

    Args:
        tools: As the server listed them.
        words: With spaces between them, in any case; no words match all.
    """
    wanted = words.lower().split()
    by_name = {tool.name: tool for tool in tools}.values()
    if not wanted:
        return list(by_name)
    found = [tool for tool in by_name if all(word in _searched(tool) for word in wanted)]
    return sorted(found, key=lambda tool: not all(word in tool.name.lower() for word in wanted))


def _searched(tool: Tool) -> str:
    return f"{tool.name}\n{title_of(tool)}\n{tool.description or ''}".lower()


def _named(tools: Iterable[Tool], name: str) -> Tool | None:
    return next((tool for tool in tools if tool.name == name), None)


def _label(tool: Tool) -> str:
    """A line of the list: text, which the page does not read as markup."""
    title = title_of(tool)
    mark = " ⚠" if is_destructive(tool) else ""
    return cut(one_line(f"{tool.name}{mark}{f' · {title}' if title else ''}"), _LABEL_CHARACTERS)

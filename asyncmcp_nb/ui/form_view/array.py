"""Lists: a row for each item, to be added, removed and moved; or lines, where a line is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.group import GroupView
from asyncmcp_nb.ui.form_view.lines import LinesInput, has_lines
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark
from asyncmcp_nb.ui.form_view.row import ItemRow

MAX_ROWS: Final = 100
"""Items that are shown; of a longer list the rest is for lines or the JSON editor."""


class ArrayView(GroupView):
    """A list."""

    def __init__(self, desk: Desk, node: Node, *, is_bare: bool) -> None:
        super().__init__(desk, node, is_bare=is_bare)
        kit = desk.kit
        self.rows: list[ItemRow] = []
        self.lines: LinesInput | None = None
        """In place of the rows, once somebody chose it."""
        self._list = kit.box([], "amcp-rows")
        self._rest = kit.html("amcp-quiet", HIDDEN)
        add = desk.handler(self._add)
        self.add_button = kit.button("+ Add an item", "add an item at the end", add, "amcp-link")
        self.lines_button = kit.button("", "", desk.handler(self._toggle_lines), "amcp-link")
        self._foot = kit.box([self.add_button, self.lines_button], "amcp-list-foot")
        self.body.children = [self._list, self._rest, self._foot]

    def count_words(self, node: Node) -> str:
        """See ``GroupView``."""
        count = len(node.children)
        return f"{count:,} item{'' if count == 1 else 's'}" if count else "empty list"

    def open(self) -> None:
        """See ``GroupView``; a list that was not there begins with an item."""
        was_there = bool(self.node.children)
        super().open()
        if not was_there and self.node.may_add and not self.node.children:
            self.node.add()

    def below(self) -> Sequence[PlaceView]:
        """See ``PlaceView``."""
        return self.rows

    def focus(self) -> None:
        """See ``PlaceView``."""
        if self.lines is None:
            super().focus()
        else:
            self.lines.input.focus()

    def message(self, node: Node) -> str | None:
        """See ``GroupView``; of lines, the first that is wrong."""
        own = super().message(node)
        if own is not None or self.lines is None:
            return own
        wrong = [at for at, c in enumerate(node.children) if c.path in self.desk.problems]
        if not wrong:
            return None
        return f"line {wrong[0] + 1}: {self.desk.problems[node.children[wrong[0]].path]}"

    def show_body(self, node: Node) -> None:
        """See ``GroupView``."""
        if self.lines is not None and node.children and not has_lines(node):
            self._put_lines_away(self.lines)
        items = node.children[:MAX_ROWS] if self.lines is None else ()
        self._show_rows(items, len(node.children))
        if self.lines is not None:
            self.lines.show(node)
        self._show_rest(0 if self.lines is not None else len(node.children) - len(items))
        mark(self.add_button, HIDDEN, not node.may_add or self.lines is not None)
        words = "Edit as lines" if self.lines is None else "Edit item by item"
        if self.lines_button.description != words:
            self.lines_button.description = words
            self.lines_button.tooltip = f"{words}; a column can be pasted as lines"
        mark(self.lines_button, HIDDEN, self.lines is None and not has_lines(node))

    def _show_rows(self, items: Sequence[Node], count: int) -> None:
        is_changed = len(items) != len(self.rows)
        while len(self.rows) > len(items):
            self.rows.pop().close()
        for item in items[len(self.rows) :]:
            at = len(self.rows)
            self.rows.append(ItemRow(self.desk, item, lambda by, at=at: self._follow(at, by)))
        if is_changed:
            self._list.children = [row.widget for row in self.rows]
        for at, (row, item) in enumerate(zip(self.rows, items, strict=True)):
            row.show(item, f"item {at + 1} of {count:,}")

    def _show_rest(self, left_count: int) -> None:
        words = f"{left_count:,} more items are not shown here; edit them as lines or as JSON"
        markup = str(tag("span", words)) if left_count else ""
        if self._rest.value != markup:
            self._rest.value = markup
        mark(self._rest, HIDDEN, not left_count)

    def _follow(self, at: int, by: int) -> None:
        """Let the focus go with the item, so that the same key moves it further."""
        row = self.rows[at + by]
        is_end = at + by in (0, len(self.rows) - 1)
        button = row.up if by < 0 else row.down
        other = row.down if by < 0 else row.up
        (other if is_end else button).focus()

    def _add(self, _: object) -> None:
        self.node.add()

    def _toggle_lines(self, _: object) -> None:
        if self.lines is not None:
            self._put_lines_away(self.lines)
            return
        self.lines = LinesInput(self.desk, self)
        self.body.children = [self.lines.input, self._list, self._rest, self._foot]
        self.lines.input.focus()

    def _put_lines_away(self, lines: LinesInput) -> None:
        self.lines = None
        self.body.children = [self._list, self._rest, self._foot]
        lines.input.close()

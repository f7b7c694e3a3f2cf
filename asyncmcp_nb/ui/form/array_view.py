"""Lists: a row for each item, to be added, removed and moved."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.form.group_view import GroupView
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.place_view import HIDDEN, Desk, mark
from asyncmcp_nb.ui.form.row_view import ItemRow

MAX_ROWS: Final = 100
"""Items that are shown; of a longer list the rest is for the JSON editor."""


class ArrayView(GroupView):
    """A list."""

    def __init__(self, desk: Desk, node: Node, *, is_bare: bool) -> None:
        super().__init__(desk, node, is_bare=is_bare)
        kit = desk.kit
        self.rows: list[ItemRow] = []
        self.list = kit.box([], "amcp-rows")
        self.rest = kit.html("amcp-quiet", HIDDEN)
        name = node.field.title or node.field.name or "the list"
        handler = desk.handler(self._add)
        self.add_button = kit.button("+ add item", f"add an item to {name}", handler, "amcp-link")
        self.body.children = [self.list, self.rest, self.add_button]

    def count_words(self, node: Node) -> str:
        """See ``GroupView``."""
        count = len(node.children)
        return f"{count} item{'' if count == 1 else 's'}" if count else "empty list"

    def open(self) -> None:
        """See ``GroupView``; a list that was not there begins with an item."""
        has_none = not self.node.children
        super().open()
        if has_none and self.node.may_add and not self.node.children:
            self.node.add()

    def show_body(self, node: Node) -> None:
        """See ``GroupView``."""
        items = node.children[:MAX_ROWS]
        is_changed = len(items) != len(self.rows)
        while len(self.rows) > len(items):
            self.rows.pop().close()
        for item in items[len(self.rows) :]:
            at = len(self.rows)
            self.rows.append(ItemRow(self.desk, item, lambda by, at=at: self._follow(at, by)))
        if is_changed:
            self.list.children = [row.widget for row in self.rows]
        count = len(node.children)
        for at, (row, item) in enumerate(zip(self.rows, items, strict=True)):
            row.show(item, f"item {at + 1} of {count}")
        self._show_rest(count - len(items))
        mark(self.add_button, HIDDEN, not node.may_add)

    def _show_rest(self, left_count: int) -> None:
        words = f"{left_count:,} more items are not shown here; edit them as JSON"
        markup = str(tag("span", words)) if left_count else ""
        if self.rest.value != markup:
            self.rest.value = markup
        mark(self.rest, HIDDEN, not left_count)

    def _follow(self, at: int, by: int) -> None:
        """Let the focus go with the item, so that the same key moves it further."""
        row = self.rows[at + by]
        is_end = at + by in (0, len(self.rows) - 1)
        button = row.up if by < 0 else row.down
        other = row.down if by < 0 else row.up
        (other if is_end else button).focus()

    def _add(self, _: object) -> None:
        self.node.add()

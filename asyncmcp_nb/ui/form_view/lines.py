"""A list of texts or numbers as lines, one for each item: to paste a column of them at once."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.ui.form.field import Kind, State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.scalars import NUMBERS
from asyncmcp_nb.ui.form_view.place import Desk, PlaceView

_LINES: Final = NUMBERS | {Kind.STRING, Kind.ENUM}
"""Kinds of items that a line can hold."""
_LEAST_ROWS: Final = 3
_MOST_ROWS: Final = 16


def has_lines(node: Node) -> bool:
    """Whether all items of a list are fields whose text is one line; there must be some."""
    return bool(node.children) and all(
        child.field.kind in _LINES and child.state is not State.NULL for child in node.children
    )


def take_lines(node: Node, text: str) -> None:
    """Let the items of a list be the lines of a text; blank lines are texts only."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if any(child.field.kind is not Kind.STRING for child in node.children):
        lines = [line.strip() for line in lines if line.strip()]
    while len(node.children) > len(lines):
        node.remove(node.children[-1])
    while len(node.children) < len(lines) and node.may_add:
        node.add()
    for child, line in zip(node.children, lines, strict=False):
        if child.text != line or child.state is not State.VALUE:
            child.type_text(line)


class LinesInput:
    """An input for the lines. What is typed here is not rewritten while it is typed."""

    def __init__(self, desk: Desk, view: PlaceView) -> None:
        self._view = view
        self._known: list[str] | None = None
        """The items' texts as they were last shown, or became by what was typed here."""
        self.input = desk.kit.area("One item a line", "amcp-lines", row_count=_LEAST_ROWS)
        self.input.observe(desk.handler(self._type, view), "value")

    def show(self, node: Node) -> None:
        """Bring it in line, if the items have changed by anything else."""
        texts = [child.text for child in node.children]
        if texts == self._known:
            return
        self._known = texts
        text = "\n".join(texts)
        if self.input.value != text:
            self.input.value = text
        self._fit(len(texts))

    def _type(self, _: object) -> None:
        node = self._view.node
        take_lines(node, self.input.value)
        self._known = [child.text for child in node.children]
        self._fit(len(self._known))

    def _fit(self, line_count: int) -> None:
        rows = min(max(line_count + 1, _LEAST_ROWS), _MOST_ROWS)
        if self.input.rows != rows:
            self.input.rows = rows

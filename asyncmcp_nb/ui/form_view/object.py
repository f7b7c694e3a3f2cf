"""Objects and maps: declared fields first, those that need not be filled folded where many."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.printable import counted
from asyncmcp_nb.ui.form.field import Kind, State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.words import label
from asyncmcp_nb.ui.form_view.group import GroupView
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark, reconcile
from asyncmcp_nb.ui.form_view.row import EntryRow
from asyncmcp_nb.ui.kit.inputs import plain

_MANY: Final = 8
"""More optional fields than this are folded."""
_FIRST: Final = 6
"""Optional fields that are shown in any case where nothing is required."""


class ObjectView(GroupView):
    """An object, or a map whose names are to be chosen."""

    def __init__(self, desk: Desk, node: Node, *, is_bare: bool) -> None:
        super().__init__(desk, node, is_bare=is_bare)
        kit = desk.kit
        self._views: list[PlaceView] = []
        self._rows: list[PlaceView] = []
        self._is_more_open = False
        self.shown = kit.box([], "amcp-fields")
        self.more_button = kit.button("", "", desk.handler(self._toggle_more), "amcp-fold-button")
        self.more = kit.box([], "amcp-fields", HIDDEN)
        self.extras = kit.box([], "amcp-fields")
        is_map = node.field.kind is Kind.MAP
        words = "+ Add an entry" if is_map else "+ Add another field"
        tooltip = f"add{words[5:]} to {node.field.title or 'the form'}"
        self.add_button = kit.button(words, tooltip, desk.handler(self._add), "amcp-link")
        parts = [self.shown, self.more_button, self.more, self.extras, self.add_button]
        self.body.children = parts

    def count_words(self, node: Node) -> str:
        """See ``GroupView``."""
        if node.field.kind is Kind.MAP:
            count = len(node.children)
            return f"{count} {'entry' if count == 1 else 'entries'}"
        given = sum(child.state is not State.OMITTED for child in node.children)
        return f"{given} of {counted(len(node.children), 'field')} sent"

    def below(self) -> list[PlaceView]:
        """See ``PlaceView``."""
        return [*self._views, *self._rows]

    def show_body(self, node: Node) -> None:
        """See ``GroupView``."""
        declared = [child for child in node.children if not child.is_extra]
        extras = [child for child in node.children if child.is_extra]
        if reconcile(self.desk, self._views, declared) or not self.shown.children:
            self._place(declared)
        self._open_for(declared)
        for view, child in zip(self._views, declared, strict=True):
            if view.widget in self.shown.children or self._is_more_open:
                view.show(child, label(child.field))
        self._show_more(declared)
        self._show_extras(node, extras)

    def _place(self, declared: list[Node]) -> None:
        """Decide which fields are folded."""
        optional = [at for at, child in enumerate(declared) if child.may_omit]
        first = _FIRST if len(optional) == len(declared) else 0
        folded = set(optional[first:]) if len(optional) > _MANY else set[int]()
        widgets = [view.widget for view in self._views]
        self.shown.children = [w for at, w in enumerate(widgets) if at not in folded]
        self.more.children = [w for at, w in enumerate(widgets) if at in folded]

    def _folded(self, declared: list[Node]) -> list[Node]:
        more = self.more.children
        pairs = zip(self._views, declared, strict=True)
        return [child for view, child in pairs if view.widget in more]

    def _open_for(self, declared: list[Node]) -> None:
        """Open the fold where a problem is in there."""
        if any(child.path in self.desk.problems for child in self._folded(declared)):
            self._is_more_open = True

    def _show_more(self, declared: list[Node]) -> None:
        folded = self._folded(declared)
        given = sum(child.state is not State.OMITTED for child in folded)
        sent = f" ({given} sent)" if given else ""
        mark_word = "▾" if self._is_more_open else "▸"
        words = plain(f"{mark_word} {len(folded)} more optional fields{sent}")
        if self.more_button.description != words:
            self.more_button.description = words
        mark(self.more_button, HIDDEN, not folded)
        mark(self.more, HIDDEN, not (folded and self._is_more_open))

    def _show_extras(self, node: Node, extras: list[Node]) -> None:
        while len(self._rows) > len(extras):
            self._rows.pop().close()
        while len(self._rows) < len(extras):
            self._rows.append(EntryRow(self.desk, extras[len(self._rows)]))
        rows = [row.widget for row in self._rows]
        if list(self.extras.children) != rows:
            self.extras.children = rows
        for row, child in zip(self._rows, extras, strict=True):
            row.show(child, "value")
        is_addable = node.may_add and (node.field.kind is Kind.MAP or not self.is_bare)
        mark(self.add_button, HIDDEN, not is_addable)

    def _toggle_more(self, _: object) -> None:
        self._is_more_open = not self._is_more_open

    def _add(self, _: object) -> None:
        self.node.add()

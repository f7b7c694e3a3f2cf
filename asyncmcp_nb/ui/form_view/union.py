"""A choice of what kind of value it is, and the fields of the kind that was chosen."""

from __future__ import annotations

from asyncmcp_nb.ui.form.field import State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.choice import choices, choose, show_choice
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark, reconcile
from asyncmcp_nb.ui.form_view.scalar import FieldView
from asyncmcp_nb.ui.kit.inputs import plain


class UnionView(FieldView):
    """A list of the alternatives, and the one that was chosen."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.input = desk.kit.dropdown("", choices(node), "amcp-input")
        self.input.observe(desk.handler(self._choose, self), "value")
        self._inner: list[PlaceView] = []
        self.body = desk.kit.box([], "amcp-body")
        parts = [self.input, *self.notes.widgets, self.body]
        self.widget = desk.kit.box(parts, "amcp-field", "amcp-union")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        show_choice(self.input, node, choices(node))
        words = plain(label)
        if self.input.description != words:
            self.input.description = words
        self.show_notes(node)
        if reconcile(self.desk, self._inner, node.children, is_bare=True):
            self.body.children = [view.widget for view in self._inner]
        mark(self.body, HIDDEN, not self._inner)
        for view, child in zip(self._inner, node.children, strict=True):
            view.show(child, self._chosen_label(node))

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.input.focus()

    def below(self) -> list[PlaceView]:
        """See ``PlaceView``."""
        return self._inner

    def message(self, node: Node) -> str | None:
        """See ``FieldView``; what stands in the same place says it."""
        return None if node.state is State.VALUE and node.children else super().message(node)

    def _choose(self, _: object) -> None:
        choose(self.node, self.input.value)

    def _chosen_label(self, node: Node) -> str:
        chosen = node.chosen
        return "value" if chosen is None else node.field.options[chosen].label

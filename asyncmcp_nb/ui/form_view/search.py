"""Choices of many values: typed and searched, instead of looked through."""

from __future__ import annotations

from asyncmcp_nb.ui.form.field import State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.words import placeholder
from asyncmcp_nb.ui.form_view.place import Desk
from asyncmcp_nb.ui.form_view.scalar import FieldView, describe
from asyncmcp_nb.ui.form_view.state import StateChoice
from asyncmcp_nb.ui.kit.inputs import plain


class SearchView(FieldView):
    """An input that offers the values that have the typed text in them.

    It is text to the page, so that arrow keys are its own and one Tab goes past it. Text that is
    none of the values is no value: it stays, is said to be wrong, and nothing is sent.
    """

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.state = StateChoice(desk, self)
        self.input = desk.kit.search("", "amcp-input", "amcp-search")
        self.input.options = node.context.fields.names(node.field).words
        self.input.observe(desk.handler(self._type, self), "value")
        parts = [self.input, self.state.widget, *self.notes.widgets]
        self.widget = desk.kit.box(parts, "amcp-field")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        text = node.text if node.state is State.VALUE else ""
        if self.input.value != text:
            self.input.value = text
        describe(self.input, label, plain(placeholder(node)))
        self.state.show(node, label, is_needed=node.may_be_null)
        self.show_notes(node)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.input.focus()

    def _type(self, _: object) -> None:
        self.node.type_text(self.input.value)

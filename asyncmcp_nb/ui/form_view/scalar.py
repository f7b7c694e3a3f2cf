"""Places with one input: texts, numbers, dates, JSON."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.ui.form.field import Field, Kind, State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.scalars import CLEARED_BY_BLANK
from asyncmcp_nb.ui.form.words import may_omit, placeholder
from asyncmcp_nb.ui.form_view.notes_box import NotesBox
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark
from asyncmcp_nb.ui.form_view.state import StateChoice
from asyncmcp_nb.ui.kit.inputs import TextInput, plain

_AREAS: Final = frozenset({Kind.MULTILINE, Kind.JSON})
_CODES: Final = frozenset({Kind.NUMBER, Kind.INTEGER, Kind.JSON})
"""Kinds whose text is of one width, so that digits and brackets stand below each other."""
_ROWS: Final = 3


class FieldView(PlaceView):
    """An input with its label, and notes below."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.notes = NotesBox(desk, node)

    def message(self, node: Node) -> str | None:
        """What is wrong with a place, where this is the one to say it."""
        return self.desk.problems.get(node.path)

    def show_notes(self, node: Node) -> None:
        """Say what is wrong, and what the field is for."""
        message = self.message(node)
        self.notes.show(node, message)
        is_wrong = message is not None and self.desk.is_touched(node.path)
        mark(self.widget, "amcp-invalid", is_wrong)
        mark(self.widget, "amcp-unsent", node.state is State.OMITTED)


class TextView(FieldView):
    """One input for text."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.state = StateChoice(desk, self)
        self.input = _input(desk, node.field)
        self.input.observe(desk.handler(self._type, self), "value")
        words, tooltip = "Edit as a field", "show a field again; what does not fit is lost"
        self._back = desk.kit.button(words, tooltip, desk.handler(self._return), "amcp-link")
        parts = [self.input, self.state.widget, self._back, *self.notes.widgets]
        self.widget = desk.kit.box(parts, "amcp-field")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        text = node.text if node.state is State.VALUE else ""
        if self.input.value != text:
            self.input.value = text
        describe(self.input, label, plain(placeholder(node)))
        kind = node.field.kind
        says_all = kind is Kind.JSON or (kind in CLEARED_BY_BLANK and not node.may_be_null)
        self.state.show(node, label, is_needed=not says_all)
        mark(self._back, HIDDEN, not node.is_raw)
        self.show_notes(node)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.input.focus()

    def _type(self, _: object) -> None:
        node, text = self.node, self.input.value
        node.type_text(text)
        if not text and may_omit(node) and node.state is State.VALUE:
            # Who empties an input wants it as it was; empty text is there to be chosen.
            node.omit()

    def _return(self, _: object) -> None:
        self.node.as_field()


class FixedView(FieldView):
    """A place with only one value, which is shown and cannot be changed."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.state = StateChoice(desk, self)
        self.input = desk.kit.text("", "amcp-input", "amcp-fixed")
        self.input.disabled = True
        parts = [self.input, self.state.widget, *self.notes.widgets]
        self.widget = desk.kit.box(parts, "amcp-field")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        options = node.field.options
        given = options[0].label if options else "null"
        words = plain(given if node.state is State.VALUE else "")
        if self.input.value != words:
            self.input.value = words
        describe(self.input, label, plain(placeholder(node)))
        self.state.show(node, label)
        self.show_notes(node)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.state.widget.focus()


def _input(desk: Desk, field: Field) -> TextInput:
    classes = ("amcp-input", "amcp-code") if field.kind in _CODES else ("amcp-input",)
    if field.kind in _AREAS:
        return desk.kit.area("", *classes, row_count=_ROWS)
    return desk.kit.text("", *classes)


def describe(box: TextInput, label: str, words: str) -> None:
    """Give an input its label, and what it says while it is empty."""
    shown = plain(label)
    if box.description != shown:
        box.description = shown
    if box.placeholder != words:
        box.placeholder = words

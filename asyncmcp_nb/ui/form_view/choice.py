"""Places where one chooses: listed values, and yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncmcp_nb.ui.form.field import Kind, State
from asyncmcp_nb.ui.form.names import CHOOSE_ONE, IS_NULL, NOT_SENT
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.words import default_words, may_omit
from asyncmcp_nb.ui.form_view.place import Desk
from asyncmcp_nb.ui.form_view.scalar import FieldView
from asyncmcp_nb.ui.form_view.state import take
from asyncmcp_nb.ui.kit.inputs import Choice, Input, Options, plain

LISTED_COUNT: Final = 15
"""Values that are listed as they are; more are searched. Our choice: about what is seen at once."""


def choices(node: Node) -> list[tuple[str, Any]]:
    """All that can be chosen for a place: states, and options by their index."""
    labels: Sequence[str] = ["false", "true"]
    if node.field.kind is not Kind.BOOLEAN:
        labels = node.context.fields.names(node.field).words
    found: list[tuple[str, Any]] = []
    if may_omit(node):
        default = default_words(node.field)
        found.append((f"(not sent, {default})" if default else NOT_SENT, State.OMITTED))
    elif node.state is State.OMITTED or node.field.kind is not Kind.BOOLEAN:
        found.append((CHOOSE_ONE, State.OMITTED))
    found += [(label, index) for index, label in enumerate(labels)]
    # A null that was pasted is seen where it stands, with what is wrong about it.
    if node.may_be_null or node.state is State.NULL:
        found.append((IS_NULL, State.NULL))
    return found


def choose(node: Node, wanted: Any) -> None:
    """Take what was chosen of ``choices``."""
    if isinstance(wanted, State):
        take(node, wanted)
    else:
        node.choose(wanted)


def show_choice(widget: Choice, node: Node, options: Options) -> None:
    """Bring a list in line with the node."""
    found = [(plain(words), value) for words, value in options]
    if list(widget.options) != found:
        widget.options = found
    value = node.chosen if node.state is State.VALUE else node.state
    if widget.value != value:
        widget.value = value


class ChoiceView(FieldView):
    """A list of values; not sent and null stand among them."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.input = desk.kit.dropdown("", choices(node), "amcp-input")
        self.input.observe(desk.handler(self._choose, self), "value")
        self.widget = desk.kit.box([self.input, *self.notes.widgets], "amcp-field")

    def fits(self, node: Node) -> bool:
        """See ``PlaceView``."""
        return super().fits(node) and not is_check(node)

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        show_choice(self.input, node, choices(node))
        _label(self.input, label)
        self.show_notes(node)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.input.focus()

    def _choose(self, _: object) -> None:
        choose(self.node, self.input.value)


class CheckView(FieldView):
    """Yes or no, where it is one of them in any case."""

    def __init__(self, desk: Desk, node: Node) -> None:
        super().__init__(desk, node)
        self.input = desk.kit.check("", "amcp-input")
        self.input.observe(desk.handler(self._check, self), "value")
        self.widget = desk.kit.box([self.input, *self.notes.widgets], "amcp-field")

    def fits(self, node: Node) -> bool:
        """See ``PlaceView``."""
        return super().fits(node) and is_check(node)

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        value = bool(node.chosen)
        if self.input.value != value:
            self.input.value = value
        _label(self.input, label)
        self.show_notes(node)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.input.focus()

    def _check(self, _: object) -> None:
        self.node.check(self.input.value)


def is_long(node: Node) -> bool:
    """Whether a choice has more values than one likes to look through."""
    return node.field.kind is Kind.ENUM and len(node.field.options) > LISTED_COUNT


def is_check(node: Node) -> bool:
    """Whether a place is one of true and false, and nothing else."""
    is_value = node.state is State.VALUE and node.field.kind is Kind.BOOLEAN
    return is_value and not node.may_omit and not node.may_be_null


def _label(widget: Input, label: str) -> None:
    shown = plain(label)
    if widget.description != shown:
        widget.description = shown

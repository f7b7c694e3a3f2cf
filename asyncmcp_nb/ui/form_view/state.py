"""Which of its states a place is in, to see and to choose."""

from __future__ import annotations

from asyncmcp_nb.ui.form.field import State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.words import states
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark
from asyncmcp_nb.ui.kit.inputs import plain


def take(node: Node, state: State) -> None:
    """Bring a place into a state."""
    if state is State.OMITTED:
        node.omit()
    elif state is State.NULL:
        node.set_null()
    else:
        node.give()


class StateChoice:
    """A small list: not sent, null, or a value. Hidden where there is nothing to choose."""

    def __init__(self, desk: Desk, view: PlaceView) -> None:
        self._view = view
        self._options: list[tuple[str, State]] = [("value", State.VALUE)]
        self.widget = desk.kit.dropdown("", self._options, "amcp-state", HIDDEN)
        self.widget.observe(desk.handler(self._choose, view), "value")

    def show(self, node: Node, name: str, *, is_needed: bool = True) -> None:
        """Bring it in line.

        Args:
            node: The place.
            name: What the place is called.
            is_needed: Whether the input beside it does not say all of it.
        """
        found = states(node)
        if not is_needed or len(found) < 2:
            mark(self.widget, HIDDEN, True)
            return
        mark(self.widget, HIDDEN, False)
        if node.state not in [state for _, state in found]:
            found.insert(0, ("nothing yet", node.state))
        if found != self._options:
            self._options = found
            self.widget.options = found
        if self.widget.value != node.state:
            self.widget.value = node.state
        # Read to those who do not see beside what it stands; the style sheet hides it.
        label = plain(f"what is sent for {name}")
        if self.widget.description != label:
            self.widget.description = label

    def _choose(self, _: object) -> None:
        state = self.widget.value
        take(self._view.node, state)
        if state is State.VALUE:
            self._view.focus()

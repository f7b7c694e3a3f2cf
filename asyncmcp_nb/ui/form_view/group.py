"""Places with others below them: a head that folds, and a body that is made when it is opened."""

from __future__ import annotations

from asyncmcp_nb.ui.form.field import State
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.notes_box import NotesBox
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark
from asyncmcp_nb.ui.form_view.state import StateChoice
from asyncmcp_nb.ui.kit.inputs import plain

_OPEN_DEPTH = 3
"""Groups that are deeper are folded until somebody opens them."""


class GroupView(PlaceView):
    """A head with the name, how much is in there and the state; below it the body.

    A bare one has no head: the whole form, and the one below a union's choice.
    """

    def __init__(self, desk: Desk, node: Node, *, is_bare: bool) -> None:
        super().__init__(desk, node)
        self.is_bare = is_bare
        self.is_open = is_bare or node.depth < _OPEN_DEPTH
        kit = desk.kit
        self.fold = kit.button("", "", desk.handler(self._fold), "amcp-fold-button")
        self.count = kit.html("amcp-count")
        self.state = StateChoice(desk, self)
        self.tools = kit.box([], "amcp-tools")
        self.notes = NotesBox(desk, node, has_help=not is_bare, is_spacing=False)
        self.body = kit.box([], "amcp-body")
        self.head = kit.box([self.fold, self.count, self.tools, self.state.widget], "amcp-head")
        mark(self.head, HIDDEN, is_bare)
        parts = [self.head, *self.notes.widgets, self.body]
        self.widget = kit.box(parts, "amcp-bare" if is_bare else "amcp-group")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        if self.desk.leads_below(node.path):
            self.is_open = True
        is_shown = self.is_open and node.state is State.VALUE
        mark(self.body, HIDDEN, not is_shown)
        if is_shown:
            self.show_body(node)
        self._show_head(node, label, is_shown=is_shown)
        self.notes.show(node, self.message(node))

    def show_body(self, node: Node) -> None:
        """Bring what is below in line."""
        raise NotImplementedError

    def count_words(self, node: Node) -> str:
        """How much is in there."""
        raise NotImplementedError

    def message(self, node: Node) -> str | None:
        """What is wrong here, and not said further down."""
        return self.desk.problems.get(node.path)

    def open(self) -> None:
        """Show what is below; give the place a value where it has none."""
        self.is_open = True
        if self.node.state is not State.VALUE:
            self.node.give()

    def focus(self) -> None:
        """See ``PlaceView``; without a head, to the first that is below."""
        below = self.below()
        if self.is_bare and below:
            below[0].focus()
        else:
            self.fold.focus()

    def _show_head(self, node: Node, label: str, *, is_shown: bool) -> None:
        words = plain(f"{'▾' if is_shown else '▸'} {label}")
        if self.fold.description != words:
            self.fold.description = words
            self.fold.tooltip = plain(f"{'fold' if is_shown else 'open'} {label}")
        count = self.count_words(node) if node.state is State.VALUE else ""
        if self.count.value != count:
            self.count.value = count
        self.state.show(node, label)

    def _fold(self, _: object) -> None:
        if self.is_open and self.node.state is State.VALUE:
            self.is_open = False
        else:
            self.open()

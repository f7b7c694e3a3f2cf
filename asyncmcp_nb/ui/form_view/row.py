"""A row of a list or a map: the place itself, and what can be done with it as a whole."""

from __future__ import annotations

from collections.abc import Callable

from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.place import HIDDEN, Desk, PlaceView, mark, reconcile
from asyncmcp_nb.ui.kit.inputs import Press, Widget, plain


class RowView(PlaceView):
    """A place among others of its kind. Any node is shown; only its inner view has to fit."""

    def __init__(self, desk: Desk, node: Node, *, buttons: list[Press]) -> None:
        super().__init__(desk, node)
        self._inner: list[PlaceView] = []
        self.tools = desk.kit.box(buttons, "amcp-row-tools")
        self.holder = desk.kit.box([], "amcp-row-place")
        self.widget = desk.kit.box([], "amcp-row")

    def below(self) -> list[PlaceView]:
        """See ``PlaceView``."""
        return self._inner

    @property
    def inner(self) -> PlaceView:
        """The view of the place itself."""
        return self._inner[0]

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        self.node = node
        if reconcile(self.desk, self._inner, [node]):
            self.holder.children = [self.inner.widget]
        self.inner.show(node, label)

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.inner.focus()


class ItemRow(RowView):
    """An item of a list, to be moved and removed.

    A row stays where it is when items move: another item is shown in it.
    """

    def __init__(self, desk: Desk, node: Node, moved: Callable[[int], None]) -> None:
        kit = desk.kit
        self.up = kit.button("", "", desk.handler(self._move_up), "amcp-small", "amcp-up")
        self.down = kit.button("", "", desk.handler(self._move_down), "amcp-small", "amcp-down")
        self.drop = kit.button("", "", desk.handler(self._remove), "amcp-small", "amcp-drop")
        super().__init__(desk, node, buttons=[self.up, self.down, self.drop])
        self._moved = moved
        self.widget.children = [self.holder, self.tools]

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        super().show(node, label)
        parent = node.parent
        if parent is None:
            return
        _enable(self.up, parent.may_move(node, -1), f"move {label} up")
        _enable(self.down, parent.may_move(node, +1), f"move {label} down")
        _enable(self.drop, parent.may_remove(node), f"remove {label}")

    def _move_up(self, _: object) -> None:
        self._move(-1)

    def _move_down(self, _: object) -> None:
        self._move(+1)

    def _move(self, by: int) -> None:
        if self.node.parent is not None:
            self.node.parent.move(self.node, by)
            self._moved(by)

    def _remove(self, _: object) -> None:
        if self.node.parent is not None:
            self.node.parent.remove(self.node)


class EntryRow(RowView):
    """An entry under a name that is chosen."""

    def __init__(self, desk: Desk, node: Node) -> None:
        kit = desk.kit
        self.key = kit.text("Name", "amcp-key")
        self.key.observe(desk.handler(self._rename, self), "value")
        self.drop = kit.button("", "", desk.handler(self._remove), "amcp-small", "amcp-drop")
        super().__init__(desk, node, buttons=[self.drop])
        children: list[Widget] = [self.key, self.holder, self.tools]
        self.widget.children = children
        self.widget.add_class("amcp-entry")

    def show(self, node: Node, label: str) -> None:
        """See ``PlaceView``."""
        super().show(node, label)
        if self.key.value != node.key:
            self.key.value = node.key
        _enable(self.drop, True, f"remove {node.key}")

    def focus(self) -> None:
        """See ``PlaceView``."""
        self.key.focus()

    def _rename(self, _: object) -> None:
        if self.node.parent is not None:
            self.node.parent.rename(self.node, self.key.value)

    def _remove(self, _: object) -> None:
        if self.node.parent is not None:
            self.node.parent.remove(self.node)


def _enable(button: Press, is_on: bool, tooltip: str) -> None:
    if button.disabled is is_on:
        button.disabled = not is_on
    words = plain(tooltip)
    if button.tooltip != words:
        button.tooltip = words
    mark(button, HIDDEN, False)

"""What an array's place holds: items, of one kind or with the first ones of a kind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.content import Content
from asyncmcp_nb.ui.form.field import OMITTED, Field, Path
from asyncmcp_nb.ui.form.node import Node

MAX_ITEM_COUNT: Final = 500
"""Items that are drawn one by one."""

MAX_BLANK_COUNT: Final = 8
"""How many items a blank array has at most, where the schema wants some."""


class ArrayContent(Content[Node]):
    """Items in their order. Those of a tuple stay where their schema is."""

    has_content = True

    def __init__(self, node: Node, field: Field) -> None:
        super().__init__(node, field)
        self._items: list[Node] = []
        self._fixed_count = node.context.fields.prefix_count(field)

    @property
    def children(self) -> Sequence[Node]:
        """The items."""
        return self._items

    @property
    def may_add(self) -> bool:
        """Whether the schema admits one more item."""
        return self.node.context.fields.may_have_more(self.field, len(self._items))

    def put(self, value: Any, /) -> bool:
        """Hold a list."""
        if not isinstance(value, list):
            self.refusal = "a list is wanted here"
            return False
        items = cast("list[Any]", value)
        if len(items) > MAX_ITEM_COUNT:
            self.refusal = f"{len(items):,} items are too many to draw"
            return False
        for item in items:
            self._append().put(item)
        return True

    def read(self) -> Any:
        """The list; null stands in for an item that is not there yet."""
        # An item that is not there yet keeps the place of those after it.
        values = [item.value() for item in self._items]
        return [None if value is OMITTED else value for value in values]

    def begin(self) -> None:
        """Have as many blank items as there must be, within reason."""
        for _ in range(min(self.node.context.fields.least_count(self.field), MAX_BLANK_COUNT)):
            self._append().begin()

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Those of the items, and items that are not there yet."""
        yield from super().faults()
        for item in self._items:
            if item.value() is OMITTED:
                yield item.path, "required, or remove it"

    def may_remove(self, child: Node, /) -> bool:
        """Any item; of a tuple's only the last one."""
        at = self._items.index(child)
        return at >= self._fixed_count or at == len(self._items) - 1

    def may_move(self, child: Node, by: int, /) -> bool:
        """Items whose schema is the same; a tuple's stay."""
        at = self._items.index(child)
        return all(self._fixed_count <= index < len(self._items) for index in (at, at + by))

    def add(self, _key: str | None, /) -> Node:
        """Add a blank item at the end."""
        child = self._append()
        child.begin()
        return child

    def remove(self, child: Node, /) -> None:
        """Take an item out."""
        self._items.remove(child)
        self._renumber()

    def move(self, child: Node, by: int, /) -> None:
        """Change places."""
        at = self._items.index(child)
        self._items.insert(at + by, self._items.pop(at))
        self._renumber()

    def _append(self) -> Node:
        at = len(self._items)
        fields = self.node.context.fields
        field = fields.item(self.field, at) or fields.anything(str(at))
        child = Node(self.node.context, field, parent=self.node, slot=at)
        self._items.append(child)
        return child

    def _renumber(self) -> None:
        for at, item in enumerate(self._items):
            item.slot = at

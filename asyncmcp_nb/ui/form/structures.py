"""What a place with children holds: objects and maps, and unions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.content import Content
from asyncmcp_nb.ui.form.field import OMITTED, Field, Option, Path
from asyncmcp_nb.ui.form.node import Node

MAX_ENTRY_COUNT: Final = 500
"""Entries that are drawn one by one."""


class ObjectContent(Content[Node]):
    """Declared properties, then entries under names of their own. A map has only the latter."""

    has_content = True

    def __init__(self, node: Node, field: Field) -> None:
        super().__init__(node, field)
        fields = node.context.fields
        self._declared = [
            Node(node.context, child, parent=node, slot=child.name)
            for child in fields.properties(field)
        ]
        self._names = {child.key for child in self._declared}
        self._extras: list[Node] = []
        self._order: dict[str, int] = {}
        """Of the names that were loaded, which stay in their order."""
        self._may_add = fields.extra(field, None) is not None

    @property
    def may_add(self) -> bool:
        """Whether the schema speaks of other names, or declares none."""
        return self._may_add

    @property
    def children(self) -> Sequence[Node]:
        """The declared properties, then the entries."""
        return [*self._declared, *self._extras]

    def put(self, value: Any, /) -> bool:
        """Hold a dict, in its order."""
        if not isinstance(value, dict):
            self.refusal = "an object is wanted here"
            return False
        given = cast("dict[str, Any]", value)
        if len(given.keys() - self._names) > MAX_ENTRY_COUNT:
            self.refusal = f"{len(given):,} entries are too many to draw"
            return False
        self._order = {name: at for at, name in enumerate(given)}
        for child in self._declared:
            child.put(given.get(child.key, OMITTED))
        for name, item in given.items():
            if name not in self._names:
                self._new_extra(name).put(item)
        return True

    def read(self) -> Any:
        """The dict: what was loaded in its order, then the rest as it is shown."""
        last = len(self._order)
        found = [(child.key, child.value()) for child in self.children]
        # Sorting is stable: what was not loaded stays as it is shown.
        found.sort(key=lambda pair: self._order.get(pair[0], last))
        return {name: item for name, item in found if item is not OMITTED}

    def begin(self) -> None:
        """Have the declared properties as first shown."""
        for child in self._declared:
            child.begin()

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Those of the children, and names that are there twice."""
        yield from super().faults()
        seen = {child.key for child in self._declared if child.value() is not OMITTED}
        for child in self._extras:
            if child.key in seen:
                yield child.path, "this name is there twice"
            elif child.value() is OMITTED:
                yield child.path, "required, or remove it"
            seen.add(child.key)

    def is_extra(self, child: Node, /) -> bool:
        """Whether it is an entry."""
        return child in self._extras

    def may_remove(self, child: Node, /) -> bool:
        """Entries may be."""
        return child in self._extras

    def add(self, key: str | None, /) -> Node:
        """Add a blank entry."""
        child = self._new_extra(self._free_name() if key is None else key)
        child.begin()
        return child

    def remove(self, child: Node, /) -> None:
        """Take an entry out."""
        self._extras.remove(child)

    def rename(self, child: Node, key: str, /) -> None:
        """Give an entry another name, and the field that the name has."""
        if child not in self._extras:
            raise ValueError(f"{child.key!r} is declared, and keeps its name")
        if child.key in self._order:
            at = self._order[child.key]
            self._order[key] = at
        child.slot = key
        found = self._field_of(key)
        if found.schema is not child.natural.schema:
            child.show_as(found)

    def _new_extra(self, name: str) -> Node:
        child = Node(self.node.context, self._field_of(name), parent=self.node, slot=name)
        self._extras.append(child)
        return child

    def _field_of(self, name: str) -> Field:
        fields = self.node.context.fields
        return fields.extra(self.field, name) or fields.anything(name)

    def _free_name(self) -> str:
        taken = {child.key for child in self.children}
        numbers = range(1, len(taken) + 2)
        return next(name for name in (f"name{n}" for n in numbers) if name not in taken)


class UnionContent(Content[Node]):
    """One of several alternatives; what was entered in the others is kept while the node lives."""

    def __init__(self, node: Node, field: Field) -> None:
        super().__init__(node, field)
        self._kept: dict[int, Node] = {}

    @property
    def children(self) -> Sequence[Node]:
        """The one of the alternative chosen."""
        return () if self.chosen is None else (self._kept[self.chosen],)

    def put(self, value: Any, /) -> bool:
        """Hold a value in the alternative that it is of."""
        index = self.node.context.fields.pick(self.field, value)
        if index is None:
            self.refusal = "the value fits none of the alternatives"
            return False
        self._take(index).put(value)
        self.has_content = True
        return True

    def read(self) -> Any:
        """The value of the alternative chosen."""
        return self.children[0].value() if self.chosen is not None else OMITTED

    def begin(self) -> None:
        """Have the first alternative, blank."""
        self.choose(0)

    def choose(self, index: int, /) -> None:
        """Take an alternative: as it was left, or blank."""
        is_new = index not in self._kept
        child = self._take(index)
        if is_new:
            child.begin()
            self._tell_apart(child)
        self.has_content = True

    def _take(self, index: int) -> Node:
        option: Option = self.field.options[index]
        if index not in self._kept:
            assert option.field is not None
            self._kept[index] = Node(self.node.context, option.field, parent=self.node)
        self.chosen = index
        return self._kept[index]

    def _tell_apart(self, child: Node) -> None:
        """Give the property that tells the alternatives apart, though it may not be required."""
        tag = self.node.context.fields.tag(self.field)
        for property_node in child.children:
            if property_node.key == tag and property_node.value() is OMITTED:
                property_node.start_value()

"""One place in the form: the state that a person changes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Protocol

from asyncmcp_nb.ui.form import json_text
from asyncmcp_nb.ui.form.content import Content
from asyncmcp_nb.ui.form.field import OMITTED, Field, Kind, Path, State
from asyncmcp_nb.ui.form.fields import Fields
from asyncmcp_nb.ui.form.scalars import CLEARED_BY_BLANK, Fault

STRUCTURED = frozenset({Kind.OBJECT, Kind.MAP, Kind.ARRAY, Kind.UNION})
"""Kinds with children."""

_READY = STRUCTURED | {Kind.BOOLEAN, Kind.CONST}
"""Kinds whose blank is a value, so that a required one need not be asked for."""


class Context(Protocol):
    """What all nodes of a model share."""

    @property
    def fields(self) -> Fields:
        """Which field each place below a field gets."""
        ...

    def content(self, node: Node, field: Field) -> Content[Node]:
        """An empty content for a node whose field is this."""
        ...

    def admitted(self, field: Field, depth: int) -> Field:
        """The field, or a JSON field with a reason where the form would grow too large."""
        ...

    def is_recursive(self, node: Node) -> bool:
        """Whether a node's schema stands above it as well, so that it waits to be given."""
        ...

    def changed(self, path: Path, is_structure: bool) -> None:
        """Note a change, and tell those who listen."""
        ...


class Node:
    """One place in the form.

    What it holds is always kept exactly. Where the field that the schema asks for cannot show a
    value, the node is a JSON field until ``as_field`` or ``give`` makes it that field again.
    """

    def __init__(
        self,
        context: Context,
        field: Field,
        *,
        parent: Node | None = None,
        slot: str | int | None = None,
    ) -> None:
        self.context = context
        self.parent = parent
        self.slot = slot
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._natural = context.admitted(field, self.depth)
        self._content: Content[Node] = self.context.content(self, self._natural)
        self._state = State.OMITTED

    def __repr__(self) -> str:
        return f"<Node {'.'.join(map(str, self.path)) or '()'} {self.field.kind} {self._state}>"

    @property
    def path(self) -> Path:
        """Names and indexes from the root."""
        above = () if self.parent is None else self.parent.path
        return above if self.slot is None else (*above, self.slot)

    @property
    def field(self) -> Field:
        """What is shown: the field that the schema asks for, or a JSON field in its place."""
        return self._content.field

    @property
    def natural(self) -> Field:
        """The field that the schema asks for."""
        return self._natural

    @property
    def state(self) -> State:
        """Omitted, null, or a value. A required place is omitted until something is entered."""
        return self._state

    @property
    def is_raw(self) -> bool:
        """Whether this is a JSON field in place of the one that the schema asks for."""
        return self._content.field is not self._natural

    @property
    def may_omit(self) -> bool:
        """Whether a person may choose to leave it out."""
        is_item = self.parent is not None and self.parent.field.kind is Kind.ARRAY
        return not (self.field.is_required or is_item or self.slot is None)

    @property
    def may_be_null(self) -> bool:
        """Whether the schema admits null."""
        return self._natural.is_nullable

    @property
    def text(self) -> str:
        """What stands in the input; empty for fields that have none."""
        return self._content.text

    @property
    def chosen(self) -> int | None:
        """Of ENUM, UNION and BOOLEAN (0 is false): the index of the option."""
        return self._content.chosen

    @property
    def children(self) -> Sequence[Node]:
        """The nodes below, in the order in which they are shown; none unless there is a value."""
        return self._content.children if self._state is State.VALUE else ()

    @property
    def key(self) -> str:
        """The name of a property or of a map's entry; empty for others."""
        return self.slot if isinstance(self.slot, str) else ""

    @property
    def is_extra(self) -> bool:
        """Whether this is an entry of a map, or a property that the schema does not declare."""
        return self.parent is not None and self.parent.owns_extra(self)

    def owns_extra(self, child: Node) -> bool:
        """Whether a child was added under a name of its own and may be renamed."""
        return self._content.is_extra(child)

    @property
    def may_add(self) -> bool:
        """Whether ``add`` has something to add: an item, or a property of another name."""
        return self._content.may_add

    def may_remove(self, child: Node) -> bool:
        """Whether ``remove`` takes this child."""
        return self._content.may_remove(child)

    def may_move(self, child: Node, by: int) -> bool:
        """Whether ``move`` can do this."""
        return self._content.may_move(child, by)

    def value(self) -> Any:
        """The JSON value from here down, or OMITTED; a stand-in where something is no value."""
        if self._state is not State.VALUE:
            return None if self._state is State.NULL else OMITTED
        found = self._content.read()
        return found.stand_in if isinstance(found, Fault) else found

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Where something typed or chosen stands for no value, and why."""
        if self._state is not State.VALUE:
            return
        found = self._content.read() if self.field.kind not in STRUCTURED else None
        if isinstance(found, Fault):
            yield self.path, found.reason
        yield from self._content.faults()

    def omit(self) -> None:
        """Leave it out."""
        self._become(State.OMITTED)

    def set_null(self) -> None:
        """Say that there is none."""
        self._become(State.NULL)

    def give(self) -> None:
        """Make it a value: what was there before, else the default, else blank."""
        if self._state is State.VALUE and not self.is_raw:
            return
        if self._state is State.VALUE or not self._content.has_content:
            self.start_value()
        self._state = State.VALUE
        self._changed(is_structure=True)

    def as_json(self) -> None:
        """Make it a JSON field with the value that it has."""
        value = self.value()
        self._put_raw("shown as JSON", None if value is OMITTED else value)
        self._state = State.VALUE
        self._changed(is_structure=True)

    def as_field(self) -> None:
        """Make a JSON field the one that the schema asks for; blank where that cannot hold it."""
        value = self.value()
        self.put(value)
        if self.is_raw:
            self.start_value()
            self._state = State.VALUE
        self._changed(is_structure=True)

    def type_text(self, text: str) -> None:
        """Put a text into the input. No text omits what cannot be empty, such as a number."""
        self._content.type_text(text)
        is_cleared = not text.strip() and self.field.kind in CLEARED_BY_BLANK
        self._state = State.OMITTED if is_cleared else State.VALUE
        self._changed()

    def check(self, value: bool) -> None:
        """Answer a BOOLEAN."""
        self.choose(int(value))

    def choose(self, index: int) -> None:
        """Take an option of an ENUM or BOOLEAN, or an alternative of a UNION."""
        self._content.choose(index)
        self._state = State.VALUE
        self._changed(is_structure=self.field.kind is Kind.UNION)

    def add(self, key: str | None = None) -> Node:
        """Add an item at the end, or an entry under a name, by default one that is free."""
        if self._state is not State.VALUE:
            self.give()
        child = self._content.add(key)
        self._changed(is_structure=True)
        return child

    def remove(self, child: Node) -> None:
        """Take an item or entry out."""
        self._content.remove(child)
        self._changed(is_structure=True)

    def move(self, child: Node, by: int) -> None:
        """Move an item up (negative) or down."""
        if self._content.may_move(child, by):
            self._content.move(child, by)
            self._changed(is_structure=True)

    def rename(self, child: Node, key: str) -> None:
        """Give an entry another name."""
        self._content.rename(child, key)
        self._changed()

    def load(self, value: Any) -> None:
        """Replace this place and all below by a JSON value, or by OMITTED.

        Raises:
            FormTextError: It is no JSON value.
        """
        json_text.check(value)
        self.put(value)
        self._changed(is_structure=True)

    # What follows is for the form's own parts; nobody is told.

    def put(self, value: Any) -> None:
        """Hold a value that is known to be JSON."""
        if value is OMITTED or (value is None and self._natural.kind is not Kind.JSON):
            self._state = State.OMITTED if value is OMITTED else State.NULL
            self._content = self.context.content(self, self._natural)
            return
        self._state = State.VALUE
        self._content = self.context.content(self, self._natural)
        if not self._content.put(value):
            self._put_raw(self._content.refusal, value)

    def begin(self) -> None:
        """Be as first shown: what is required has its default or, if that is a value, its blank."""
        self._content = self.context.content(self, self._natural)
        self._state = State.OMITTED
        if self.may_omit or self.context.is_recursive(self):
            return
        if self._natural.default is not OMITTED:
            self.put(deepcopy(self._natural.default))
        elif self._natural.kind is Kind.NULL:
            self._state = State.NULL
        elif self._natural.kind in _READY:
            self._state = State.VALUE
            self._content.begin()

    def start_value(self) -> None:
        """Hold the default, or a blank."""
        default = self._natural.default
        self._content = self.context.content(self, self._natural)
        self._state = State.VALUE
        if default is not OMITTED and default is not None:
            self.put(deepcopy(default))
        else:
            self._content.begin()

    def show_as(self, field: Field) -> None:
        """Be another field from now on, as when an entry's new name has a schema of its own."""
        value = self.value()
        self._natural = self.context.admitted(field, self.depth)
        self.put(value)

    def _put_raw(self, reason: str, value: Any) -> None:
        stand_in = replace(self._natural, kind=Kind.JSON, options=(), reason=reason)
        self._content = self.context.content(self, stand_in)
        self._content.put(value)

    def _become(self, state: State) -> None:
        if self._state is not state:
            self._state = state
            self._changed(is_structure=self.field.kind in STRUCTURED)

    def _changed(self, *, is_structure: bool = False) -> None:
        self.context.changed(self.path, is_structure)

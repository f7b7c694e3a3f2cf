"""The form as a whole: a schema, a value, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from asyncmcp_nb.ui.form import json_text
from asyncmcp_nb.ui.form.arrays import ArrayContent
from asyncmcp_nb.ui.form.content import Content
from asyncmcp_nb.ui.form.contents import BooleanContent, ChoiceContent, NullContent, TextContent
from asyncmcp_nb.ui.form.field import OMITTED, Change, Field, Kind, Path
from asyncmcp_nb.ui.form.fields import Fields
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.problems import Judge
from asyncmcp_nb.ui.form.structures import ObjectContent, UnionContent

Listener = Callable[[Change], None]

MAX_DEPTH_COUNT: Final = 24
"""Levels of nodes; what is deeper is a JSON field."""

MAX_NODE_COUNT: Final = 5_000
"""Nodes that a form is opened with; what is more is JSON fields."""

NODES_FOR_AN_EDIT_COUNT: Final = 500
"""Nodes that one more item or alternative may have, however many there are."""


class FormModel:
    """A form made from a JSON Schema.

    Never raises for a schema, however odd: what cannot be drawn is a JSON field with a reason.

    Args:
        schema: A JSON Schema, 2020-12 unless it says otherwise.
        title: What the whole is called.
        is_tool: It is a tool's input schema, so that names that it does not declare are problems
            as they are to ``session.submit``.
    """

    def __init__(
        self, schema: Mapping[str, Any] | bool, *, title: str = "", is_tool: bool = False
    ) -> None:
        self._listeners: list[Listener] = []
        self._nodes_left = MAX_NODE_COUNT
        self._problems: Mapping[Path, str] | None = None
        self._judge = Judge(schema, is_tool=is_tool)
        self.fields = Fields(schema, self._judge.fits, is_closed=self._judge.is_closed)
        root = self.fields.root()
        self._root_field = replace(root, title=title or root.title, is_required=True)
        self.root = self._blank()

    def __repr__(self) -> str:
        return f"<FormModel {self._root_field.title!r}, {len(self.problems())} problems>"

    def load(self, value: Any) -> None:
        """Replace everything by a JSON value; ``value`` gives it back, exactly.

        Raises:
            FormTextError: It is no JSON value. Nothing was changed.
        """
        if value is OMITTED:
            self.reset()
            return
        json_text.check(value)
        self._nodes_left = MAX_NODE_COUNT
        root = Node(self, self._root_field)
        root.put(value)
        self.root = root
        self.changed((), is_structure=True)

    def value(self) -> Any:
        """The JSON value, or OMITTED. Where there is a problem, it may hold a stand-in."""
        return self.root.value()

    def problems(self) -> Mapping[Path, str]:
        """One message for each place that has a problem; empty where the value is valid."""
        if self._problems is None:
            self._problems = self._judge.problems(self.root)
        return self._problems

    @property
    def is_valid(self) -> bool:
        """Whether all that was typed is read, and the schema admits it."""
        return not self.problems()

    def json_text(self) -> str:
        """The value as JSON; empty where there is none."""
        value = self.value()
        return "" if value is OMITTED else json_text.write(value)

    def load_text(self, text: str) -> None:
        """Replace everything by what a JSON text says.

        Raises:
            FormTextError: It is not JSON; one line with line and column. Nothing was changed.
        """
        self.load(json_text.read(text))

    def reset(self) -> None:
        """Be as first shown: required places at their default or blank, optional ones omitted."""
        self.root = self._blank()
        self.changed((), is_structure=True)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener of every change; call what is returned to end that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    # What follows is for the form's own parts.

    def content(self, node: Node, field: Field) -> Content[Node]:
        """An empty content for a node whose field is this."""
        return _CONTENTS.get(field.kind, TextContent)(node, field)

    def admitted(self, field: Field, depth: int) -> Field:
        """The field, or a JSON field with a reason where the form would grow too large."""
        self._nodes_left -= 1
        if depth > MAX_DEPTH_COUNT:
            return replace(field, kind=Kind.JSON, options=(), reason="nested too deep to draw")
        if self._nodes_left < 0:
            return replace(field, kind=Kind.JSON, options=(), reason="too many fields to draw")
        return field

    def is_recursive(self, node: Node) -> bool:
        """Whether a node's schema stands above it as well, so that it waits to be given."""
        above = node.parent
        while above is not None:
            if above.natural.schema is node.natural.schema:
                return True
            above = above.parent
        return False

    def changed(self, path: Path, is_structure: bool) -> None:
        """Note a change, and tell those who listen."""
        self._problems = None
        self._nodes_left = max(self._nodes_left, NODES_FOR_AN_EDIT_COUNT)
        for listener in tuple(self._listeners):
            listener(Change(path, is_structure))

    def _blank(self) -> Node:
        self._nodes_left = MAX_NODE_COUNT
        root = Node(self, self._root_field)
        root.begin()
        return root


_CONTENTS: dict[Kind, Callable[[Node, Field], Content[Node]]] = {
    Kind.BOOLEAN: BooleanContent,
    Kind.ENUM: ChoiceContent,
    Kind.CONST: ChoiceContent,
    Kind.NULL: NullContent,
    Kind.OBJECT: ObjectContent,
    Kind.MAP: ObjectContent,
    Kind.ARRAY: ArrayContent,
    Kind.UNION: UnionContent,
}

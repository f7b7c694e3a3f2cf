"""A form as it stands, for saved notebooks and terminals: a row a field, nothing to type into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from asyncmcp_nb.printable import cut, one_line, visible
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.form.field import Field, Kind, State
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form.node import STRUCTURED, Node
from asyncmcp_nb.ui.form.words import compact, default_words, label

_ROWS: Final = 200
_VALUE_CHARACTERS: Final = 300
_TYPE_CHARACTERS: Final = 120
_INDENT: Final = "\u2003"

_TYPES: Final = {
    Kind.STRING: "text",
    Kind.MULTILINE: "text",
    Kind.INTEGER: "whole number",
    Kind.BOOLEAN: "true or false",
    Kind.ARRAY: "list",
    Kind.MAP: "object",
    Kind.JSON: "any JSON",
}


def form_html(model: FormModel) -> Html:
    """The fields with their types and values; those that are left out say so."""
    rows = list(_rows(model.root))
    if not rows:
        return tag("p", "no fields", class_="amcp-quiet")
    problems = model.problems()
    left = len(rows) - _ROWS
    table = tag(
        "table",
        tag("caption", f"not shown: {left:,} more fields") if left > 0 else None,
        tag("thead", tag("tr", [tag("th", n, scope="col") for n in ("Field", "Type", "Value")])),
        tag("tbody", [_row(node, depth, problems.get(node.path)) for node, depth in rows[:_ROWS]]),
        class_="amcp-table amcp-narrow",
    )
    return tag("div", table, class_="amcp-scroll")


def form_text(model: FormModel) -> str:
    """The same as lines."""
    rows = list(_rows(model.root))[:_ROWS]
    if not rows:
        return "no fields"
    names = [f"{'  ' * depth}{label(node.field)}" for node, depth in rows]
    width = min(max(len(name) for name in names), 40)
    lines = [
        f"{name:<{width}}  {value_words(node)}" for name, (node, _) in zip(names, rows, strict=True)
    ]
    return visible("\n".join(lines))


def value_words(node: Node) -> str:
    """What is sent for a place, on one line."""
    if node.state is State.OMITTED:
        default = default_words(node.field)
        words = "not sent" if node.may_omit else "nothing yet"
        return f"({words}, {default})" if default else f"({words})"
    if node.state is State.NULL:
        return "null"
    if node.field.kind in STRUCTURED and node.children:
        return ""
    return cut(one_line(compact(node.value())), _VALUE_CHARACTERS)


def type_words(field: Field) -> str:
    """What a field takes."""
    words = _TYPES.get(field.kind, field.kind.value)
    if field.kind in {Kind.ENUM, Kind.UNION, Kind.CONST}:
        words = " | ".join(option.label for option in field.options)
    parts = [words, *field.hints, "or null" if field.is_nullable else ""]
    return cut(one_line(", ".join(part for part in parts if part)), _TYPE_CHARACTERS)


def _rows(root: Node, depth: int = 0) -> Iterator[tuple[Node, int]]:
    """Places in their order; a union's child stands in its place."""
    if depth == 0 and root.field.kind is not Kind.OBJECT:
        yield root, 0
    for child in root.children:
        is_same_place = child.path == root.path
        if not is_same_place or child.field.kind not in STRUCTURED:
            yield child, depth
        yield from _rows(child, depth if is_same_place else depth + 1)


def _row(node: Node, depth: int, message: str | None) -> Html:
    value = tag("code", value_words(node))
    wrong = None if message is None else tag("div", f"✗ {cut(one_line(message), 200)}")
    return tag(
        "tr",
        tag("td", f"{_INDENT * depth}{label(node.field)}"),
        tag("td", type_words(node.field), class_="amcp-quiet"),
        tag("td", value, wrong),
    )

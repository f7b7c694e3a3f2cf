"""``anyOf`` and ``oneOf``: when they are a choice, and which alternative a value is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.classify import choice
from asyncmcp_nb.ui.form.field import Field, Kind, Option, Schema
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.merge import types
from asyncmcp_nb.ui.form.scalars import NUMBERS, TEXTS

KEYWORDS: Final = ("oneOf", "anyOf")

_SHAPE: Final = frozenset(
    {"type", "enum", "const", "properties", "items", "prefixItems", "additionalProperties"}
    | {"patternProperties", "anyOf", "oneOf"}
)

_WORDS: Final = {
    Kind.STRING: "text",
    Kind.MULTILINE: "text",
    Kind.NUMBER: "number",
    Kind.INTEGER: "whole number",
    Kind.BOOLEAN: "yes or no",
    Kind.ENUM: "choice",
    Kind.DATETIME: "date and time",
    Kind.URI: "address",
    Kind.ARRAY: "list",
    Kind.OBJECT: "object",
    Kind.MAP: "entries",
    Kind.UNION: "alternatives",
    Kind.JSON: "JSON",
}


def is_shape(schema: Schema) -> bool:
    """Whether a resolved schema says what a value looks like, and not only what it must meet."""
    return not schema or not _SHAPE.isdisjoint(schema)


def is_null(schema: Schema) -> bool:
    """Whether a resolved schema admits nothing but null."""
    if "const" in schema:
        return schema["const"] is None
    return schema.get("enum") == [None] or types(schema.get("type")) == ["null"]


def as_choice(fields: Sequence[Field]) -> tuple[Option, ...]:
    """The options where every alternative is a fixed value or a list of them; else none."""
    if not all(field.kind in (Kind.CONST, Kind.ENUM) for field in fields):
        return ()
    return choice(
        [
            (option.value, _own_title(field), field.description)
            if field.kind is Kind.CONST
            else (option.value, option.label, option.description)
            for field in fields
            for option in field.options
        ]
    )


def labelled(fields: Sequence[tuple[int, Field]]) -> tuple[Option, ...]:
    """Alternatives with a label each, no two the same."""
    labels = [_label(field) for _, field in fields]
    return tuple(
        Option(
            label if labels.count(label) == 1 else f"{label} ({number})",
            description=field.description,
            field=field,
            position=position,
        )
        for number, (label, (position, field)) in enumerate(zip(labels, fields, strict=True), 1)
    )


def kind_fits(field: Field, value: Any) -> bool:
    """Whether a field's kind can hold a value, whatever else is asked of it."""
    kind = field.kind
    if value is None:
        return field.is_nullable
    if kind in (Kind.ENUM, Kind.CONST):
        return any(same(option.value, value) for option in field.options)
    if kind is Kind.UNION:
        return any(kind_fits(option.field, value) for option in field.options if option.field)
    if isinstance(value, bool):
        return kind in (Kind.BOOLEAN, Kind.JSON)
    if isinstance(value, int | float):
        return kind in NUMBERS or kind is Kind.JSON
    if isinstance(value, str):
        return kind in TEXTS or kind is Kind.JSON
    return kind in _holders(value)


def undeclared_count(field: Field, value: Any) -> int:
    """Names in a value that an alternative does not declare."""
    declared: Any = field.schema.get("properties")
    if not isinstance(value, dict) or not isinstance(declared, dict):
        return 0
    return len(cast("dict[str, Any]", value).keys() - cast("dict[str, Any]", declared).keys())


def missing_count(field: Field, value: Any) -> int:
    """Names that an alternative requires and a value has not."""
    required: Any = field.schema.get("required")
    if not isinstance(value, dict) or not isinstance(required, list):
        return 0
    names = [name for name in cast("list[Any]", required) if isinstance(name, str)]
    return sum(name not in value for name in names)


def constant(properties: Any, name: str) -> Any:
    """The one value that a property may have, in a list of one; None where there are several."""
    found: Any = cast("Schema", properties).get(name) if isinstance(properties, dict) else None
    if not isinstance(found, dict):
        return None
    schema = cast("Schema", found)
    if "const" in schema:
        return [schema["const"]]
    listed: Any = schema.get("enum")
    values = cast("list[Any]", listed) if isinstance(listed, list) else []
    return values if len(values) == 1 else None


def _holders(value: Any) -> tuple[Kind, ...]:
    if isinstance(value, list):
        return (Kind.ARRAY, Kind.JSON)
    return (Kind.OBJECT, Kind.MAP, Kind.JSON)


def _own_title(field: Field) -> str:
    title: Any = field.schema.get("title")
    return field.title if isinstance(title, str) else ""


def _label(field: Field) -> str:
    if own := _own_title(field):
        return own
    if field.kind is Kind.CONST:
        return field.options[0].label
    properties: Any = field.schema.get("properties")
    if isinstance(properties, dict):
        names = [str(name) for name in cast("Schema", properties)]
        tags = [found[0] for name in names if (found := constant(properties, name))]
        if tags and isinstance(tags[0], str):
            return tags[0][:80]
        if names:
            return f"{', '.join(names[:3])}{' …' if len(names) > 3 else ''}"[:80]
    return _WORDS.get(field.kind, str(field.kind))

"""Which kind of field a schema gets."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut, visible
from asyncmcp_nb.ui.form import json_text
from asyncmcp_nb.ui.form.field import OMITTED, Field, FormTextError, Kind, Option, Schema
from asyncmcp_nb.ui.form.hints import hints, shown
from asyncmcp_nb.ui.form.merge import types

MAX_OPTION_COUNT: Final = 10_000
"""Values of an ``enum`` that are drawn as a choice."""

MAX_PROPERTY_COUNT: Final = 2_000
"""Declared properties that are drawn as fields."""

LONG_TEXT_COUNT: Final = 300
"""A text that may have this many characters gets several lines."""

_TITLE_LENGTH: Final = 120
_DESCRIPTION_LENGTH: Final = 4_000

_LINES_FORMATS: Final = frozenset(
    {"multiline", "multi-line", "textarea", "markdown", "code", "html"}
)
_LINES_NAMES: Final = frozenset(
    {
        "body",
        "code",
        "content",
        "contents",
        "markdown",
        "message",
        "prompt",
        "query",
        "script",
        "sql",
    }
    | {"source", "text", "thought"}
)
_LINES_WORDS: Final = ("multiline", "multi-line", "markdown", "several lines", "newlines", "sql")

_BY_FORMAT: Final = {
    "date": Kind.DATE,
    "time": Kind.TIME,
    "date-time": Kind.DATETIME,
    "email": Kind.EMAIL,
    "uri": Kind.URI,
}
_BY_TYPE: Final = {
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "null": Kind.NULL,
    "array": Kind.ARRAY,
    "object": Kind.OBJECT,
}
_TELLTALES: Final = {
    "object": ("properties", "patternProperties", "additionalProperties", "required"),
    "array": ("items", "prefixItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""Keywords that show what a schema without ``type`` is about."""


def plain_field(schema: Schema, *, name: str) -> Field:
    """The field of a schema without references, unions and several types."""
    kind, options, reason = Kind.JSON, (), ""
    type_name, is_nullable = type_of(schema)
    if "const" in schema:
        kind, options, reason = _fixed(schema["const"])
        is_nullable = False
    elif isinstance(schema.get("enum"), list):
        listed = _admitted(cast("list[Any]", schema["enum"]), schema)
        is_nullable = any(value is None for value in listed)
        kind, options, reason = _choice(listed, _names_of(listed, schema))
    elif type_name is not None:
        kind, reason = _kind(type_name, schema, name)
    elif "type" in schema:
        reason = "its type is none that we know"
    return dressed(
        Field(
            kind=kind,
            name=name,
            is_nullable=is_nullable or kind is Kind.NULL,
            options=options,
            schema=schema,
            reason=reason,
        )
    )


def dressed(field: Field) -> Field:
    """A field with the words and the default that its schema has for it."""
    return replace(
        field,
        title=_words(field.schema.get("title"), _TITLE_LENGTH) or visible(field.name),
        description=_words(field.schema.get("description"), _DESCRIPTION_LENGTH),
        default=_default(field.schema),
        hints=(*field.hints, *hints(field.schema)),
    )


def json_field(name: str, reason: str) -> Field:
    """A field for anything, and why it is no other."""
    return Field(
        kind=Kind.JSON,
        name=name,
        title=visible(name),
        is_nullable=True,
        reason=reason,
    )


def type_of(schema: Schema) -> tuple[str | None, bool]:
    """The one type that is drawn, or None; and whether null is admitted."""
    if "type" not in schema:
        return _told_by_keywords(schema), True
    names = types(schema["type"])
    others = [name for name in names if name != "null"]
    if sorted(others) == ["integer", "number"]:
        others = ["number"]
    if not others and names:
        return "null", True
    return (others[0] if len(others) == 1 and others[0] in _BY_TYPE else None), "null" in names


def is_of_type(value: Any, name: str) -> bool:
    """Whether JSON Schema counts a value among a type."""
    if name in ("integer", "number"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (name == "number" or value == int(value))
    wanted = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}
    return name in wanted and isinstance(value, wanted[name])


def choice(values: Sequence[tuple[Any, str, str]]) -> tuple[Option, ...]:
    """Options for values with their labels and descriptions, each value once."""
    options: dict[str, Option] = {}
    for value, label, description in values:
        if value is not None and _is_json(value):
            option = Option(label or shown(value), value, description)
            options.setdefault(json_text.identity(value), option)
    return tuple(options.values())


def _told_by_keywords(schema: Schema) -> str | None:
    for name, words in _TELLTALES.items():
        if any(word in schema for word in words):
            return name
    return None


def _kind(type_name: str, schema: Schema, name: str) -> tuple[Kind, str]:
    kind = _BY_TYPE[type_name]
    if kind is Kind.STRING:
        return _text_kind(schema, name), ""
    if kind is Kind.OBJECT:
        declared = schema.get("properties")
        count = len(cast("Schema", declared)) if isinstance(declared, dict) else 0
        if count > MAX_PROPERTY_COUNT:
            return Kind.JSON, f"{count:,} fields are too many to draw"
        is_closed = schema.get("additionalProperties") is False and not schema.get(
            "patternProperties"
        )
        return (Kind.OBJECT if count or is_closed else Kind.MAP), ""
    return kind, ""


def _text_kind(schema: Schema, name: str) -> Kind:
    wanted = schema.get("format")
    if isinstance(wanted, str) and wanted in _BY_FORMAT:
        return _BY_FORMAT[wanted]
    return Kind.MULTILINE if _has_lines(schema, name) else Kind.STRING


def _has_lines(schema: Schema, name: str) -> bool:
    if "format" in schema:
        return schema["format"] in _LINES_FORMATS if isinstance(schema["format"], str) else False
    if isinstance(default := schema.get("default"), str) and "\n" in default:
        return True
    most = schema.get("maxLength")
    if isinstance(most, int | float) and not isinstance(most, bool):
        return most >= LONG_TEXT_COUNT
    if "pattern" in schema:
        return False
    told = schema.get("description")
    words = told.lower() if isinstance(told, str) else ""
    return name.lower() in _LINES_NAMES or any(word in words for word in _LINES_WORDS)


def _fixed(value: Any) -> tuple[Kind, tuple[Option, ...], str]:
    if value is None:
        return Kind.NULL, (), ""
    options = choice([(value, "", "")])
    return (Kind.CONST, options, "") if options else (Kind.JSON, (), "its value is no JSON")


def _names_of(values: list[Any], schema: Schema) -> list[str]:
    """Labels, where the schema has the ``enumNames`` of earlier elicitations."""
    names: Any = schema.get("enumNames")
    if not isinstance(names, list) or len(cast("list[Any]", names)) != len(values):
        return [""] * len(values)
    return [_words(name, _TITLE_LENGTH) for name in cast("list[Any]", names)]


def _choice(values: list[Any], labels: list[str]) -> tuple[Kind, tuple[Option, ...], str]:
    if len(values) > MAX_OPTION_COUNT:
        are_texts = all(isinstance(value, str) for value in values)
        reason = f"{len(values):,} values are too many to choose from"
        return (Kind.STRING if are_texts else Kind.JSON), (), reason
    options = choice([(value, label, "") for value, label in zip(values, labels, strict=True)])
    if options:
        return Kind.ENUM, options, ""
    return (Kind.NULL, (), "") if values else (Kind.JSON, (), "no value is admitted")


def _admitted(values: list[Any], schema: Schema) -> list[Any]:
    """The listed values that the type admits too, or all where that leaves none."""
    names = types(schema.get("type"))
    fitting = [value for value in values if any(is_of_type(value, name) for name in names)]
    return fitting or values


def _words(text: Any, length: int) -> str:
    return cut(visible(text), length) if isinstance(text, str) else ""


def _default(schema: Schema) -> Any:
    if "default" not in schema or not _is_json(schema["default"]):
        return OMITTED
    return deepcopy(schema["default"])


def _is_json(value: Any) -> bool:
    try:
        json_text.check(value)
    except FormTextError:
        return False
    return True

"""What ``jsonschema`` finds wrong, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session.blame import said
from asyncmcp_nb.session.schema_check import Violation
from asyncmcp_nb.ui.form.hints import FORMAT_EXAMPLES, shown
from asyncmcp_nb.ui.form.merge import types

_LISTED_COUNT: Final = 8
_LENGTH: Final = 300

_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FORMATS: Final = {
    "date": "a date",
    "time": "a time with its offset",
    "date-time": "a date and time with its offset",
    "email": "an email address",
    "uri": "an address with its scheme",
}


def told(error: Violation) -> str:
    """An error in one short line; its texts may be the server's."""
    if error.validator is None:
        return "nothing is admitted here"
    say = _SAYINGS.get(error.validator)
    wanted = error.validator_value
    if say is None or (error.validator in _COUNTING and not isinstance(wanted, int | float)):
        return cut(one_line(said(error)), _LENGTH)
    return cut(say(wanted), _LENGTH)


def _type(wanted: Any) -> str:
    return f"must be {' or '.join(_TYPES.get(name, shown(name)) for name in types(wanted))}"


def _enum(wanted: Any) -> str:
    listed = cast("list[Any]", wanted) if isinstance(wanted, list) else [wanted]
    more = len(listed) - _LISTED_COUNT
    names = ", ".join(map(shown, listed[:_LISTED_COUNT]))
    return f"must be one of {names}{f' and {more:,} more' if more > 0 else ''}"


def _format(wanted: Any) -> str:
    name = str(wanted)
    example = FORMAT_EXAMPLES.get(name)
    what = _FORMATS.get(name, shown(name))
    return f"must be {what}, such as {example}" if example else f"must be {what}"


def _at_least(one: str, several: str) -> Callable[[Any], str]:
    def say(wanted: Any) -> str:
        return f"needs at least {wanted:,} {one if wanted == 1 else several}"

    return say


def _at_most(one: str, several: str) -> Callable[[Any], str]:
    def say(wanted: Any) -> str:
        return f"may have at most {wanted:,} {one if wanted == 1 else several}"

    return say


def _least_length(wanted: Any) -> str:
    return "must not be empty" if wanted == 1 else _at_least("character", "characters")(wanted)


_SAYINGS: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda wanted: f"must be {shown(wanted)}",
    "minimum": lambda wanted: f"must be at least {wanted}",
    "maximum": lambda wanted: f"must be at most {wanted}",
    "exclusiveMinimum": lambda wanted: f"must be more than {wanted}",
    "exclusiveMaximum": lambda wanted: f"must be less than {wanted}",
    "multipleOf": lambda wanted: f"must be a multiple of {wanted}",
    "minLength": _least_length,
    "maxLength": _at_most("character", "characters"),
    "pattern": lambda wanted: f"must match {shown(wanted)}",
    "format": _format,
    "minItems": _at_least("item", "items"),
    "maxItems": _at_most("item", "items"),
    "items": lambda _: "may have no more items",
    "uniqueItems": lambda _: "its items must all be different",
    "contains": lambda _: "none of its items is of the kind that is needed",
    "minContains": lambda _: "too few of its items are of the kind that is needed",
    "maxContains": lambda _: "too many of its items are of a kind that is limited",
    "minProperties": _at_least("entry", "entries"),
    "maxProperties": _at_most("entry", "entries"),
    "not": lambda _: "this is what the schema excludes",
    "anyOf": lambda _: "fits none of the alternatives",
    "oneOf": lambda _: "must fit one alternative, and only one",
    "unevaluatedProperties": lambda _: "holds a name that is not admitted",
    "unevaluatedItems": lambda _: "holds an item that is not admitted",
}
_COUNTING: Final = frozenset(
    word for word in _SAYINGS if word[:3] in ("min", "max") or word == "multipleOf"
)

"""Schemas that must all be met, as one schema to draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.field import Schema


class Contradiction(Exception):
    """No value meets all of the schemas."""


def merged(schemas: Iterable[Schema]) -> Schema:
    """One schema for several; words and defaults of the first count.

    Keywords that do not change what is drawn are the first one's.

    Raises:
        Contradiction: No value meets all of them.
    """
    result: dict[str, Any] = {}
    for schema in schemas:
        for word, value in schema.items():
            if word in result:
                result[word] = _JOINS.get(word, _first)(result[word], value)
            else:
                result[word] = value
    return result


def types(value: Any) -> list[str]:
    """The types that ``type`` names."""
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [name for name in listed if isinstance(name, str)]


def _first(one: Any, _other: Any) -> Any:
    return one


def _both_types(one: Any, other: Any) -> Any:
    left, right = types(one), types(other)
    both = [name for name in left if name in right or (name == "integer" and "number" in right)]
    both += [name for name in right if name == "integer" and "number" in left and name not in both]
    if not both:
        raise Contradiction(f"{' or '.join(left)}, and {' or '.join(right)}")
    return both[0] if len(both) == 1 else both


def _both_schemas(one: Any, other: Any) -> Any:
    if other is True or one is False or one == other:
        return one
    return other if one is True or other is False else {"allOf": [one, other]}


def _each_of_both(one: Any, other: Any) -> Any:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return cast("Any", one)
    joined = dict(cast("Mapping[str, Any]", one))
    for name, schema in cast("Mapping[str, Any]", other).items():
        joined[name] = _both_schemas(joined[name], schema) if name in joined else schema
    return joined


def _all_names(one: Any, other: Any) -> Any:
    if not (isinstance(one, list) and isinstance(other, list)):
        return cast("Any", one)
    left, right = cast("list[Any]", one), cast("list[Any]", other)
    return [*left, *(name for name in right if name not in left)]


def _common_values(one: Any, other: Any) -> Any:
    if not (isinstance(one, list) and isinstance(other, list)):
        return cast("Any", one)
    right = cast("list[Any]", other)
    common = [value for value in cast("list[Any]", one) if value in right]
    if not common:
        raise Contradiction("they list no common value")
    return common


def _number(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def chosen(one: Any, other: Any) -> Any:
        are_numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return choose(one, other) if are_numbers else one

    return chosen


_JOINS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "type": _both_types,
    "enum": _common_values,
    "properties": _each_of_both,
    "patternProperties": _each_of_both,
    "required": _all_names,
    "items": _both_schemas,
    "additionalProperties": _both_schemas,
    "unevaluatedProperties": _both_schemas,
    **dict.fromkeys(
        ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _number(max)
    ),
    **dict.fromkeys(
        ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _number(min)
    ),
}

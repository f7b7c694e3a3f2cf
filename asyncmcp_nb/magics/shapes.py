"""What a schema comes down to for a typed word: kinds of values, and listed values. Pure.

References and unions are followed, and what must hold together is put together: ``$ref`` and the
words beside it, ``allOf``, a ``type`` beside ``anyOf``. Nothing is judged here: what was read is
checked against the whole schema afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

Schema = Mapping[str, Any]

KINDS: Final = ("null", "boolean", "integer", "number", "array", "object", "string")
"""The types of JSON Schema, from the narrowest to the widest."""

_DEPTH: Final = 8
"""How many references and unions are followed; recursive schemas end there."""
_PART_COUNT: Final = 1_000
"""Parts of a schema that are looked at."""
_SHAPE_COUNT: Final = 200
"""Alternatives that are told apart."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One alternative of what a value may be."""

    kinds: frozenset[str] | None = None
    """None for all."""
    listed: tuple[Any, ...] | None = None
    """The only values; None for all of the kinds."""

    def may_be(self, kind: str) -> bool:
        """Whether any value of a kind is admitted."""
        return self.listed is None and (self.kinds is None or kind in self.kinds)

    @property
    def values(self) -> tuple[Any, ...]:
        """The listed values that are of the kinds, or all where that leaves none."""
        return self._fitting() or self.listed or ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is admitted."""
        return self.kinds == frozenset() or (self.listed is not None and not self._fitting())

    def both(self, other: Shape) -> Shape:
        """What this and another one admit."""
        listed = other.listed if self.listed is None else self.listed
        if self.listed is not None and other.listed is not None:
            theirs = other.listed
            listed = tuple(v for v in self.listed if any(is_same(v, one) for one in theirs))
        return Shape(_common(self.kinds, other.kinds), listed)

    def _fitting(self) -> tuple[Any, ...]:
        listed = self.listed or ()
        return tuple(v for v in listed if self.kinds is None or kinds_of(v) & self.kinds)


ANYTHING: Final = Shape()


def shapes_of(schema: Any, root: Schema) -> list[Shape]:
    """The alternatives that a schema comes down to; anything, where it is beyond us."""
    return _Reader(root).shapes(schema, _DEPTH) or [ANYTHING]


def kinds_of(value: Any) -> frozenset[str]:
    """The types that a JSON value is of."""
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"number"} | ({"integer"} if value.is_integer() else set[str]()))
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, as JSON Schema sees it: 1 is 1.0, and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


class _Reader:
    """Goes through one schema, and not on for ever."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left_count = _PART_COUNT

    def shapes(self, schema: Any, depth: int) -> list[Shape]:
        self._left_count -= 1
        if schema is False:
            return []
        if not isinstance(schema, dict) or depth == 0 or self._left_count < 0:
            return [ANYTHING]
        parts = cast("dict[str, Any]", schema)
        found = [_own(parts)]
        if isinstance(reference := parts.get("$ref"), str):
            found = _both(found, self.shapes(_resolved(reference, self._root), depth - 1))
        for part in _listed(parts.get("allOf")):
            found = _both(found, self.shapes(part, depth - 1))
        for keyword in ("anyOf", "oneOf"):
            if options := _listed(parts.get(keyword)):
                each = [shape for one in options for shape in self.shapes(one, depth - 1)]
                found = _both(found, each)
        return found


def _own(schema: Schema) -> Shape:
    declared: Any = schema.get("type")
    names = [declared] if isinstance(declared, str) else _listed(declared)
    kinds = frozenset(name for name in KINDS if name in names)
    listed = (schema["const"],) if "const" in schema else tuple(_listed(schema.get("enum")))
    return Shape(kinds or None, listed or None)


def _both(some: list[Shape], others: Iterable[Shape]) -> list[Shape]:
    """What is admitted twice; the first alone where the two contradict each other."""
    found = [one.both(other) for one in some for other in others]
    return [shape for shape in found if not shape.is_empty][:_SHAPE_COUNT] or some


def _common(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    if some is None or others is None:
        return others if some is None else some
    # What is both a number and whole is whole.
    whole = {"integer"} if {"integer", "number"} <= some ^ others else set[str]()
    return (some & others) | whole


def _resolved(reference: str, root: Schema) -> Any:
    if reference == "#":
        return root
    found: Any = root
    for part in unquote(reference.removeprefix("#/")).split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(name)
        elif isinstance(found, list) and name.isdecimal():
            found = dict(enumerate(cast("list[Any]", found))).get(int(name))
        else:
            return None
    return found


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []

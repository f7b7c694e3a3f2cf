"""Which field each place of a schema gets, and which alternative a value is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from asyncmcp_nb.session.patterns import surely_matches
from asyncmcp_nb.ui.form.classify import json_field
from asyncmcp_nb.ui.form.field import Field, Kind, Option, Schema
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.making import FieldMaker
from asyncmcp_nb.ui.form.names import Names
from asyncmcp_nb.ui.form.schema import Schemas
from asyncmcp_nb.ui.form.unions import (
    constant,
    kind_fits,
    missing_count,
    undeclared_count,
)

Fits = Callable[[Any, Any], bool]
"""Whether a part of the schema admits a value."""


class Fields:
    """The fields of one schema, made as they are asked for.

    Args:
        schema: The whole.
        fits: Says whether a part of it admits a value.
        is_closed: The root admits no names but those that it declares, whatever the schema says.
    """

    def __init__(self, schema: Any, fits: Fits, *, is_closed: bool = False) -> None:
        self._schemas = Schemas(schema)
        self._maker = FieldMaker(self._schemas)
        self._root = schema
        self._fits = fits
        self._closed = self._schemas.resolved(schema).schema if is_closed else None
        self._names: dict[int, tuple[tuple[Option, ...], Names]] = {}
        self._properties: dict[int, tuple[Schema, list[Field]]] = {}

    def root(self) -> Field:
        """The field of the whole."""
        return self._maker.field(self._root, "", is_required=True)

    def anything(self, name: str) -> Field:
        """A field for a place of which the schema says nothing."""
        return json_field(name, "the schema does not know this name")

    def properties(self, field: Field) -> list[Field]:
        """Those that an object declares, in their order."""
        if field.kind is not Kind.OBJECT:
            return []
        known = self._properties.get(id(field.schema))
        if known is None:
            known = self._properties[id(field.schema)] = (
                field.schema,
                self._declared(field.schema),
            )
        return known[1]

    def extra(self, field: Field, name: str | None) -> Field | None:
        """The field of an entry under a name of its own; None where there may be none.

        Without a name: of any entry, and only where the schema speaks of other names.
        """
        schema = field.schema
        rest = schema.get("additionalProperties", schema.get("unevaluatedProperties"))
        patterns: Any = schema.get("patternProperties")
        if name is None:
            is_asked = rest not in (None, False) or bool(patterns) or field.kind is Kind.MAP
            return self.anything("") if is_asked and schema is not self._closed else None
        found = (
            [
                part
                for pattern, part in cast("Schema", patterns or {}).items()
                if surely_matches(pattern, name)
            ]
            if isinstance(patterns, dict | None)
            else []
        )
        if len(found) == 1:
            return self._maker.field(found[0], name)
        if found:
            return self._maker.field({"allOf": found}, name)
        if rest in (None, False):
            return None
        return self._maker.field(rest, name)

    def names(self, field: Field) -> Names:
        """The words for the options of a choice."""
        known = self._names.get(id(field.options))
        if known is None:
            # The options are kept, so that their id is nobody else's.
            known = self._names[id(field.options)] = (field.options, Names(field.options))
        return known[1]

    def item(self, field: Field, index: int) -> Field | None:
        """The field of an item; None where there may be none."""
        first = self._prefix(field)
        if index < len(first):
            return _indexed(self._maker.field(first[index], ""), index)
        word = "additionalItems" if isinstance(field.schema.get("items"), list) else "items"
        rest = field.schema.get(word, True)
        return None if rest is False else _indexed(self._maker.field(rest, ""), index)

    def may_have_more(self, field: Field, count: int) -> bool:
        """Whether an array of so many items may have one more."""
        most = field.schema.get("maxItems")
        is_full = isinstance(most, int | float) and count >= most
        return not is_full and self.item(field, count) is not None

    def prefix_count(self, field: Field) -> int:
        """Items that have a schema each."""
        return len(self._prefix(field))

    def least_count(self, field: Field) -> int:
        """Items that there must be; those of a tuple all, unless it says otherwise."""
        least = field.schema.get("minItems", self.prefix_count(field))
        return int(least) if isinstance(least, int | float) and 0 <= least < 1e6 else 0

    def pick(self, field: Field, value: Any) -> int | None:
        """The alternative of a union that a value is of, or is nearest to; None for none."""
        fields = [option.field for option in field.options if option.field is not None]
        tag = self.tag(field)
        if tag is not None and isinstance(value, dict) and tag in value:
            for index, found in enumerate(fields):
                fixed = self._constant(found, tag)
                if fixed and same(fixed[0], cast("dict[str, Any]", value)[tag]):
                    return index
        able = [index for index, found in enumerate(fields) if kind_fits(found, value)]
        fitting = [index for index in able if self._fits(fields[index].schema, value)]

        def strangeness(index: int) -> tuple[bool, int]:
            found = fields[index]
            odd = undeclared_count(found, value) + missing_count(found, value)
            return found.kind is Kind.JSON, odd

        return min(fitting or able, key=strangeness, default=None)

    def tag(self, field: Field) -> str | None:
        """The property whose fixed value tells the alternatives of a union apart."""
        fields = [option.field for option in field.options if option.field is not None]
        if len(fields) < 2 or any(found.kind is not Kind.OBJECT for found in fields):
            return None
        for name in cast("Schema", fields[0].schema["properties"] or {}):
            values = [self._constant(found, name) for found in fields]
            if all(values) and not any(
                same(one, other) for at, one in enumerate(values) for other in values[:at]
            ):
                return name
        return None

    def _constant(self, field: Field, name: str) -> Any:
        properties: Any = field.schema.get("properties")
        if not isinstance(properties, dict) or name not in properties:
            return None
        found = self._schemas.resolved(cast("Schema", properties)[name])
        return constant({name: found.schema}, name)

    def _declared(self, schema: Schema) -> list[Field]:
        listed: Any = schema.get("required")
        names = cast("list[Any]", listed) if isinstance(listed, list) else []
        required = {name for name in names if isinstance(name, str)}
        properties = cast("Schema", schema.get("properties") or {})
        return [
            self._maker.field(part, name, is_required=name in required)
            for name, part in properties.items()
            if isinstance(name, str)  # pyright: ignore[reportUnnecessaryIsInstance] # a stranger's
        ]

    def _prefix(self, field: Field) -> list[Any]:
        for word in ("prefixItems", "items"):
            found: Any = field.schema.get(word)
            if isinstance(found, list):
                return cast("list[Any]", found)
        return []


def _indexed(field: Field, index: int) -> Field:
    title = field.title or f"item {index + 1}"
    return replace(field, name=str(index), title=title)

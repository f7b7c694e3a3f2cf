"""Which field each place of a schema gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from asyncmcp_nb.ui.form.field import OMITTED, Field, Kind, Option, Schema

_KINDS = {k.value: k for k in (Kind.STRING, Kind.NUMBER, Kind.INTEGER, Kind.BOOLEAN, Kind.ARRAY, Kind.OBJECT)}


class Fields:
    """The fields of one schema."""

    def __init__(self, schema: Mapping[str, Any] | bool, fits: Callable[[Any, Any], bool]) -> None:
        self._root = schema
        self._fits = fits

    def root(self) -> Field:
        return self._field(self._root, "", False)

    def anything(self, name: str) -> Field:
        return Field(kind=Kind.JSON, name=name, title=name, is_nullable=True)

    def properties(self, field: Field) -> list[Field]:
        found = field.schema.get("properties")
        required = field.schema.get("required") or []
        return [self._field(s, n, n in required) for n, s in found.items()] if isinstance(found, dict) else []

    def extra(self, field: Field, name: str | None) -> Field | None:
        found = field.schema.get("additionalProperties", True)
        return None if found is False else self._field(found, name or "", False)

    def item(self, field: Field, index: int) -> Field | None:
        found = field.schema.get("items", True)
        return None if found is False else self._field(found, str(index), False)

    def prefix_count(self, field: Field) -> int:
        return 0

    def least_count(self, field: Field) -> int:
        return 0

    def pick(self, field: Field, value: Any) -> int | None:
        return None

    def tag(self, field: Field) -> str | None:
        return None

    def _field(self, schema: Any, name: str, is_required: bool) -> Field:
        if not isinstance(schema, dict):
            return self.anything(name)
        found = cast("Schema", schema)
        kind = _KINDS.get(found.get("type"), Kind.JSON)
        options: tuple[Option, ...] = ()
        if isinstance(found.get("enum"), list):
            kind = Kind.ENUM
            options = tuple(Option(str(v), v) for v in found["enum"])
        if kind is Kind.OBJECT and not found.get("properties"):
            kind = Kind.MAP
        return Field(
            kind=kind, name=name, title=found.get("title") or name,
            description=found.get("description") or "", default=found.get("default", OMITTED),
            is_required=is_required, options=options, schema=found,
            is_nullable=kind is Kind.JSON,
        )

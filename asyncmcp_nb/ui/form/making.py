"""The field of a place: references followed, alternatives told apart, null taken out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from asyncmcp_nb.printable import visible
from asyncmcp_nb.ui.form.classify import MAX_OPTION_COUNT, dressed, json_field, plain_field
from asyncmcp_nb.ui.form.field import OMITTED, Field, Kind, Schema
from asyncmcp_nb.ui.form.merge import types
from asyncmcp_nb.ui.form.schema import Resolved, Schemas
from asyncmcp_nb.ui.form.unions import KEYWORDS, as_choice, is_null, is_shape, labelled

MAX_ALTERNATIVE_COUNT: Final = 500
"""Alternatives that one place may come down to, those within alternatives too."""

MAX_NESTING_COUNT: Final = 6
"""Levels of alternatives within alternatives."""

_WORDS: Final = frozenset({"title", "description", "default", "examples", "discriminator"})
"""Keywords that speak of the whole and not of its alternatives."""


_TOO_MANY: Final = "it has too many alternatives to draw"


@dataclass(slots=True)
class _Bounds:
    left_count: int = MAX_ALTERNATIVE_COUNT
    depth: int = 0

    @contextmanager
    def deeper(self) -> Generator[None]:
        self.depth += 1
        yield
        self.depth -= 1


class FieldMaker:
    """Makes the field of each place, once."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._made: dict[tuple[int, str], tuple[Any, Field]] = {}

    def field(self, schema: Any, name: str, *, is_required: bool = False) -> Field:
        """The field of a schema under a name."""
        known = self._made.get((id(schema), name))
        if known is None:
            # The schema is kept, so that its id is nobody else's.
            known = self._made[id(schema), name] = (schema, self._field(schema, name))
        return replace(known[1], is_required=is_required) if is_required else known[1]

    def _field(self, schema: Any, name: str) -> Field:
        field = self._resolved(self._schemas.resolved(schema), name, _Bounds())
        own: Any = cast("Schema", schema).get("title") if isinstance(schema, dict) else None
        # What is referred to has the title of its class, which is no name for this place.
        return field if isinstance(own, str) or not name else replace(field, title=visible(name))

    def _resolved(self, found: Resolved, name: str, bounds: _Bounds) -> Field:
        bounds.left_count -= 1
        if bounds.left_count < 0 or bounds.depth > MAX_NESTING_COUNT:
            return json_field(name, _TOO_MANY)
        if found.reason:
            return json_field(name, found.reason)
        for keyword in KEYWORDS:
            if self._is_drawn(found.schema.get(keyword)):
                return self._union(found.schema, keyword, name=name, bounds=bounds)
        names = [kind for kind in types(found.schema.get("type")) if kind != "null"]
        if (
            len(names) > 1
            and sorted(names) != ["integer", "number"]
            and not _is_fixed(found.schema)
        ):
            return self._of_types(found.schema, names, name=name, bounds=bounds)
        return plain_field(found.schema, name=name)

    def _is_drawn(self, alternatives: Any) -> bool:
        if not isinstance(alternatives, list):
            return False
        found = [self._schemas.resolved(part) for part in cast("list[Any]", alternatives)]
        return any(part.reason or is_shape(part.schema) for part in found)

    def _union(self, schema: Schema, keyword: str, *, name: str, bounds: _Bounds) -> Field:
        is_nullable = False
        fields: list[tuple[int, Field]] = []
        for position, part in self._parts(schema, keyword):
            if not part.reason and is_null(part.schema):
                is_nullable = True
                continue
            with bounds.deeper():
                fields.append((position, self._resolved(part, name, bounds)))
            if bounds.left_count < 0:
                return json_field(name, _TOO_MANY)
        return self._joined(schema, fields, is_nullable=is_nullable, name=name)

    def _parts(self, schema: Schema, keyword: str) -> Iterator[tuple[int, Resolved]]:
        """Each alternative, with what is asked of all; without those that contradict it."""
        around = {
            word: value for word, value in schema.items() if word != keyword and word not in _WORDS
        }
        for position, part in enumerate(cast("list[Any]", schema[keyword])):
            found = self._schemas.resolved(part)
            if around and not found.reason:
                found = self._schemas.combined(found.schema, around)
                if found.reason:
                    continue
            yield position, found

    def _of_types(
        self, schema: Schema, names: Sequence[str], *, name: str, bounds: _Bounds
    ) -> Field:
        bare = {word: value for word, value in schema.items() if word not in _WORDS}
        fields = [
            (position, self._resolved(Resolved({**bare, "type": kind}), name, bounds))
            for position, kind in enumerate(names)
        ]
        is_nullable = "null" in types(schema.get("type"))
        return self._joined(schema, fields, is_nullable=is_nullable, name=name)

    def _joined(
        self,
        schema: Schema,
        fields: Sequence[tuple[int, Field]],
        *,
        is_nullable: bool,
        name: str,
    ) -> Field:
        alone = [field for _, field in fields]
        is_nullable = is_nullable or any(field.is_nullable for field in alone)
        if not fields:
            kind = Kind.NULL if is_nullable else Kind.JSON
            reason = "" if is_nullable else "none of its alternatives can be met"
            return dressed(Field(kind=kind, name=name, schema=schema, reason=reason))
        if len(fields) == 1:
            return _outer(alone[0], schema, is_nullable=is_nullable)
        options = as_choice(alone)
        if len(options) > MAX_OPTION_COUNT:
            return json_field(name, f"{len(options):,} values are too many to choose from")
        return dressed(
            Field(
                kind=Kind.ENUM if options else Kind.UNION,
                name=name,
                is_nullable=is_nullable,
                options=options or labelled(fields),
                schema=schema,
            )
        )


def _outer(field: Field, schema: Schema, *, is_nullable: bool) -> Field:
    """The only alternative, with the words that stand around it."""
    around = dressed(Field(kind=field.kind, name=field.name, schema=schema))
    has_default = around.default is not OMITTED
    return replace(
        field,
        title=around.title if isinstance(schema.get("title"), str) else field.title,
        description=around.description or field.description,
        default=around.default if has_default else field.default,
        hints=tuple(dict.fromkeys((*around.hints, *field.hints))),
        is_nullable=is_nullable,
    )


def _is_fixed(schema: Schema) -> bool:
    return "const" in schema or isinstance(schema.get("enum"), list)

"""A schema with its references followed and its ``allOf`` merged, so that it can be drawn.

Only what is inside the schema is looked at; nothing is fetched. What cannot be followed or merged
comes with a reason, and is drawn as JSON. Validity is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast
from urllib.parse import unquote, urldefrag, urljoin

from asyncmcp_nb.printable import cut, visible
from asyncmcp_nb.ui.form.field import Schema
from asyncmcp_nb.ui.form.merge import Contradiction, merged

MAX_PART_COUNT: Final = 200
"""References and members of ``allOf`` that one place may have."""

MAX_ANCHOR_SEARCH_COUNT: Final = 50_000
"""Places that are looked at for anchors."""

_NOT_SHAPE: Final = frozenset({"$ref", "$dynamicRef", "allOf", "$defs", "definitions", "$comment"})


@dataclass(frozen=True, slots=True)
class Resolved:
    """One place of a schema."""

    schema: Schema = field(default_factory=dict[str, Any])
    reason: str = ""
    """Why it cannot be drawn; empty where it can."""


class _Undrawable(Exception):
    """A place cannot be followed or merged."""


class Schemas:
    """The places of one schema, resolved once each."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[int, tuple[Any, Resolved]] = {}
        self._owns: dict[int, tuple[Schema, Schema]] = {}
        identity = cast("Schema", root).get("$id") if isinstance(root, dict) else None
        self._identity = urldefrag(identity)[0] if isinstance(identity, str) else ""

    def resolved(self, schema: Any) -> Resolved:
        """A place without references; the same object for the same place."""
        known = self._known.get(id(schema))
        if known is None:
            # The schema is kept, so that its id is nobody else's.
            known = self._known[id(schema)] = (schema, self._resolve(schema))
        return known[1]

    def combined(self, *schemas: Any) -> Resolved:
        """Places that must all be met, as one."""
        return self._resolve({"allOf": list(schemas)})

    def _resolve(self, schema: Any) -> Resolved:
        try:
            parts = list(self._parts(schema, (), [MAX_PART_COUNT]))
            # Alone, it is the same object wherever it is referred to.
            return Resolved(parts[0] if len(parts) == 1 else merged(parts))
        except Contradiction as exc:
            return Resolved(reason=f"its parts contradict each other: {exc}")
        except _Undrawable as exc:
            return Resolved(reason=cut(visible(str(exc)), 200))

    def _parts(self, schema: Any, followed: tuple[str, ...], left: list[int]) -> Iterator[Schema]:
        """The schemas without reference that a place is made of, its own first."""
        left[0] -= 1
        if left[0] < 0:
            raise _Undrawable("it is put together from too many parts")
        if schema is True:
            schema = {}
        if not isinstance(schema, dict):
            raise _Undrawable("nothing is admitted here" if schema is False else "it is no schema")
        found = cast("Schema", schema)
        if "$id" in found and found is not self._root:
            raise _Undrawable("it has an $id of its own")
        own = found if _NOT_SHAPE.isdisjoint(found) else self._own(found)
        references = [found[word] for word in ("$ref", "$dynamicRef") if word in found]
        members: Any = found.get("allOf", [])
        if own or not (references or members):
            yield own
        for reference in references:
            if not isinstance(reference, str) or reference in followed:
                raise _Undrawable("its reference leads back to itself or is none")
            yield from self._parts(self._target(reference), (*followed, reference), left)
        for member in cast("list[Any]", members) if isinstance(members, list) else ():
            yield from self._parts(member, followed, left)

    def _own(self, schema: Schema) -> Schema:
        known = self._owns.get(id(schema))
        if known is None:
            own = {word: value for word, value in schema.items() if word not in _NOT_SHAPE}
            known = self._owns[id(schema)] = (schema, own)
        return known[1]

    def _target(self, reference: str) -> Any:
        whole = urljoin(self._identity, reference) if self._identity else reference
        address, fragment = urldefrag(whole)
        if address not in ("", self._identity):
            raise _Undrawable(f"it refers to {reference}, which is not in the schema")
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            if fragment not in self._anchors:
                raise _Undrawable(f"it refers to {reference}, which is not in the schema")
            return self._anchors[fragment]
        found: Any = self._root
        for token in fragment.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            found = _below(found, name)
            if found is _MISSING:
                raise _Undrawable(f"it refers to {reference}, which is not in the schema")
        return found

    @cached_property
    def _anchors(self) -> dict[str, Any]:
        anchors: dict[str, Any] = {}
        waiting: list[Any] = [self._root]
        for _ in range(MAX_ANCHOR_SEARCH_COUNT):
            if not waiting:
                break
            found = waiting.pop()
            if isinstance(found, dict):
                schema = cast("dict[str, Any]", found)
                for word in ("$anchor", "$dynamicAnchor"):
                    if isinstance(schema.get(word), str):
                        anchors.setdefault(schema[word], schema)
                waiting.extend(schema.values())
            elif isinstance(found, list):
                waiting.extend(cast("list[Any]", found))
        return anchors


_MISSING: Final = object()


def _below(found: Any, name: str) -> Any:
    if isinstance(found, dict):
        return cast("dict[str, Any]", found).get(name, _MISSING)
    if isinstance(found, list) and name.isascii() and name.isdigit() and len(name) < 10:
        listed = cast("list[Any]", found)
        return listed[int(name)] if int(name) < len(listed) else _MISSING
    return _MISSING

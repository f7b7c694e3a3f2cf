"""What is wrong with a form, each problem beside the place that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut, visible
from asyncmcp_nb.session.blame import of_nearest
from asyncmcp_nb.session.patterns import surely_matches
from asyncmcp_nb.session.schema_check import SchemaCheck, UnusableSchema, Violation
from asyncmcp_nb.session.validation import undeclared
from asyncmcp_nb.ui.form import sayings
from asyncmcp_nb.ui.form.field import OMITTED, Kind, Path
from asyncmcp_nb.ui.form.node import Node

Problem = tuple[Path, str]

_BY_NAME: Final = ("required", "dependentRequired")

NOT_DECLARED: Final = "there is no argument of this name"


class Judge:
    """Says what is wrong with a value.

    Args:
        schema: What it must meet.
        is_tool: Names that the schema does not declare are wrong too, as for ``session.submit``.
    """

    def __init__(self, schema: Mapping[str, Any] | bool, *, is_tool: bool) -> None:
        self._schema = schema
        self._is_tool = is_tool
        self._check = SchemaCheck(schema, with_formats=True)

    @property
    def is_closed(self) -> bool:
        """Whether names that the schema does not declare are wrong, though it does not say so."""
        return (
            self._is_tool
            and isinstance(self._schema, Mapping)
            and undeclared(self._schema, [""]) != []
        )

    def fits(self, schema: Any, value: Any) -> bool:
        """Whether a part of the schema admits a value."""
        return self._check.fits(schema, value)

    def problems(self, root: Node) -> Mapping[Path, str]:
        """One message for each place; none if and only if the value is read whole and valid."""
        found: dict[Path, str] = {}
        for path, message in root.faults():
            found.setdefault(path, message)
        value = root.value()
        if value is OMITTED:
            found.setdefault((), "required")
            return found
        faulty, places, count = set(found), _Places(root), 0
        for path, message in self._wrong(places, value):
            count += 1
            if not any(path[:length] in faulty for length in range(len(path) + 1)):
                found.setdefault(*places.beside(path, message))
        if count and not found:
            found[()] = "does not fit the schema"
        return found

    def _wrong(self, places: _Places, value: Any) -> Iterator[Problem]:
        if self._is_tool:
            yield from self._not_admitted(value)
        try:
            violations = self._check.violations(value)
        except UnusableSchema as exc:
            yield (), cut(visible(f"the schema is not usable: {exc}"), 300)
            return
        told: set[tuple[int, Path]] = set()
        for violation in violations:
            # There is one for each missing name, and each is told with all the others.
            place = (id(violation.validator_value), tuple(violation.absolute_path))
            if violation.validator not in _BY_NAME or place not in told:
                told.add(place)
                found = list(_expanded(violation, places))
                yield from found or [(place[1], sayings.told(violation))]

    def _not_admitted(self, value: Any) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield (), "must be an object"
        elif isinstance(self._schema, Mapping):
            names = cast("dict[str, Any]", value)
            for name in undeclared(self._schema, names):
                yield (name,), NOT_DECLARED


def _expanded(error: Violation, places: _Places) -> Iterator[Problem]:
    """An error as problems: one for each name, and of the alternative that is meant."""
    path = tuple(error.absolute_path)
    schema_path = tuple(error.relative_schema_path)
    if "propertyNames" in schema_path[-2:-1] and isinstance(error.instance, str):
        yield (*path, error.instance), f"its name {sayings.told(error)}"
    elif error.validator == "required":
        for name in _missing(error.validator_value, error.instance):
            yield (*path, name), "required"
    elif error.validator == "dependentRequired":
        for given, names in cast("dict[str, Any]", error.validator_value).items():
            for name in _missing(names, error.instance) if given in error.instance else ():
                yield (*path, name), f"required where {cut(visible(given), 80)} is given"
    elif error.validator == "additionalProperties" and error.validator_value is False:
        for name in _extra_names(error):
            yield (*path, name), "this name is not admitted"
    elif error.validator in ("anyOf", "oneOf") and error.context:
        found = [p for part in _meant(error, places) for p in _expanded(part, places)]
        yield from found or [(path, sayings.told(error))]
    else:
        yield path, sayings.told(error)


def _missing(names: Any, instance: Any) -> list[str]:
    listed = cast("list[Any]", names) if isinstance(names, list) else []
    return [name for name in listed if isinstance(name, str) and name not in instance]


def _extra_names(error: Violation) -> list[str]:
    declared: Any = error.schema.get("properties", {})
    patterns: Any = error.schema.get("patternProperties", {})
    return [
        name
        for name in cast("dict[str, Any]", error.instance)
        if name not in declared and not any(surely_matches(pattern, name) for pattern in patterns)
    ]


def _meant(error: Violation, places: _Places) -> Iterable[Violation]:
    """The errors of the alternative that a person chose, else of the nearest."""
    chosen = places.chosen(tuple(error.absolute_path), len(error.validator_value))
    parts = [part for part in error.context if part.relative_schema_path[0] == chosen]
    return parts or of_nearest(error)


class _Places:
    """The nodes of a form by their paths, as long as nothing in it changes."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._children: dict[int, dict[str | int | None, Node]] = {}

    def beside(self, path: Path, message: str) -> Problem:
        """A problem at the nearest place that is shown."""
        node, rest = self._nearest(path)
        if not rest:
            return path, message
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
        return node.path, f"{cut(visible(where.removeprefix('.')), 120)}: {message}"

    def chosen(self, path: Path, count: int) -> int | None:
        """Where the alternative stands that a person chose for a place, among so many."""
        node, rest = self._nearest(path)
        if rest or node.field.kind is not Kind.UNION or node.chosen is None:
            return None
        position = node.field.options[node.chosen].position
        return position if position is not None and position < count else None

    def _nearest(self, path: Path) -> tuple[Node, Path]:
        """The node of a path, or the last one on the way and what is left; unions, not a child."""
        node, at = self._root, 0
        while at < len(path):
            child = self._below(node).get(path[at])
            if child is None:
                break
            node, at = child, at + 1
        return node, path[at:]

    def _below(self, node: Node) -> dict[str | int | None, Node]:
        while node.field.kind is Kind.UNION and node.children:
            node = node.children[0]
        if id(node) not in self._children:
            # The first of a name counts: what is declared stands before the rest.
            self._children[id(node)] = {child.slot: child for child in reversed(node.children)}
        return self._children[id(node)]

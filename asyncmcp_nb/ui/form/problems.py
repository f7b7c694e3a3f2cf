"""What is wrong with a form, each problem beside the place that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut, visible
from asyncmcp_nb.session.patterns import PatternTooCostly, matches
from asyncmcp_nb.session.schema_check import SchemaCheck, UnusableSchema, Violation
from asyncmcp_nb.session.validation import undeclared
from asyncmcp_nb.ui.form.field import OMITTED, Kind, Path
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.sayings import told

Problem = tuple[Path, str]

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
        faulty = set(found)
        count = 0
        for path, message in self._wrong(root, value):
            count += 1
            if not any(path[:length] in faulty for length in range(len(path) + 1)):
                found.setdefault(*_beside(root, path, message))
        if count and not found:
            found[()] = "does not fit the schema"
        return found

    def _wrong(self, root: Node, value: Any) -> Iterator[Problem]:
        if self._is_tool:
            yield from self._not_admitted(value)
        try:
            violations = self._check.violations(value)
        except UnusableSchema as exc:
            yield (), cut(visible(f"the schema is not usable: {exc}"), 300)
            return
        for violation in violations:
            yield from _expanded(violation, root)

    def _not_admitted(self, value: Any) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield (), "must be an object"
        elif isinstance(self._schema, Mapping):
            for name in undeclared(self._schema, cast("dict[str, Any]", value)):
                yield (name,), NOT_DECLARED


def _expanded(error: Violation, root: Node) -> Iterator[Problem]:
    """An error as problems: one for each name, and of the alternative that is meant."""
    path = tuple(error.absolute_path)
    schema_path = tuple(error.relative_schema_path)
    if "propertyNames" in schema_path[-2:-1] and isinstance(error.instance, str):
        yield (*path, error.instance), f"its name {told(error)}"
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
        found = [p for part in _meant(error, root) for p in _expanded(part, root)]
        yield from found or [(path, told(error))]
    else:
        yield path, told(error)


def _missing(names: Any, instance: Any) -> list[str]:
    listed = cast("list[Any]", names) if isinstance(names, list) else []
    return [name for name in listed if isinstance(name, str) and name not in instance]


def _extra_names(error: Violation) -> list[str]:
    declared: Any = error.schema.get("properties", {})
    patterns: Any = error.schema.get("patternProperties", {})
    return [
        name
        for name in cast("dict[str, Any]", error.instance)
        if name not in declared and not any(_is_in(pattern, name) for pattern in patterns)
    ]


def _is_in(pattern: str, name: str) -> bool:
    try:
        return matches(pattern, name)
    except (re.error, RecursionError, PatternTooCostly):
        return False


def _meant(error: Violation, root: Node) -> Iterable[Violation]:
    """The errors of the alternative that a person chose, else of the nearest."""
    groups: dict[Any, list[Violation]] = {}
    for part in error.context:
        groups.setdefault(part.relative_schema_path[0], []).append(part)
    chosen = _chosen(root, tuple(error.absolute_path), len(error.validator_value))
    if chosen in groups:
        return groups[chosen]
    return min(groups.values(), key=_distance)


def _distance(errors: list[Violation]) -> tuple[bool, int, int]:
    """How far a value is from an alternative: another type is farthest, then a wrong tag."""
    here = [error for error in errors if not error.relative_path]
    is_other_kind = any(error.validator in ("type", "enum", "const") for error in here)
    fixed = sum(error.validator in ("const", "enum") for error in errors)
    return is_other_kind, fixed, len(errors)


def _chosen(root: Node, path: Path, count: int) -> int | None:
    node, rest = _nearest(root, path)
    if rest or node.field.kind is not Kind.UNION or node.chosen is None:
        return None
    position = node.field.options[node.chosen].position
    return position if position is not None and position < count else None


def _beside(root: Node, path: Path, message: str) -> Problem:
    """A problem at the nearest place that is shown."""
    node, rest = _nearest(root, path)
    if not rest:
        return path, message
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
    return node.path, f"{cut(visible(where.removeprefix('.')), 120)}: {message}"


def _nearest(root: Node, path: Path) -> tuple[Node, Path]:
    """The node of a path, or the last one on the way and what is left; unions, not their child."""
    node, at = root, 0
    while at < len(path):
        holder = node
        while holder.field.kind is Kind.UNION and holder.children:
            holder = holder.children[0]
        child = next((child for child in holder.children if child.slot == path[at]), None)
        if child is None:
            break
        node, at = child, at + 1
    return node, path[at:]

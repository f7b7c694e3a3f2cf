"""A value against a JSON Schema that a stranger wrote: the one judge of what is valid. Pure.

It is ``jsonschema`` with bounds. No reference is fetched, and neither a pattern nor references that
multiply can keep it busy for long. What the form shows and what ``submit`` refuses both come from
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, Final, Protocol, TypeVar, cast

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.formats import CHECKED
from asyncmcp_nb.session.keywords import dialect, given_up, references_left
from asyncmcp_nb.session.patterns import is_quick

Schema = Mapping[str, Any] | bool

REFERENCE_COUNT: Final = 5_000
"""References that are followed for any value, beside those for each value within it."""

_REFERENCES_PER_VALUE_COUNT: Final = 200

_FITTING_SHARE: Final = 0.1

_Found = TypeVar("_Found")


class UnusableSchema(InvalidArguments):
    """Nothing can be checked against the schema; the message says why."""


class Violation(Protocol):
    """An error of ``jsonschema``, as far as we read it."""

    message: str
    validator: str | None
    validator_value: Any
    instance: Any
    schema: Any
    context: Sequence[Violation]

    @property
    def absolute_path(self) -> Sequence[str | int]:
        """Names and indexes from the root to the value."""
        ...

    @property
    def relative_path(self) -> Sequence[str | int]:
        """The same from the parent's value."""
        ...

    @property
    def relative_schema_path(self) -> Sequence[str | int]:
        """Keywords and indexes from the parent's keyword to this one."""
        ...


class SchemaCheck:
    """Checks values against one schema.

    Args:
        schema: 2020-12, unless its ``$schema`` says otherwise.
        with_formats: Whether strings must have the formats of ``formats.CHECKED``.
    """

    def __init__(self, schema: Schema, *, with_formats: bool = False) -> None:
        self._schema = schema
        self._with_formats = with_formats
        self._name_patterns = _patterns_of_names(schema)

    @cached_property
    def _validator(self) -> Any:
        # Deferred, since compiling its format checkers takes up to a second.
        from referencing import Registry

        schema = self._schema
        named = schema.get("$schema") if isinstance(schema, Mapping) else None
        made = dialect(named if isinstance(named, str) else "")
        untyped: Any = Registry
        # An empty registry: jsonschema would fetch remote references.
        return made(
            schema,
            registry=untyped(),
            format_checker=_formats() if self._with_formats else None,
        )

    def violations(self, value: Any) -> list[Violation]:
        """Everything that is wrong with a value.

        Raises:
            UnusableSchema: The schema is broken, refers to what is not in it, or takes too long.
        """
        return self._run(lambda: list(self._validator.iter_errors(value)), value, share=1)

    def fits(self, subschema: Any, value: Any) -> bool:
        """Whether a value is valid under a part of the schema; False where that is not usable.

        It is a guess that is made again and again, so it may take less time than a verdict.
        """
        try:
            return self._run(
                lambda: self._validator.evolve(schema=subschema).is_valid(value),
                value,
                share=_FITTING_SHARE,
            )
        except UnusableSchema:
            return False

    def _run(self, check: Callable[[], _Found], value: Any, *, share: float) -> _Found:
        # The package first, for `warm_up` may be importing it: two threads, of which one asks for
        # the package and one for a part, can both get half a module, and it stays broken.
        from jsonschema import exceptions
        from referencing.exceptions import Unresolvable

        allowed = REFERENCE_COUNT + _REFERENCES_PER_VALUE_COUNT * sum(1 for _ in _within(value))
        if self._name_patterns and not _are_quick(self._name_patterns, value):
            raise UnusableSchema("a pattern for its names takes too long")
        token = references_left.set([int(allowed * share)])
        patterns_token = given_up.set(set())
        try:
            return check()
        except RecursionError:
            raise UnusableSchema("it leads back to itself, or is nested too deep") from None
        except exceptions.UnknownType as exc:
            raise UnusableSchema(f"there is no type {cast('Any', exc).type!r}") from None
        except Unresolvable as exc:
            raise UnusableSchema(f"it refers to {cast('Any', exc).ref!r}: {exc}") from None
        # What jsonschema raises for keywords whose values are of another type than they should be.
        except (
            ValueError,
            re.error,
            TypeError,
            AttributeError,
            LookupError,
            ArithmeticError,
        ) as exc:
            raise UnusableSchema(str(exc).partition("\n")[0] or type(exc).__name__) from None
        finally:
            references_left.reset(token)
            given_up.reset(patterns_token)


def _within(value: Any) -> Iterator[Any]:
    """A value and the values within it."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, dict):
            waiting.extend(cast("dict[str, Any]", found).values())
        elif isinstance(found, list):
            waiting.extend(cast("list[Any]", found))


def _patterns_of_names(schema: Schema) -> list[str]:
    """Those that ``unevaluatedProperties`` searches for by itself; nothing there bounds it."""
    parts = [cast("Mapping[str, Any]", part) for part in _within(schema) if isinstance(part, dict)]
    if not any("unevaluatedProperties" in part for part in parts):
        return []
    found = [part["patternProperties"] for part in parts if "patternProperties" in part]
    return [str(name) for names in found if isinstance(names, dict) for name in cast("Any", names)]


def _are_quick(patterns: list[str], value: Any) -> bool:
    names = [
        name
        for part in _within(value)
        if isinstance(part, dict)
        for name in cast("dict[str, Any]", part)
    ]
    try:
        return all(is_quick(pattern, name) for pattern in patterns for name in names)
    except re.error:
        return True  # It is said when it is searched for.


@cache
def _formats() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, check in CHECKED.items():
        checker.checks(name)(_of_strings(check))
    return checker


def _of_strings(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)

"""A value against a JSON Schema that a stranger wrote: the one judge of what is valid. Pure.

It is ``jsonschema`` with bounds. No reference is fetched, and neither a pattern nor references that
multiply can keep it busy for long. What the form shows and what ``submit`` refuses both come from
here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Protocol, TypeVar, cast

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.formats import CHECKED
from asyncmcp_nb.session.patterns import PatternTooCostly, matches

Schema = Mapping[str, Any] | bool

REFERENCE_COUNT: Final = 50_000
"""References that are followed for any value, beside those for each value within it."""

_REFERENCES_PER_VALUE_COUNT: Final = 100

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
        # Deferred, since compiling its format checkers takes up to a second.
        from referencing import Registry

        made: Any = _dialect(_named_dialect(schema))
        # An empty registry: jsonschema would fetch remote references.
        untyped: Any = Registry
        self._validator: Any = made(
            schema, registry=untyped(), format_checker=_formats() if with_formats else None
        )

    def violations(self, value: Any) -> list[Violation]:
        """Everything that is wrong with a value.

        Raises:
            UnusableSchema: The schema is broken, refers to what is not in it, or takes too long.
        """
        return self._run(lambda: list(self._validator.iter_errors(value)), value)

    def fits(self, subschema: Any, value: Any) -> bool:
        """Whether a value is valid under a part of the schema; False where that is not usable."""
        try:
            return self._run(
                lambda: self._validator.evolve(schema=subschema).is_valid(value), value
            )
        except UnusableSchema:
            return False

    def _run(self, check: Callable[[], _Found], value: Any) -> _Found:
        from jsonschema.exceptions import UnknownType
        from referencing.exceptions import Unresolvable

        allowed = REFERENCE_COUNT + _REFERENCES_PER_VALUE_COUNT * _count(value)
        token = _references_left.set([allowed])
        try:
            return check()
        except RecursionError:
            raise UnusableSchema("it leads back to itself, or is nested too deep") from None
        except UnknownType as exc:
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
            _references_left.reset(token)


_references_left: ContextVar[list[int]] = ContextVar("_references_left")


def _count(value: Any) -> int:
    """Values within a value, and itself."""
    count, waiting = 0, [value]
    while waiting:
        found = waiting.pop()
        count += 1
        if isinstance(found, dict):
            waiting.extend(cast("dict[str, Any]", found).values())
        elif isinstance(found, list):
            waiting.extend(cast("list[Any]", found))
    return count


def _named_dialect(schema: Schema) -> str:
    named = schema.get("$schema") if isinstance(schema, Mapping) else None
    return named if isinstance(named, str) else ""


@cache
def _formats() -> Any:
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=())
    for name, check in CHECKED.items():
        checker.checks(name)(_of_strings(check))
    return checker


def _of_strings(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)


def _dialect(uri: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    untyped: Any = validator_for
    return _bounded(untyped({"$schema": uri} if uri else True, default=Draft202012Validator))


@cache
def _bounded(dialect: Any) -> Any:
    from jsonschema import validators

    bounded: dict[str, Any] = {"pattern": _pattern}
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        if keyword in dialect.VALIDATORS:
            bounded[keyword] = _counted(dialect.VALIDATORS[keyword])
    untyped: Any = validators
    return untyped.extend(dialect, bounded)


def _counted(follow: Any) -> Any:
    def counted(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
        left = _references_left.get()
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("its references multiply: checking takes too long")
        yield from follow(validator, reference, instance, schema)

    return counted


def _pattern(validator: Any, pattern: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "string"):
        return
    try:
        is_match = matches(pattern, instance)
    except PatternTooCostly:
        return  # Left to the server: nothing here bounds it.
    if not is_match:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")

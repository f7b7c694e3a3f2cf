"""The keywords of JSON Schema that ``jsonschema`` spends no end of time on, bounded. Pure.

And ``multipleOf``, which it takes for numbers as they are kept, not as they are written.

Each takes what ``jsonschema`` gives it: the validator, the keyword's value, what is checked, and
the schema that the keyword is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import Any

from asyncmcp_nb.session.patterns import PatternTooCostly, is_quick, matches

references_left: ContextVar[list[int]] = ContextVar("references_left")
"""How many more references may be followed for the value that is checked."""

given_up: ContextVar[set[str]] = ContextVar("given_up")
"""Patterns that took too long for something in the value that is checked."""


def dialect(uri: str) -> Any:
    """The validator of the dialect that a ``$schema`` names; 2020-12 where that is unknown."""
    from jsonschema import Draft202012Validator, validators

    untyped: Any = validators
    named = {"$schema": uri} if uri else True
    return _bounded(untyped.validator_for(named, default=Draft202012Validator))


@cache
def _bounded(plain: Any) -> Any:
    from jsonschema import validators

    ours: dict[str, Any] = {
        "multipleOf": multiple_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(plain.VALIDATORS["additionalProperties"]),
    }
    for word in ("$ref", "$dynamicRef", "$recursiveRef"):
        if word in plain.VALIDATORS:
            ours[word] = _counted(plain.VALIDATORS[word])
    untyped: Any = validators
    return untyped.extend(plain, ours)


def multiple_of(validator: Any, step: Any, instance: Any, *_: Any) -> Iterator[Any]:
    """``multipleOf`` of numbers as they are written: 0.15 is a multiple of 0.05."""
    from jsonschema import ValidationError

    if validator.is_type(instance, "number") and not _divides(step, instance):
        yield ValidationError(f"{instance!r} is not a multiple of {step}")


def _divides(step: Any, number: Any) -> bool:
    if isinstance(number, float) and not isfinite(number):
        return False
    return not _as_written(number) % _as_written(step)


def _as_written(number: Any) -> Any:
    # Not repr(): numpy has floats of another one.
    return Fraction(float.__repr__(number)) if isinstance(number, float) else number


def _counted(follow: Any) -> Any:
    def counted(*about: Any) -> Iterator[Any]:
        left = references_left.get()
        left[0] -= 1
        if left[0] < 0:
            raise ValueError("its references multiply: checking takes too long")
        yield from follow(*about)

    return counted


def _pattern(validator: Any, pattern: Any, instance: Any, *_: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if validator.is_type(instance, "string") and not _may_match(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, parts: Any, instance: Any, *_: Any) -> Iterator[Any]:
    if validator.is_type(instance, "object"):
        for pattern, part in parts.items():
            for name, value in instance.items():
                if _may_match(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(plain: Any) -> Any:
    def bounded(validator: Any, rest: Any, instance: Any, *inside: Any) -> Iterator[Any]:
        (schema,) = inside
        patterns = schema.get("patternProperties")
        if not patterns or not validator.is_type(instance, "object"):
            yield from plain(validator, rest, instance, schema)
            return
        others = {
            name: value
            for name, value in instance.items()
            if not any(_may_match(pattern, name) for pattern in patterns)
        }
        bare = {word: part for word, part in schema.items() if word != "patternProperties"}
        yield from plain(validator, rest, others, bare)

    return bounded


def _may_match(pattern: str, text: str) -> bool:
    if pattern in given_up.get() and not is_quick(pattern, text):
        return True
    try:
        return matches(pattern, text)
    except PatternTooCostly:
        # Left to the server. Once for each verdict: a list may have any number of such texts.
        given_up.get().add(pattern)
        return True

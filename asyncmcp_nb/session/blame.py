"""Which of many errors to tell, and of which alternative. Pure.

A value that fits no alternative has errors in each of them. Those to tell are of the alternative
that was meant: that of the value's type, and of the tags it has, such as ``"kind": "dog"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session.schema_check import Violation

_ALTERNATIVES: Final = ("anyOf", "oneOf")
_QUOTED_CHARACTERS: Final = 120
_CHARACTERS: Final = 400


def to_tell(errors: Sequence[Violation]) -> Violation:
    """The one error of several that helps most."""
    # Deferred, as it is where the validator is made.
    from jsonschema import exceptions

    untyped: Any = exceptions
    found: Violation = max(errors, key=untyped.relevance)
    while found.validator in _ALTERNATIVES and found.context:
        groups = sorted(_by_alternative(found), key=lambda group: _distance(group, found))
        first, *others = (_distance(group, found)[:2] for group in groups)
        if first[0] or first in others:
            return untyped.best_match([found])
        found = max(groups[0], key=untyped.relevance)
    return found


def of_nearest(error: Violation) -> Sequence[Violation]:
    """The errors of the alternative that is nearest to the value."""
    return min(_by_alternative(error), key=lambda group: _distance(group, error))


def said(error: Violation) -> str:
    """The validator's message, with what it quotes cut."""
    text = error.message
    for quoted in (error.instance, error.validator_value):
        whole = repr(quoted)
        if len(whole) > _QUOTED_CHARACTERS:
            text = text.replace(whole, cut(whole, _QUOTED_CHARACTERS))
    return cut(text, _CHARACTERS)


def _by_alternative(error: Violation) -> list[list[Violation]]:
    groups: dict[Any, list[Violation]] = {}
    for part in error.context:
        groups.setdefault(part.relative_schema_path[0], []).append(part)
    return list(groups.values())


def _distance(errors: list[Violation], union: Violation) -> tuple[bool, int, int]:
    """How far a value is from an alternative: another type is farthest, then a wrong tag."""
    here = [error for error in errors if not error.relative_path]
    is_other_kind = any(error.validator in ("type", "enum", "const") for error in here)
    return is_other_kind, sum(_is_of_tag(error, union) for error in errors), len(errors)


def _is_of_tag(error: Violation, union: Violation) -> bool:
    """Whether it says that a property has not the value that tells the alternative apart."""
    if len(error.relative_path) != 1 or error.validator not in ("const", "enum"):
        return False
    if error.validator == "const" or len(error.validator_value) == 1:
        return True
    return error.relative_path[0] == _discriminator(union.schema)


def _discriminator(schema: Any) -> Any:
    """The property that tells alternatives apart, where OpenAPI's keyword names it."""
    if not isinstance(schema, Mapping):
        return None
    found: Any = cast("Mapping[str, Any]", schema).get("discriminator")
    return cast("dict[str, Any]", found).get("propertyName") if isinstance(found, dict) else None

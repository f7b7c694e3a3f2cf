"""Python's values as JSON has them. Pure, and without importing numpy, pandas or pydantic."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, cast
from uuid import UUID

from asyncmcp_nb.errors import InvalidArguments

_TAKEN: Final = "pass a dict, list, str, number, bool or None"
_ABSENT: Final = "leave it out or pass None"
_PLAIN_KINDS: Final = frozenset({str, bool, int})
_PLACE_COUNT: Final = 8
"""Names that the place of a value is told by."""
_EXACT_DIGITS: Final = 300
"""No number of more digits than that is a number for others."""


class NotJson(InvalidArguments):
    """A value is none that JSON has; the message begins with its place in what it is part of."""

    def __init__(self, reason: str, path: tuple[str, ...] = ()) -> None:
        place = ".".join(path[:_PLACE_COUNT]) + (".…" if len(path) > _PLACE_COUNT else "")
        super().__init__(f"{place}: {reason}" if place else reason)
        self._reason = reason
        self._path = path

    def within(self, name: object) -> NotJson:
        """The same of what this is a part of, under a name or number."""
        return NotJson(self._reason, (str(name), *self._path))


def plain_arguments(arguments: Mapping[Any, Any]) -> dict[str, Any]:
    """The arguments of a call as JSON has them.

    Raises:
        NotJson: One cannot be written as JSON; the message names it. Or two have one name.
    """
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        text = _text(name)
        if text in found:
            raise NotJson(f"two of its names are {text!r} as text")
        found[text] = _within(name, value)
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it.

    Numpy's scalars and arrays, pydantic models, dataclasses and members of enums are unpacked;
    times are in ISO form, paths and UUIDs are text.

    Raises:
        NotJson: JSON has no such value: NaN, infinity and NaT among them.
    """
    if value is None or type(value) in _PLAIN_KINDS:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return _items(cast("Iterable[Any]", value))
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, float | Decimal) or is_missing(value):
        return _number(value)
    if isinstance(value, str | int):
        return value
    return _unpacked(value)


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: NaN, NaT or NA, and not None, which JSON has."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, Decimal):
        return value.is_nan()
    # NaT and pandas.NA have no other public mark that needs no pandas.
    if type(value).__name__ in {"NaTType", "NAType"}:
        return True
    return getattr(value, "shape", None) == () and _has_gap(value)  # numpy's own


def _text(name: Any) -> str:
    return str(name.value if isinstance(name, Enum) else name)


def _within(name: object, value: Any) -> Any:
    try:
        return plain(value)
    except NotJson as exc:
        raise exc.within(name) from None
    except RecursionError:
        raise NotJson("nested without end", (str(name),)) from None


def _items(values: Iterable[Any]) -> list[Any]:
    return [_within(number, value) for number, value in enumerate(values)]


def _number(value: Any) -> int | float:
    """A float or a Decimal; refused where JSON has none such, or none as exact."""
    if is_missing(value):
        word = str(value)
        raise NotJson(f"JSON has no {'NA' if word == '<NA>' else word}; {_ABSENT}")
    if not isinstance(value, Decimal):
        if math.isinf(value):
            raise NotJson(f"JSON has no {float(value)}; {_ABSENT}")
        return float(value)
    if value.is_infinite():
        raise NotJson(f"JSON has no {float(value)}; {_ABSENT}")
    if abs(value.adjusted()) <= _EXACT_DIGITS:
        if value == value.to_integral_value():
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    raise NotJson("JSON's numbers do not keep all digits of this Decimal; pass a float or a str")


def _unpacked(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return plain_arguments(cast("Mapping[Any, Any]", value))
    dump: Callable[..., Any] | None = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return plain(_dumped(value, dump))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return plain_arguments({field.name: getattr(value, field.name) for field in fields})
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, os.PathLike):
        path: str | bytes = os.fspath(cast("os.PathLike[Any]", value))
        return plain(path)
    if callable(getattr(cast("Any", value), "tolist", None)):
        return plain(_listed(value))
    raise NotJson(f"{_a_kind(value)} is not JSON; {_TAKEN}")


def _listed(array: Any) -> Any:
    """Numpy's array or scalar, or what is like one, as Python's own; its times one by one."""
    unit = str(getattr(array, "dtype", ""))
    if unit.startswith(("datetime64", "timedelta64")) and bool(array.size):
        if _has_gap(array):
            raise NotJson(f"JSON has no NaT; {_ABSENT}")
        return list(array) if array.ndim else _exact_time(array)
    listed = array.tolist()
    if type(listed) is type(array):  # a longdouble, of which numpy makes nothing else
        raise NotJson(f"{_a_kind(array)} is not JSON; pass a float or a str")
    return listed


def _exact_time(scalar: Any) -> Any:
    """Python's time or seconds; text where Python's years or microseconds do not do."""
    if str(scalar.dtype).startswith("timedelta64"):
        try:
            return (scalar / scalar.dtype.type(1, "s")).tolist()
        except TypeError:
            raise NotJson("a time of months or years is no number of seconds") from None
    fine = scalar.astype("datetime64[us]")
    for told in (scalar.tolist(), fine.tolist()):
        if isinstance(told, date) and bool(fine == scalar):
            return told
    return str(scalar)


def _has_gap(array: Any) -> bool:
    # What is missing equals nothing, not even itself.
    unequal = array != array  # noqa: PLR0124 - that is the test
    return bool(unequal.any() if hasattr(unequal, "any") else unequal)


def _dumped(model: Any, dump: Callable[..., Any]) -> Any:
    """A pydantic model under the names of its JSON, which are those of the schema made of it."""
    try:
        return dump(mode="json", by_alias=True)
    except (TypeError, ValueError) as exc:
        raise NotJson(f"{_a_kind(model)} is not JSON: {exc}") from None


def _a_kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"

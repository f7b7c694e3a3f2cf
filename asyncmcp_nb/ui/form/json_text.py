"""JSON to text and back, exact: no value is rounded, dropped or made up on the way."""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.field import FormTextError
from asyncmcp_nb.ui.form.numbers import read_number

MAX_DEPTH_COUNT: Final = 200
"""How deep a value may be nested."""

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def write(value: Any, *, indent: int | None = 2) -> str:
    """A JSON value as text; what UTF-8 cannot hold is spelled out.

    Raises:
        FormTextError: It is none: a set, NaN, a key that is no string, nested too deep.
    """
    check(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read(text: str) -> Any:
    """The value that a text stands for.

    Raises:
        FormTextError: It is not JSON; one line with line and column. A name given twice and a
            number that cannot be kept exactly are errors too.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=read_number,
            parse_float=read_number,
            object_pairs_hook=_unique,
        )
        check(value)
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}"
        raise FormTextError(f"not JSON at {where}: {_told(exc.msg)}") from None
    except RecursionError:
        raise FormTextError(f"nested deeper than {MAX_DEPTH_COUNT} levels") from None
    except ValueError as exc:
        raise FormTextError(f"not JSON: {exc}") from None
    return value


def check(value: Any) -> None:
    """Refuse what is no JSON value.

    Raises:
        FormTextError: It says what and where.
    """
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        found, path = waiting.pop()
        if len(path) > MAX_DEPTH_COUNT:
            raise FormTextError(f"nested deeper than {MAX_DEPTH_COUNT} levels")
        if isinstance(found, dict):
            for key, item in cast("dict[Any, Any]", found).items():
                if not isinstance(key, str):
                    raise FormTextError(f"the name {key!r} is not text{_at(path)}")
                waiting.append((item, (*path, key)))
        elif isinstance(found, list):
            items = cast("list[Any]", found)
            waiting.extend((item, (*path, index)) for index, item in enumerate(items))
        else:
            _check_scalar(found, path)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, types too: 1 is neither 1.0 nor true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list):
        items, others = cast("list[Any]", one), cast("list[Any]", other)
        return len(items) == len(others) and all(map(same, items, others))
    return one == other and repr(one) == repr(other)


def identity(value: Any) -> str:
    """A text that two JSON values share where ``same`` holds for them, and only there."""
    return json.dumps(value, sort_keys=True)


def _check_scalar(value: Any, path: tuple[str | int, ...]) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if not isinstance(value, int | float):
        raise FormTextError(f"a {type(value).__name__} is not JSON{_at(path)}")
    try:
        read_number(repr(value))
    except ValueError as exc:
        raise FormTextError(f"{str(exc).partition(';')[0]}{_at(path)}") from None


def _at(path: tuple[str | int, ...]) -> str:
    return f" at {'.'.join(map(str, path))}" if path else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {name[:80]!r} is there twice")
            seen.add(name)
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number there")


def _told(message: str) -> str:
    return message[:1].lower() + message[1:]

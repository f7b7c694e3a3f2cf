"""``{{name}}``: notebook variables put into JSON and into values, as values. Nothing is evaluated.

In JSON a placeholder in the place of a value becomes the variable's value; inside a string it
becomes its text. The JSON is parsed with the placeholders held by marks of the same length, so that
the line and column of an error are those of what was typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast

from asyncmcp_nb.magics.errors import MagicUsageError, nearest, variables
from asyncmcp_nb.magics.words import Word
from asyncmcp_nb.session.plain import NotJson, plain
from asyncmcp_nb.ui.form import json_text
from asyncmcp_nb.ui.form.field import FormTextError

Names = Mapping[str, Any]
"""Variables by name."""

_PLACEHOLDER: Final = re.compile(r"\{\{\s*(?P<name>[^\W\d]\w*)\s*\}\}")
_STRING_OR_PLACEHOLDER: Final = re.compile(
    rf'(?P<string>"(?:[^"\\]|\\.)*")|{_PLACEHOLDER.pattern}', re.DOTALL
)
_LOOKALIKE: Final = re.compile(r"(?<!\{)\{(?P<braced>[^\W\d]\w*)\}(?!\})|\$(?P<dollar>[^\W\d]\w*)")
"""What passes a variable elsewhere: in f-strings, and in IPython's own magics."""
_MARKS: Final = range(0xF0000, 0xFFFFE)
"""Private-use characters; each placeholder gets one that the text does not have."""


def fill_json(text: str, names: Names) -> Any:
    """Parse JSON with placeholders.

    Raises:
        MagicUsageError: It is not JSON (the message has line and column) or would not be kept
            exactly, as in a form; or a variable is not there or cannot be written as JSON.
    """
    free = (chr(mark) for mark in _MARKS if chr(mark) not in text)
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}

    def hold_text(found: re.Match[str]) -> str:
        mark = next(free)
        texts[mark] = _as_text(_value(found["name"], names))
        return mark.ljust(len(found[0]), mark)

    def hold(found: re.Match[str]) -> str:
        if found["string"] is not None:
            return _PLACEHOLDER.sub(hold_text, found["string"])
        mark = next(free)
        values[mark] = _value(found["name"], names)
        return f'"{mark.ljust(len(found[0]) - 2, mark)}"'

    held = _STRING_OR_PLACEHOLDER.sub(hold, text)
    try:
        parsed = json_text.read(held)
    except FormTextError as exc:
        raise MagicUsageError(str(exc)) from None
    return _filled(parsed, values, texts) if values or texts else parsed


def fill_text(text: str, names: Names) -> Any:
    """A plain value: the variable's value where it is one placeholder, else text with texts in it.

    Raises:
        MagicUsageError: A variable is not there or cannot be written as JSON.
    """
    if whole := _PLACEHOLDER.fullmatch(text):
        return _value(whole["name"], names)
    return _PLACEHOLDER.sub(lambda found: _as_text(_value(found["name"], names)), text)


def literal_names(words: Iterable[Word], names: Names) -> Iterator[tuple[str, str]]:
    """Where a word has ``{x}`` or ``$x``, which stay text, and ``x`` is a variable.

    Yields:
        What was typed, and the variable's name.
    """
    for word in words:
        for found in () if word.is_json else _LOOKALIKE.finditer(word.text):
            name = found["braced"] or found["dollar"]
            if name in names and not name.startswith("_"):
                yield found[0], name


def is_placeholder(text: str) -> bool:
    """Whether a text is one placeholder and nothing else."""
    return _PLACEHOLDER.fullmatch(text) is not None


def _value(name: str, names: Names) -> Any:
    if name not in names:
        raise MagicUsageError(f"no variable {name!r}{nearest(name, variables(names))}")
    try:
        value = plain(names[name])
        json.dumps(value, allow_nan=False)
    except (NotJson, ValueError, RecursionError) as exc:
        kind = type(names[name]).__name__
        raise MagicUsageError(f"variable {name!r} ({kind}) is not JSON: {exc}") from None
    return value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _filled(value: Any, values: Mapping[str, Any], texts: Mapping[str, str]) -> Any:
    again: Callable[[Any], Any] = partial(_filled, values=values, texts=texts)
    if isinstance(value, dict):
        return {again(k): again(v) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [again(item) for item in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    if value[:1] in values:
        return values[value[0]]
    for mark, text in texts.items():
        value = re.sub(f"{mark}+", lambda _, text=text: text, value)
    return value

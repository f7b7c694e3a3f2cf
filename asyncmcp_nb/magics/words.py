"""A magic's line, split into words: pure.

Like a shell, with two differences: a value that starts with ``{`` or ``[`` goes to the bracket that
closes it, blanks and quotes included, so that JSON can be typed as it is; and a backslash means
something only inside double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.magics.errors import MagicUsageError

_KEY: Final = re.compile(r"(?P<key>[^\s='\"]+?)(?P<sign>:?=)")
_BLANK: Final = re.compile(r"\s*")
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_CLOSING: Final = {"{": "}", "[": "]"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line."""

    text: str
    """Without its quotes; of ``key=value`` the value."""
    key: str | None = None
    """Of ``key=value`` and ``key:=json``."""
    is_json: bool = False
    """Written with ``:=``."""
    is_quoted: bool = False
    """Some of it was in quotes, so ``"5"`` is text where text is allowed."""

    def __str__(self) -> str:
        sign = ":=" if self.is_json else "="
        return self.text if self.key is None else f"{self.key}{sign}{self.text}"


def split(line: str) -> list[Word]:
    """Split a line.

    Raises:
        MagicUsageError: A quote is not closed.
    """
    words: list[Word] = []
    at = _skip_blanks(line, 0)
    while at < len(line):
        found = _KEY.match(line, at)
        key, is_json = None, False
        if found is not None:
            key, is_json = found["key"], found["sign"] == ":="
            at = found.end()
        text, at, is_quoted = _value(line, at, is_json) if found else _shell_word(line, at)
        words.append(Word(text, key, is_json, is_quoted))
        at = _skip_blanks(line, at)
    return words


def _skip_blanks(line: str, at: int) -> int:
    found = _BLANK.match(line, at)
    return at if found is None else found.end()


def _value(line: str, at: int, is_json: bool) -> tuple[str, int, bool]:
    if line[at : at + 1] in _CLOSING:
        end = _closing_bracket(line, at)
        return line[at:end], end, False
    if is_json and (found := _JSON_STRING.match(line, at)):
        return found[0], found.end(), False
    return _shell_word(line, at)


def _closing_bracket(line: str, at: int) -> int:
    """Just after the bracket that closes the one here, or the end where none does."""
    open_brackets: list[str] = []
    while at < len(line):
        character = line[at]
        if character == '"' and (found := _JSON_STRING.match(line, at)):
            at = found.end()
            continue
        if character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
        at += 1
        if not open_brackets:
            break
    return at


def _shell_word(line: str, at: int) -> tuple[str, int, bool]:
    parts: list[str] = []
    is_quoted = False
    while at < len(line) and not line[at].isspace():
        if line[at] in "'\"":
            text, at = _quoted(line, at)
            is_quoted = True
        else:
            text, at = line[at], at + 1
        parts.append(text)
    return "".join(parts), at, is_quoted


def _quoted(line: str, start: int) -> tuple[str, int]:
    quote = line[start]
    text: list[str] = []
    at = start + 1
    while at < len(line):
        if line[at] == quote:
            return "".join(text), at + 1
        if quote == '"' and line[at] == "\\" and line[at + 1 : at + 2] in ('"', "\\"):
            at += 1
        text.append(line[at])
        at += 1
    raise MagicUsageError(f"no closing quote for {line[start : start + 20]!r}")

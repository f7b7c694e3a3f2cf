"""Private values: where they stand under some keys, and taking them out wherever they are repeated.

JSON within text counts as JSON, since servers say their structured content once more as text.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

from asyncmcp_nb.ledger.answers import dump_json

REDACTED: Final = "[redacted]"

_OPENING: Final = re.compile(r"[\[{]")
_FAILED_COUNT: Final = 50
"""Brackets of one text that turn out to begin no JSON, before the rest is taken as words."""

_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WHOLE_NUMBER: Final = re.compile(r"\d+")
_GROUPED_NUMBER: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_WRITTEN_OUT_COUNT: Final = 400
"""Digits that a number is written out to; floats have 309."""

_DECODER: Final = json.JSONDecoder()


class PrivateValues:
    """The values under some keys, at any depth.

    A value of one character is taken out under its keys only: it is in nearly every text.

    Args:
        names: The keys.
        sources: Values as JSON has them, in which the keys may be.
    """

    def __init__(self, names: frozenset[str], sources: Iterable[Any]) -> None:
        self._names = names
        self.met: set[str] = set()
        """The names under which there was something."""
        self._numbers: set[str] = set()
        self._texts: dict[int, set[str]] = defaultdict(set)
        self._spelled, self._named = _naming(names)
        for source in sources:
            self._collect(source)

    def clean(self, value: Any) -> Any:
        """A value as JSON has it without them; texts that hold one are left out whole."""
        if isinstance(value, Mapping):
            return self._clean_object(cast("Mapping[str, Any]", value))
        if isinstance(value, list):
            return [self.clean(inner) for inner in cast("list[Any]", value)]
        if isinstance(value, str):
            return self._clean_text(value)
        return REDACTED if _is_number(value) and any(map(self._is_one, _digits(value))) else value

    def _collect(self, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in cast("Mapping[str, Any]", value).items():
                if key in self._names:
                    self.met.add(key)
                    self._keep(inner)
                self._collect(inner)
        elif isinstance(value, list):
            for inner in cast("list[Any]", value):
                self._collect(inner)
        elif isinstance(value, str):
            for _, _, inner in _json_in(value):
                self._collect(inner)

    def _keep(self, value: Any) -> None:
        if isinstance(value, Mapping):
            value = list(cast("Mapping[str, Any]", value).values())
        if isinstance(value, list):
            for inner in cast("list[Any]", value):
                self._keep(inner)
        elif isinstance(value, str) and len(value) > 1:
            for spelled in _spellings(value):
                self._texts[len(spelled)].add(spelled)
        elif _is_number(value):
            self._numbers |= {digits for digits in _digits(value) if len(digits) > 1}

    def _clean_object(self, found: Mapping[str, Any]) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        for key, inner in found.items():
            if key in self._names:
                cleaned[key] = REDACTED
                continue
            name, number = (REDACTED if self._is_told(key) else key), 2
            while name in cleaned:
                name, number = f"{REDACTED} {number}", number + 1
            cleaned[name] = self.clean(inner)
        return cleaned

    def _clean_text(self, text: str) -> str:
        parts: list[str] = []
        end = 0
        for begin, after, value in _json_in(text):
            try:
                cleaned = self.clean(value)
            except RecursionError:
                return REDACTED
            if cleaned != value:
                parts += [text[end:begin], dump_json(cleaned)]
                end = after
        # What is left as it was, words or JSON, must not hold one in any spelling.
        is_told = any(self._is_told(part) for part in (*parts[::2], text[end:]))
        return REDACTED if is_told else "".join([*parts, text[end:]])

    def _is_one(self, digits: str) -> bool:
        return digits in self._numbers or digits in self._texts.get(len(digits), ())

    def _is_told(self, text: str) -> bool:
        if self._named is not None and (named := self._named.search(text)):
            self.met.add(self._spelled[named[1]])
            return True
        if self._numbers and not self._numbers.isdisjoint(_numbers_in(text)):
            return True
        return any(_holds(text, length, told) for length, told in self._texts.items())


def _holds(text: str, length: int, told: set[str]) -> bool:
    if len(told) < 50:
        return any(one in text for one in told)
    # A list of a thousand records has a thousand of them: each is not searched for by itself.
    return any(text[at : at + length] in told for at in range(len(text) - length + 1))


def _numbers_in(text: str) -> set[str]:
    """Numbers that stand in a text, so that 12 is not found in 3124."""
    found = {*_NUMBER.findall(text), *_WHOLE_NUMBER.findall(text)}
    grouped = {number.replace(",", "") for number in _GROUPED_NUMBER.findall(text)}
    return found | {_written_out(number) for number in found | grouped}


def _digits(value: Any) -> set[str]:
    """A number as it is written, and written out."""
    digits = str(value).removeprefix("-")
    return {digits, _written_out(digits)}


def _written_out(digits: str) -> str:
    """Without exponent and closing zeros, since a server may answer 1234 with 1234.0 or 1.234e3."""
    if digits.isdecimal():
        return digits
    if "e" in digits.lower() and _NUMBER.fullmatch(digits) is not None:
        exact = Decimal(digits)
        if abs(exact.adjusted()) > _WRITTEN_OUT_COUNT:
            return digits
        digits = format(exact, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _json_in(text: str) -> Iterator[tuple[int, int, Any]]:
    """Objects and lists in a text: where each begins and ends, and what it is."""
    failed_count = at = 0
    while failed_count < _FAILED_COUNT and (found := _OPENING.search(text, at)) is not None:
        at = found.start()
        try:
            value, after = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            failed_count, at = failed_count + 1, at + 1
            continue
        yield at, after, value
        at = after


@lru_cache(maxsize=16)
def _naming(names: frozenset[str]) -> tuple[dict[str, str], re.Pattern[str] | None]:
    """Names by how they may be spelled, and what finds one in words; made once for a whole log."""
    spelled = {spelling: name for name in names for spelling in _spellings(name)}
    quoted = "|".join(map(re.escape, spelled))
    # JSON that was cut off, and Python's way to write a dict.
    return spelled, re.compile(rf"""["']({quoted})\\*["']\s*:""") if names else None


def _spellings(text: str) -> set[str]:
    # Servers repeat structured content as JSON in the text, with non-ASCII escaped or not, or as
    # Python writes it.
    as_json = (json.dumps(text), json.dumps(text, ensure_ascii=False))
    return {text, *(quoted[1:-1] for quoted in (*as_json, repr(text)))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

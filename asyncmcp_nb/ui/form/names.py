"""The words for the values of a choice, no two alike, and the value that typed words mean. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.form.field import Option
from asyncmcp_nb.ui.form.hints import shown
from asyncmcp_nb.ui.form.json_text import identity

NOT_SENT: Final = "(not sent)"
CHOOSE_ONE: Final = "(choose one)"
IS_NULL: Final = "(null)"

_STATES: Final = (NOT_SENT, CHOOSE_ONE, IS_NULL)
"""Stand among the values of a list, and are words for none of them."""
_LENGTH: Final = 120
_SHOWN_COUNT: Final = 3


class Names:
    """What the options of one choice are called.

    A text that could be taken for something else is quoted as in JSON: ``"1"`` beside 1, or a text
    that is blank.
    """

    def __init__(self, options: Sequence[Option]) -> None:
        self.words: tuple[str, ...] = tuple(_distinct(options))
        """Of each option, in their order."""
        self._by_words = {word: index for index, word in enumerate(self.words)}
        self._by_value = {identity(option.value): index for index, option in enumerate(options)}
        self._folded = [word.casefold() for word in self.words]
        counts = Counter(self._folded)
        self._by_folded = {
            word: index for index, word in enumerate(self._folded) if counts[word] == 1
        }
        self.like: Callable[[str], Sequence[str]] = lru_cache(maxsize=1)(self._like)
        """The words that have a text in them."""

    def holding(self, value: Any) -> int | None:
        """The option with exactly this value; None where there is none."""
        return self._by_value.get(identity(value))

    def meant(self, text: str) -> int | None:
        """The option that was typed: to the letter, else the only one but for capitals."""
        found = self._by_words.get(text)
        return self._by_folded.get(text.strip().casefold()) if found is None else found

    def trouble(self, text: str) -> str:
        """What to say of a text that is none of them, or not yet."""
        total = len(self.words)
        if not text.strip():
            return "choose one"
        found = self.like(text)
        if not found:
            return f"choose one; none of {total:,} has that in it"
        more = ", …" if len(found) > _SHOWN_COUNT else ""
        some = ", ".join(found[:_SHOWN_COUNT])
        return f"choose one; {len(found):,} of {total:,} match: {some}{more}"

    def _like(self, text: str) -> Sequence[str]:
        wanted = text.strip().casefold()
        return [
            word for word, folded in zip(self.words, self._folded, strict=True) if wanted in folded
        ]


def _distinct(options: Sequence[Option]) -> list[str]:
    """Words for each option: its label, where that says all; with the value as JSON, where not."""
    labels = [cut(one_line(option.label), _LENGTH) for option in options]
    counts = Counter([*labels, *_STATES])
    words = [
        label if label and counts[label] == 1 else _written(option, label)
        for label, option in zip(labels, options, strict=True)
    ]
    counts = Counter([*words, *_STATES])
    taken = {word for word, count in counts.items() if count == 1}
    for index, word in enumerate(words):
        if counts[word] > 1:
            words[index] = _numbered(word, index + 1, taken)
            taken.add(words[index])
    return words


def _written(option: Option, label: str) -> str:
    value = cut(one_line(json.dumps(option.value, ensure_ascii=False)), _LENGTH)
    return value if option.label == shown(option.value) else f"{label} ({value})"


def _numbered(word: str, number: int, taken: set[str]) -> str:
    found = f"{word} ({number})"
    while found in taken:
        found += "'"
    return found

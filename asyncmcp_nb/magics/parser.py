"""What follows a subcommand: names, options and the rest, by a grammar that is data. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncmcp_nb.magics.errors import MagicUsageError, nearest
from asyncmcp_nb.magics.words import Word


@dataclass(frozen=True, slots=True)
class Option:
    """``--timeout S``, or a flag such as ``--async`` where it takes no value."""

    name: str
    value: str | None = None
    """What the value is called in the usage line; None for a flag."""
    choices: tuple[str, ...] = ()
    """The only values there are; empty for any."""

    def __str__(self) -> str:
        return f"[{self.name}]" if self.value is None else f"[{self.name} {self.value}]"


OUTPUT: Final = Option("-o", "NAME")
"""Store the answer in this variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """What a subcommand takes."""

    required: tuple[str, ...] = ()
    """Names of words that must be there, in order."""
    optional: tuple[str, ...] = ()
    """Names of words that may follow."""
    rest: str | None = None
    """What all further words are called; None where there may be none."""
    options: tuple[Option, ...] = ()

    def __str__(self) -> str:
        parts = [*self.required, *(f"[{name}]" for name in self.optional)]
        parts += [self.rest] if self.rest else []
        return " ".join([*parts, *map(str, self.options)])


NOTHING: Final = Grammar()
"""No words and no options."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was typed, taken apart."""

    words: Mapping[str, str] = field(default_factory=dict[str, str])
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    rest: tuple[Word, ...] = ()

    def word(self, name: str) -> str | None:
        """A word by its name in the grammar."""
        return self.words.get(name)

    def option(self, name: str) -> str | None:
        """An option's value; None where it was not given."""
        return self.options.get(name)

    def has(self, flag: str) -> bool:
        """Whether a flag was given."""
        return flag in self.options

    def number(self, name: str) -> float | None:
        """An option's value as a positive number.

        Raises:
            MagicUsageError: It is none.
        """
        text = self.options.get(name)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise MagicUsageError(f"{name} {text}: a number above 0 is wanted")
        return number

    def count(self, name: str) -> int | None:
        """An option's value as a whole number of at least 1.

        Raises:
            MagicUsageError: It is none.
        """
        text = self.options.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise MagicUsageError(f"{name} {text}: a whole number of at least 1 is wanted")
        return int(text)

    @property
    def output(self) -> str | None:
        """The variable that ``-o`` names."""
        return self.options.get(OUTPUT.name)


def parse(words: Sequence[Word], grammar: Grammar) -> Given:
    """Take a subcommand's words apart.

    Raises:
        MagicUsageError: A word is missing or too much, an option is unknown or lacks its value.
    """
    known = {option.name: option for option in grammar.options}
    options: dict[str, str] = {}
    plain: list[Word] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name = _option_name(word)
        if name is None:
            plain.append(word)
        elif name not in known:
            raise MagicUsageError(f"no option {name!r}{nearest(name, known)}")
        else:
            options[name] = _option_value(known[name], word, waiting)
    _check_output(options.get(OUTPUT.name))
    return _named(plain, grammar, options)


def _option_name(word: Word) -> str | None:
    name = word.text if word.key is None else word.key
    is_option = name.startswith("-") and len(name) > 1 and (word.key or not word.is_quoted)
    return name if is_option else None


def _option_value(option: Option, word: Word, waiting: list[Word]) -> str:
    if option.value is None:
        if word.key is not None:
            raise MagicUsageError(f"{option.name} takes no value")
        return ""
    if word.key is None:
        if not waiting:
            raise MagicUsageError(f"{option.name} needs a value: {option.name} {option.value}")
        value = str(waiting.pop(0))
    else:
        value = word.text
    if option.choices and value not in option.choices:
        raise MagicUsageError(f"{option.name} {value!r}{nearest(value, option.choices)}")
    return value


def _named(plain: Sequence[Word], grammar: Grammar, options: Mapping[str, str]) -> Given:
    names = [*grammar.required, *grammar.optional]
    if len(plain) < len(grammar.required):
        raise MagicUsageError(f"{grammar.required[len(plain)]} is missing")
    if len(plain) > len(names) and grammar.rest is None:
        raise MagicUsageError(f"{str(plain[len(names)])!r} is one word too many")
    chosen = {name: str(word) for name, word in zip(names, plain, strict=False)}
    return Given(chosen, options, tuple(plain[len(names) :]))


def _check_output(name: str | None) -> None:
    if name is not None and not name.isidentifier():
        raise MagicUsageError(f"-o {name}: not a variable's name")

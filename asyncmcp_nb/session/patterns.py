"""Patterns that a stranger wrote, searched for in bounded time. Pure.

``re`` goes back and tries again, which can take longer than anybody waits. It is used where a
pattern's shape and the text's length show that it cannot; else the pattern is run as an automaton,
whose time grows with the product of both lengths.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from asyncmcp_nb.session.automaton import Automaton, PatternTooCostly

__all__ = ["PatternTooCostly", "matches"]

WAY_COUNT: Final = 200_000
"""Ways through a pattern, start positions included, that ``re`` may have to try."""

_STARTS: Final = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds a match of a pattern, as ``re.search`` would say.

    Raises:
        re.error: It is no pattern.
        PatternTooCostly: Nothing here can search for it in bounded time.
    """
    if is_quick(pattern, text):
        return re.search(pattern, text) is not None
    return _automaton(pattern).is_in(text)


def is_quick(pattern: str, text: str) -> bool:
    """Whether ``re`` itself is sure to be done soon.

    Raises:
        re.error: It is no pattern.
    """
    tree = _tree(pattern)
    # A pattern that is tied to the start fails at once everywhere else.
    is_tied = bool(tree) and tree[0][0].name == "AT" and tree[0][1].name in _STARTS
    return _ways(tree, len(text)) * (1 if is_tied else len(text) + 1) <= WAY_COUNT


@lru_cache(maxsize=256)
def _tree(pattern: str) -> Any:
    # As ``re`` itself reads it; there is no public name for that.
    return import_module("re._parser").parse(pattern)


@lru_cache(maxsize=64)
def _automaton(pattern: str) -> Automaton:
    return Automaton(_tree(pattern))


def _ways(tree: Any, length: int) -> float:
    """How many ways through a pattern a text of a length can have; infinity for too many."""
    count = 1.0
    for operation, about in tree:
        name = operation.name
        if name in _REPEATS:
            count *= _ways_repeated(about, length)
        elif name == "BRANCH":
            count *= sum(_ways(part, length) for part in about[1])
        elif name in ("SUBPATTERN", "ASSERT", "ASSERT_NOT"):
            count *= _ways(about[-1], length)
        elif name in ("ATOMIC_GROUP", "GROUPREF_EXISTS"):
            return math.inf
        elif name == "GROUPREF":
            count *= length + 1
    return count


def _ways_repeated(about: Any, length: int) -> float:
    least, most, inner = about
    within = _ways(inner, length)
    if within > 1 and most > 1:
        return math.inf
    return within * (min(most - least, length) + 1) if most > least else within

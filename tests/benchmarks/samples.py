"""Taking turns, and what is made of numbers that were measured several times. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def interleaved(repeats: int, works: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Do each in turn, and all so many times: what slows the machine down meets all of them.

    Returns:
        What each brought, a value a round, under its name.
    """
    brought: dict[str, list[T]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            brought[name].append(work())
    return brought


def ratios(ours: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Of each round; one whose reference is 0 has none.

    Raises:
        ValueError: There were not as many rounds of both.
    """
    return [one / other for one, other in zip(ours, reference, strict=True) if other]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The exponent of growth: the slope of the line through the logarithms of both.

    1 where twice as many cost twice as much, 0 where they cost the same, 2 where four times.

    Raises:
        ValueError: There are fewer than two sizes, or not as many costs.
    """
    if len(sizes) < 2:
        raise ValueError("growth needs at least two sizes")
    pairs = list(zip(sizes, costs, strict=True))
    line = statistics.linear_regression(
        [math.log(size) for size, _ in pairs], [math.log(cost) for _, cost in pairs]
    )
    return line.slope

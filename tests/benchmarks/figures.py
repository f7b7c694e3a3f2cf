"""A figure and its target. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.samples import ratios


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to be."""

    bound: float
    is_least: bool = False
    """Whether it may not be less; else it may not be more."""

    def is_met(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value >= self.bound if self.is_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.bound:,.4g}"


def at_most(bound: float) -> Target:
    """It may not be more."""
    return Target(bound)


def at_least(bound: float) -> Target:
    """It may not be less."""
    return Target(bound, is_least=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured."""

    name: str
    value: float
    """The median, where it was measured several times."""
    unit: str = ""
    """``x`` for a ratio."""
    low: float | None = None
    high: float | None = None
    target: Target | None = None
    """None where nobody set one."""
    is_exact: bool = False
    """A count, or made of counts: how busy the machine is plays no part."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether it meets its target, in a word."""
        if self.target is None:
            return ""
        if self.target.is_met(self.value):
            return "ok"
        return "UNDER" if self.target.is_least else "OVER"


def measured(
    name: str,
    values: Sequence[float],
    unit: str = "",
    *,
    target: Target | None = None,
    is_exact: bool = False,
    note: str = "",
) -> Figure:
    """The median and the spread of what was measured several times."""
    return Figure(
        name=name,
        value=statistics.median(values),
        unit=unit,
        low=min(values),
        high=max(values),
        target=target,
        is_exact=is_exact,
        note=note,
    )


def compared(
    name: str,
    ours: Sequence[float],
    reference: Sequence[float],
    *,
    target: Target | None = None,
    note: str = "",
) -> Figure:
    """How many times the reference of the same round ours was."""
    return measured(name, ratios(ours, reference), "x", target=target, note=note)


def count(name: str, value: float, *, target: Target | None = None, note: str = "") -> Figure:
    """An exact one."""
    return Figure(name=name, value=value, target=target, is_exact=True, note=note)

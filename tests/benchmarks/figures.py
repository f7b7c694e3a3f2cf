"""A figure and its limit, tables of them, and how a duration is measured."""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    """What it may be at the most; None where nobody set a limit."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether it keeps its limit, in a word."""
        if self.limit is None:
            return ""
        return "ok" if self.value <= self.limit else "OVER"


class Measure(Protocol):
    """What a module of benchmarks has."""

    def __call__(self, *, calls_count: int) -> Iterable[Figure]:
        """Measure on a log of so many calls."""
        ...


def seconds(
    work: Callable[[], object],
    *,
    repeats: int = 9,
    before: Callable[[], object] = lambda: None,
) -> tuple[float, float]:
    """The median of the wall time and of this thread's processor time that something takes.

    Args:
        work: What is measured.
        repeats: How often.
        before: What is done before each time and not measured.
    """
    walls: list[float] = []
    processor: list[float] = []
    for _ in range(repeats):
        before()
        gc.collect()
        wall, own = time.perf_counter(), time.thread_time()
        made = work()
        processor.append(time.thread_time() - own)
        walls.append(time.perf_counter() - wall)
        del made
    return statistics.median(walls), statistics.median(processor)


def milliseconds(
    name: str,
    work: Callable[[], object],
    *,
    limit: float | None = None,
    before: Callable[[], object] = lambda: None,
    repeats: int = 9,
) -> Figure:
    """How long something takes, with the processor's share of it as a note."""
    wall, own = seconds(work, before=before, repeats=repeats)
    return Figure(name, wall * 1e3, "ms", limit, f"{own * 1e3:.1f} ms of processor")


def slope(sizes: Sequence[float], taken: Sequence[float]) -> float:
    """The exponent of growth: 1 where ten times as many take ten times as long."""
    logs = [[math.log(value) for value in values] for values in (sizes, taken)]
    return statistics.linear_regression(*logs).slope


def table(figures: Sequence[Figure]) -> str:
    """The figures below each other."""
    width = max(len(figure.name) for figure in figures)
    lines = [f"{'':{width}}  {'value':>12}  {'limit':>12}        "]
    for figure in figures:
        limit = "" if figure.limit is None else f"{figure.limit:,.0f} {figure.unit}"
        value = f"{figure.value:,.1f} {figure.unit}" if figure.unit else f"{figure.value:,.2f}"
        lines.append(
            f"{figure.name:{width}}  {value:>12}  {limit:>12}  {figure.verdict:4}  {figure.note}"
        )
    return "\n".join(line.rstrip() for line in lines)


def main(*measures: Measure) -> int:
    """Measure and print; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description="Measure, and print one table.")
    parser.add_argument("--calls", type=int, default=100_000, help="how many calls the log has")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    options = parser.parse_args()
    figures = [figure for one in measures for figure in one(calls_count=options.calls)]
    sys.stdout.write(f"{table(figures)}\n")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1))
    return int(any(figure.verdict == "OVER" for figure in figures))

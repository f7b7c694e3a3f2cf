"""Figures as a table, and as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tests.benchmarks.figures import Figure

_HEAD = ("", "median", "min to max", "target", "", "")
_NUMBERS = (1, 2, 3)
"""The columns that end at the right."""


def table(areas: Mapping[str, Sequence[Figure]]) -> str:
    """The figures below each other, each area under its name."""
    rows = [_row(figure) for figures in areas.values() for figure in figures]
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(len(_HEAD))]
    lines = [_line(_HEAD, widths)]
    for area, figures in areas.items():
        lines += ["", area, *(_line(_row(figure), widths) for figure in figures)]
    return "\n".join(lines)


def missed(figures: Iterable[Figure]) -> list[Figure]:
    """Those that do not meet their target."""
    return [figure for figure in figures if figure.verdict not in {"", "ok"}]


def as_json(areas: Mapping[str, Sequence[Figure]], **about: Any) -> str:
    """All of it, for programs."""
    found = [
        {"area": area, **asdict(figure), "verdict": figure.verdict}
        for area, figures in areas.items()
        for figure in figures
    ]
    return json.dumps({**about, "figures": found}, indent=1)


def _row(figure: Figure) -> tuple[str, ...]:
    has_spread = figure.low is not None and figure.high is not None and figure.low != figure.high
    return (
        f"  {figure.name}",
        f"{_number(figure.value)} {figure.unit}".rstrip(),
        f"{_number(figure.low or 0)} to {_number(figure.high or 0)}" if has_spread else "",
        "" if figure.target is None else f"{figure.target} {figure.unit}".rstrip(),
        figure.verdict,
        figure.note,
    )


def _number(value: float) -> str:
    """Three digits, or a whole number."""
    value = round(value, 4)
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    found = [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(found).rstrip()

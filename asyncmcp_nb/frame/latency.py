"""How long answers took: a histogram for each tool."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from asyncmcp_nb.frame import chart
from asyncmcp_nb.frame.phases import lanes
from asyncmcp_nb.ledger import CallRecord
from asyncmcp_nb.printable import counted

if TYPE_CHECKING:
    import altair as alt

BIN_COUNTS: Final = (10, 60)
"""Bars of a histogram: at least and at most."""
LOGARITHMIC_RATIO: Final = 20.0
"""From this ratio of the slowest to the quickest, bins grow by a factor instead of a sum."""

_TICKS: Final = (
    *(0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0),
    *(3_600.0, 10_800.0, 36_000.0, 86_400.0, 259_200.0, 864_000.0),
)
"""Of a logarithmic axis, in seconds."""
_TITLE_CHARACTERS: Final = 36
"""Of a name in the title of its row, beside which its figures stand."""
_LEAST_SECONDS: Final = 1e-4
"""Quicker answers count as these, since a logarithmic axis has no zero."""
_DURATION: Final = (
    "datum.value < 1 ? format(datum.value * 1000, '~r') + ' ms'"
    " : datum.value < 60 ? format(datum.value, '~r') + ' s'"
    " : datum.value < 3600 ? format(datum.value / 60, '.3~r') + ' min'"
    " : format(datum.value / 3600, '.3~r') + ' h'"
)


class Quantiles(NamedTuple):
    """Half of the answers, and all but a twentieth, took no longer."""

    median: float
    """Seconds."""
    p95: float
    """Seconds."""


def latency(records: Iterable[CallRecord]) -> alt.VConcatChart:
    """A histogram of the time from submission to the answer, one for each tool.

    Lines mark the median and the 95th percentile. Answers that say that the tool failed are counted
    too; calls without an answer are not.

    Args:
        records: The calls.

    Raises:
        MissingDependency: altair is not installed.
    """
    answered = [call for call in records if call.latency_seconds is not None]
    if not answered:
        return chart.nothing("no call has been answered yet")
    everyone = latencies(answered)
    edges = bin_edges(everyone)
    by_tool = lanes(answered, lambda call: call.tool)
    height = max(50, 240 // len(by_tool))
    rows = [_row(name, latencies(mine), edges, height=height) for name, mine in by_tool.items()]
    words = f"Latency of {counted(len(answered), 'answer')}: {_told(quantiles(everyone))}"
    title = f"time to answer, {counted(len(answered), 'answer')}"
    return chart.below_each_other(*rows, title=title, description=words)


Array = np.ndarray[Any, np.dtype[np.float64]]


def latencies(calls: Sequence[CallRecord]) -> Array:
    """Seconds from submission to the answer, of those that have one."""
    found = (call.latency_seconds for call in calls)
    return np.maximum([seconds for seconds in found if seconds is not None], _LEAST_SECONDS)


def bin_edges(seconds: Array) -> Array:
    """Where bins begin and end, in seconds."""
    low, high = float(seconds.min()), float(seconds.max())
    fewest, most = BIN_COUNTS
    count = min(most, max(fewest, 2 * math.isqrt(len(seconds))))
    if high > low * LOGARITHMIC_RATIO:
        return np.geomspace(low, high * 1.0001, count + 1)
    margin = max((high - low) * 0.001, high * 0.01)
    return np.linspace(max(low - margin, 0.0), high + margin, count + 1)


def quantiles(seconds: Array) -> Quantiles:
    """Median and 95th percentile."""
    median, p95 = np.quantile(seconds, [0.5, 0.95])
    return Quantiles(float(median), float(p95))


def bin_rows(seconds: Array, edges: Array) -> pd.DataFrame:
    """A row for each bin that has answers."""
    counts, _ = np.histogram(seconds, edges)
    rounded = [float(f"{edge:.5g}") for edge in edges]
    kept = [index for index, count in enumerate(counts) if count]
    return pd.DataFrame(
        {
            "from": [rounded[index] for index in kept],
            "to": [rounded[index + 1] for index in kept],
            "answers": [int(counts[index]) for index in kept],
        }
    )


def _row(tool: str, seconds: Array, edges: Array, *, height: int) -> Any:
    alt = chart.altair()
    domain = [float(edges[0]), float(edges[-1])]
    is_logarithmic = domain[1] > domain[0] * LOGARITHMIC_RATIO and domain[0] > 0
    scale = alt.Scale(type="log" if is_logarithmic else "linear", domain=domain, nice=False)
    ticks = [tick for tick in _TICKS if domain[0] <= tick <= domain[1]]
    chosen: dict[str, Any] = {"values": ticks} if is_logarithmic else {"tickCount": 8}
    axis = alt.Axis(labelExpr=_DURATION, grid=False, **chosen)
    found = quantiles(seconds)
    rows = bin_rows(seconds, edges)
    counts = alt.Scale(domain=[0, max(2, int(rows["answers"].max()))], nice=True)
    bars = (
        chart.part(rows)
        .mark_rect(color=chart.PHASE_COLORS["sent"])
        .encode(
            x=alt.X("from:Q", title=None, scale=scale, axis=axis),
            x2="to:Q",
            y=alt.Y("answers:Q", title=None, scale=counts, axis=alt.Axis(tickCount=2, format=",d")),
            y2=alt.datum(0),
            tooltip=[
                "answers:Q",
                alt.Tooltip("from:Q", title="from (s)"),
                alt.Tooltip("to:Q", title="to (s)"),
            ],
        )
    )
    marks = pd.DataFrame({"at": list(found), "what": list(Quantiles._fields)})
    dashes = alt.Scale(domain=list(Quantiles._fields), range=[[1, 0], [4, 3]])
    lines = (
        chart.part(marks)
        .mark_rule(color=chart.PHASE_COLORS["running"], size=2)
        .encode(
            x=alt.X("at:Q", scale=scale),
            strokeDash=alt.StrokeDash("what:N", title=None, scale=dashes, legend=chart.legend()),
            tooltip=["what:N", alt.Tooltip("at:Q", title="seconds", format=".3~r")],
        )
    )
    title = f"{_brief(chart.named(tool))}: {len(seconds):,}, {_told(found)}"
    return chart.layered(bars, lines, title=title, description="").properties(
        width=chart.WIDTH_PIXELS, height=height
    )


def _told(found: Quantiles) -> str:
    return f"median {_duration(found.median)}, p95 {_duration(found.p95)}"


def _duration(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"


def _brief(name: str) -> str:
    return name if len(name) <= _TITLE_CHARACTERS else f"{name[: _TITLE_CHARACTERS - 1]}…"

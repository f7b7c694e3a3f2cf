"""How many answers came when: a chart of answers a second, failures apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from asyncmcp_nb.frame import chart
from asyncmcp_nb.frame.phases import SHORTEST_SECONDS
from asyncmcp_nb.ledger import STATUSES, CallRecord, Status

if TYPE_CHECKING:
    import altair as alt

BIN_COUNT: Final = 120
"""Bars over all of the time, at most."""
BIN_SECONDS: Final = (
    *(0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0, 604_800.0),
)
"""How long bars may be; the shortest of which there are not too many."""

FAILURES: Final = (Status.TOOL_ERROR, Status.FAILED, Status.TIMED_OUT)
"""What ended otherwise than well, and was not given up here."""


def throughput(records: Iterable[CallRecord]) -> alt.VConcatChart:
    """A chart of good answers a second over time, and of failures below.

    Failures are answers that say that the tool failed, errors, and calls whose time was up.
    Cancelled calls are left out.

    Args:
        records: The calls.

    Raises:
        MissingDependency: altair is not installed.
    """
    calls = list(records)
    rows = bin_rows(calls)
    if rows.empty:
        return chart.nothing("no call has been answered yet")
    good = rows[rows["status"] == Status.DONE.value]
    bad = rows[rows["status"] != Status.DONE.value]
    extent = (float(rows["start"].min()) / 1000, float(rows["end"].max()) / 1000)
    parts = [_row(good, extent, height=180, what="answers")] if len(good) else []
    if len(bad):
        parts.append(_row(bad, extent, height=90 if parts else 180, what="failures"))
    counts = {s: int(rows["ended"][rows["status"] == s.value].sum()) for s in STATUSES}
    told = ", ".join(f"{count:,} {status.value}" for status, count in counts.items() if count)
    width = _width_words(float(rows["end"].iloc[0] - rows["start"].iloc[0]) / 1000)
    return chart.below_each_other(
        *parts,
        title=f"answers a second, over {width} each",
        description=(
            f"Throughput: {told} from {chart.clock(extent[0])} to {chart.clock(extent[1])}"
        ),
    ).resolve_scale(color="independent")


def bin_rows(calls: Sequence[CallRecord]) -> pd.DataFrame:
    """How many calls ended in which way, in each span of time in which some did.

    ``low`` is where failures of a kind stand on those of other kinds.
    """
    statuses = {Status.DONE, *FAILURES}
    ended = [(call.finished_at, call.status) for call in calls if call.status in statuses]
    moments = [at for at, _ in ended if at is not None]
    names = ["start", "end", "status", "ended", "low", "rate"]
    if not moments:
        return pd.DataFrame({name: [] for name in names})
    width = bin_width(max(moments) - min(moments))
    counts = Counter((int(at // width), status) for at, status in ended if at is not None)
    rows: list[dict[str, Any]] = []
    failed: Counter[int] = Counter()
    for (number, status), count in sorted(counts.items()):
        low = 0 if status is Status.DONE else failed[number]
        rows.append(
            {
                "start": chart.milliseconds(number * width),
                "end": chart.milliseconds((number + 1) * width),
                "status": status.value,
                "ended": count,
                "low": float(f"{low / width:.4g}"),
                "rate": float(f"{count / width:.4g}"),
            }
        )
        failed[number] += 0 if status is Status.DONE else count
    return pd.DataFrame(rows, columns=names)


def bin_width(seconds: float) -> float:
    """How long each bar is where all of them span this much, in seconds."""
    least = max(seconds, SHORTEST_SECONDS) / BIN_COUNT
    return next((width for width in BIN_SECONDS if width >= least), BIN_SECONDS[-1])


def _row(rows: pd.DataFrame, extent: tuple[float, float], *, height: int, what: str) -> Any:
    alt = chart.altair()
    domain = [chart.milliseconds(moment) for moment in extent]
    colors = {s: c for s, c in chart.ENDING_COLORS.items() if s.value in set(rows["status"])}
    return (
        chart.part(rows)
        .transform_calculate(high="datum.low + datum.rate")
        .mark_rect()
        .encode(
            x=alt.X(
                "start:T",
                scale=alt.Scale(type="utc", domain=domain),
                axis=chart.time_axis(*extent),
            ),
            x2="end:T",
            y=alt.Y("low:Q", title=f"{what} a second", axis=alt.Axis(tickCount=4)),
            y2="high:Q",
            color=alt.Color(
                "status:N", title=what, scale=chart.scale(colors), legend=chart.legend()
            ),
            tooltip=[
                alt.Tooltip("start:T", format="%H:%M:%S"),
                "status:N",
                "ended:Q",
                alt.Tooltip("rate:Q", title="a second"),
            ],
        )
        .properties(width=chart.WIDTH_PIXELS, height=height)
    )


def _width_words(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds * 1000:g} ms"

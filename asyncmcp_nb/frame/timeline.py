"""Who waited for what: a chart of calls over time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.frame import chart
from asyncmcp_nb.frame.phases import counted, end_of, extent, lanes, spans
from asyncmcp_nb.ledger import STATUSES, TERMINAL, CallRecord, Status
from asyncmcp_nb.session.log import By

if TYPE_CHECKING:
    import altair as alt

DETAIL_COUNT: Final = 300
"""Calls up to which each has a lane of its own; more would have less than two pixels each."""
BIN_COUNT: Final = 100
"""Spans of time in which more calls are counted."""

_ANSWERED_COUNT: Final = 120
"""Calls up to which those that went well are marked at their end too."""
_MOST_PIXELS: Final = 500
_LANE_PIXELS: Final = 14
_LABELLED_COUNT: Final = 25
"""Calls up to which lanes have a name."""
_HEIGHTS: Final = {"queued": 0.3, "sent": 0.6, "running": 0.9}
"""Shares of a lane: a phase is told by more than its colour."""


def timeline(
    records: Iterable[CallRecord], *, by: By | None = None, now: float | None = None
) -> alt.Chart:
    """A chart of how long calls were queued here, waited for a server, and ran.

    Up to 300 calls have a lane each, their phases one after the other, with a mark where they
    ended. More are counted: a lane for each tool (or group) shows how many calls were in which
    phase. ``running`` begins when the server first reported progress or logged something; of a
    server that does neither, calls count as sent until they are answered.

    Args:
        records: The calls.
        by: A lane for each ``call``, ``tool`` or ``group``; by default as their number asks for.
        now: Unix seconds to which outstanding calls reach. Default: the present.

    Raises:
        ConfigError: There is no such ``by``.
        MissingDependency: altair is not installed.
    """
    calls = list(records)
    if by not in (None, "call", "tool", "group"):
        raise ConfigError(f"by={by!r}: 'call', 'tool' or 'group' is wanted")
    if not calls:
        return chart.nothing("no calls yet")
    end = time.time() if now is None else now
    if by is None:
        by = "call" if len(calls) <= DETAIL_COUNT else "tool"
    if by == "call":
        return _detailed(calls, end)
    return _counted(calls, end, by)


# -- a lane for each call -------------------------------------------------------------------------


def span_rows(calls: Sequence[CallRecord], now: float) -> pd.DataFrame:
    """A row for each phase that a call went through; ``top`` to ``bottom`` is within its lane."""
    rows: list[dict[str, Any]] = []
    for lane, call in enumerate(calls):
        for span in spans(call, now):
            margin = (1 - _HEIGHTS[span.phase]) / 2
            rows.append(
                {
                    "call": call.call_id,
                    "tool": chart.named(call.tool),
                    "phase": span.phase,
                    "start": chart.milliseconds(span.start),
                    "end": chart.milliseconds(span.end),
                    "seconds": round(span.end - span.start, 3),
                    "top": round(lane + margin, 2),
                    "bottom": round(lane + 1 - margin, 2),
                }
            )
    return pd.DataFrame(rows)


def ending_rows(calls: Sequence[CallRecord]) -> pd.DataFrame:
    """A row for each call that has ended; of many calls, for those that did not go well."""
    names = ("call", "tool", "status", "end", "middle", "seconds")
    rows: list[dict[str, Any]] = []
    for lane, call in enumerate(calls):
        at = call.finished_at
        if at is None or (call.status is Status.DONE and len(calls) > _ANSWERED_COUNT):
            continue
        rows.append(
            {
                "call": call.call_id,
                "tool": chart.named(call.tool),
                "status": call.status.value,
                "end": chart.milliseconds(at),
                "middle": lane + 0.5,
                "seconds": round(at - call.submitted_at, 3),
            }
        )
    return pd.DataFrame(rows, columns=list(names))


def name_rows(calls: Sequence[CallRecord]) -> pd.DataFrame:
    """A row for each call with what stands beside its lane."""
    names = [f"{chart.named(call.tool)} {call.call_id}" for call in calls]
    return pd.DataFrame({"name": names, "middle": [lane + 0.5 for lane in range(len(calls))]})


def _detailed(calls: Sequence[CallRecord], now: float) -> Any:
    alt = chart.altair()
    first, last = extent(calls, now)
    scale = alt.Scale(type="utc", domain=[chart.milliseconds(first), chart.milliseconds(last)])
    lane = alt.Scale(domain=[0, len(calls)], reverse=True, nice=False)
    height = max(60, min(len(calls) * _LANE_PIXELS, _MOST_PIXELS))
    x = alt.X("start:T", scale=scale, axis=chart.time_axis(first, last))
    bars = (
        chart.part(span_rows(calls, now))
        .mark_rect()
        .encode(
            x=x,
            x2="end:T",
            y=alt.Y("top:Q", scale=lane, axis=_lane_axis(calls)),
            y2="bottom:Q",
            color=chart.phase_color(),
            tooltip=["call:N", "tool:N", "phase:N", "seconds:Q"],
        )
    )
    parts = [bars, *_endings(calls, scale, lane)]
    if len(calls) <= _LABELLED_COUNT:
        parts.append(_names(calls, lane))
    return (
        chart.layered(*parts, title=_headline(calls), description=_description(calls, now))
        .resolve_scale(color="independent", shape="independent")
        .properties(width=chart.WIDTH_PIXELS, height=height)
    )


def _endings(calls: Sequence[CallRecord], scale: Any, lane: Any) -> list[Any]:
    """The marks at the ends of calls; none where none is marked, or its legend would be empty."""
    alt = chart.altair()
    rows = ending_rows(calls)
    if rows.empty:
        return []
    seen = [status for status in chart.ENDING_COLORS if status.value in set(rows["status"])]
    ended = {"title": "ended", "legend": chart.legend()}
    return [
        chart.part(rows)
        .mark_point(filled=True, opacity=1, size=55, stroke="white", strokeWidth=0.7)
        .encode(
            x=alt.X("end:T", scale=scale),
            y=alt.Y("middle:Q", scale=lane),
            shape=alt.Shape("status:N", scale=chart.scale(chart.ENDING_SHAPES, seen), **ended),
            color=alt.Color("status:N", scale=chart.scale(chart.ENDING_COLORS, seen), **ended),
            tooltip=["call:N", "tool:N", "status:N", "seconds:Q"],
        )
    ]


def _lane_axis(calls: Sequence[CallRecord]) -> Any:
    if len(calls) <= _LABELLED_COUNT:
        return None
    return chart.altair().Axis(title="call", tickMinStep=1, grid=False)


def _names(calls: Sequence[CallRecord], lane: Any) -> Any:
    """Data, not an axis: what an axis says of its own is code, and tools' names are others'."""
    alt = chart.altair()
    return (
        chart.part(name_rows(calls))
        .mark_text(align="right", limit=150, style="guide-label")
        .encode(x=alt.value(-6), y=alt.Y("middle:Q", scale=lane), text="name:N")
    )


# -- a lane for each tool or group ----------------------------------------------------------------


def count_rows(calls: Sequence[CallRecord], now: float, by: By) -> pd.DataFrame:
    """How many calls of a lane were in each phase, on average, in each of 100 spans of time.

    ``low`` is where they stand on those of the phases after theirs.
    """
    first, last = extent(calls, now)
    edges = np.linspace(first, last, BIN_COUNT + 1)
    starts = [chart.milliseconds(edge) for edge in edges]
    rows: list[dict[str, Any]] = []
    for name, mine in lanes(calls, lambda call: _lane_of(call, by)).items():
        lane = f"{chart.named(name)} ({len(mine):,})"
        low = np.zeros(BIN_COUNT)
        for phase, counts in reversed(counted(mine, edges, now).items()):
            rows += [
                {
                    "lane": lane,
                    "phase": phase,
                    "start": starts[index],
                    "low": round(float(low[index]), 2),
                    "calls": round(float(count), 2),
                }
                for index, count in enumerate(counts)
                if count >= 0.005
            ]
            low += counts
    return pd.DataFrame(rows, columns=["lane", "phase", "start", "low", "calls"])


def _lane_of(call: CallRecord, by: By) -> str:
    return call.tool if by == "tool" else call.group or "no group"


def _counted(calls: Sequence[CallRecord], now: float, by: By) -> Any:
    alt = chart.altair()
    first, last = extent(calls, now)
    rows = count_rows(calls, now, by)
    names = list(dict.fromkeys(rows["lane"]))
    scale = alt.Scale(type="utc", domain=[chart.milliseconds(first), chart.milliseconds(last)])
    width = chart.milliseconds(last - first) / BIN_COUNT
    return (
        chart.chart(
            rows, title=f"{_headline(calls)}, counted", description=_description(calls, now)
        )
        .transform_calculate(high="datum.low + datum.calls", end=f"datum.start + {width}")
        .mark_rect()
        .encode(
            x=alt.X("start:T", scale=scale, axis=chart.time_axis(first, last)),
            x2="end:T",
            y=alt.Y("low:Q", title=None, axis=alt.Axis(tickCount=3, tickMinStep=1)),
            y2="high:Q",
            color=chart.phase_color(),
            row=alt.Row(
                "lane:N",
                title=None,
                sort=names,
                header=alt.Header(labelAngle=0, labelAlign="left", labelLimit=120),
            ),
            tooltip=["lane:N", "phase:N", "calls:Q", alt.Tooltip("start:T", format="%H:%M:%S")],
        )
        .properties(width=chart.WIDTH_PIXELS, height=max(45, 260 // len(names)), spacing=6)
        .resolve_scale(y="independent")
    )


# -- words ----------------------------------------------------------------------------------------


def _headline(calls: Sequence[CallRecord]) -> str:
    return f"{len(calls):,} call{'' if len(calls) == 1 else 's'}"


def _description(calls: Sequence[CallRecord], now: float) -> str:
    counts = Counter(call.status for call in calls)
    parts = ", ".join(f"{counts[s]:,} {s.value}" for s in STATUSES if counts[s])
    first = min(call.submitted_at for call in calls)
    last = max(end_of(call, now) for call in calls)
    is_over = all(call.status in TERMINAL for call in calls)
    until = chart.clock(last) if is_over else "now"
    return f"Timeline of {_headline(calls)} ({parts}) from {chart.clock(first)} to {until}"

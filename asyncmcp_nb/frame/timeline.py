"""Who waited for what: a chart of calls over time."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from asyncmcp_nb.errors import MissingDependency
from asyncmcp_nb.frame import build
from asyncmcp_nb.ledger import STATUSES, CallRecord, Status

if TYPE_CHECKING:
    import altair as alt

DETAIL_COUNT: Final = 2_000
"""Calls up to which each has a bar of its own. Altair takes 5,000 rows, and a call has two."""

BIN_COUNT: Final = 120
"""Spans of time in which more calls are counted."""

TOOL_COUNT: Final = 9
"""Tools with a colour of their own above ``DETAIL_COUNT``; the rest share one."""

WIDTH_PIXELS: Final = 720
"""Fixed, since a static picture in a saved notebook has no container to fill."""

_COLORS: Final = {
    Status.QUEUED: "#9e9e9e",
    Status.SENT: "#64b5f6",
    Status.RUNNING: "#1e88e5",
    Status.INPUT_REQUIRED: "#8e24aa",
    Status.DONE: "#43a047",
    Status.TOOL_ERROR: "#fb8c00",
    Status.FAILED: "#e53935",
    Status.CANCELLED: "#6d4c41",
    Status.TIMED_OUT: "#ad1457",
}


def timeline(records: Iterable[CallRecord], *, now: float | None = None) -> alt.Chart:
    """A chart of how long calls were queued here and then waited for their answer.

    Up to 2,000 calls are a bar each, pale while queued, coloured by status. More are counted: the
    chart shows how many calls of each tool waited at a time, and says so in its title.

    Args:
        records: The calls.
        now: Unix seconds to which bars of outstanding calls reach. Default: the present.

    Raises:
        MissingDependency: altair is not installed.
    """
    try:
        import altair as alt
    except ImportError as exc:
        raise MissingDependency(
            'the timeline needs altair: pip install "asyncmcp-nb[lab]"'
        ) from exc
    calls = list(records)
    end = time.time() if now is None else now
    return _bars(alt, calls, end) if len(calls) <= DETAIL_COUNT else _areas(alt, calls, end)


def bar_rows(calls: Sequence[CallRecord], now: float) -> pd.DataFrame:
    """Two rows a call, ``queued`` and ``waiting``, the latter only once it was sent."""
    rows: list[dict[str, Any]] = []
    for index, call in enumerate(calls):
        end = now if call.finished_at is None else call.finished_at
        sent = end if call.sent_at is None else min(call.sent_at, end)
        common = {"call": index, "call_id": call.call_id, "tool": call.tool}
        common |= {"status": call.status.value}
        rows.append({**common, "phase": "queued", "start": call.submitted_at, "end": sent})
        if call.sent_at is not None:
            rows.append({**common, "phase": "waiting", "start": sent, "end": end})
    names = ("call", "call_id", "tool", "status", "phase")
    frame = pd.DataFrame({name: build.objects([row[name] for row in rows]) for name in names})
    frame["next"] = [row["call"] + 1 for row in rows]
    frame["start"] = build.times([row["start"] for row in rows])
    frame["end"] = build.times([row["end"] for row in rows])
    frame["seconds"] = build.floats([round(row["end"] - row["start"], 6) for row in rows])
    return frame


def bin_rows(calls: Sequence[CallRecord], now: float) -> pd.DataFrame:
    """Calls of each tool that waited at some moment of each of 120 equal spans of time."""
    ranked = Counter(call.tool for call in calls).most_common()
    named = {tool for tool, _ in ranked[:TOOL_COUNT]}
    spans: dict[str, list[tuple[float, float]]] = {}
    for call in calls:
        end = now if call.finished_at is None else call.finished_at
        tool = call.tool if call.tool in named else "other tools"
        spans.setdefault(tool, []).append((call.submitted_at, end))
    first = min(start for mine in spans.values() for start, _ in mine)
    last = max(end for mine in spans.values() for _, end in mine)
    width = max(last - first, 0.001) / BIN_COUNT
    edges = [first + width * index for index in range(BIN_COUNT + 1)]
    rows: list[tuple[float, str, int]] = []
    for tool, mine in spans.items():
        begins, ends = sorted(start for start, _ in mine), sorted(end for _, end in mine)
        for left, right in pairwise(edges):
            begun, over = bisect_right(begins, right), bisect_left(ends, left)
            rows.append((left, tool, begun - over))
    return pd.DataFrame(
        {
            "start": build.times([row[0] for row in rows]),
            "tool": build.strings([row[1] for row in rows]),
            "calls": build.integers([row[2] for row in rows]),
        }
    )


def _time_axis(alt: Any, calls: Sequence[CallRecord], now: float) -> Any:
    first = min((call.submitted_at for call in calls), default=now)
    last = max((call.finished_at or now for call in calls), default=now)
    is_long = last - first > 86_400
    return alt.Axis(format="%b %d %H:%M" if is_long else "%H:%M:%S", tickCount=8)


def _bars(alt: Any, calls: Sequence[CallRecord], now: float) -> Any:
    colors = alt.Scale(
        domain=[status.value for status in STATUSES],
        range=[_COLORS[status] for status in STATUSES],
    )
    phases = alt.Scale(domain=["queued", "waiting"], range=[0.3, 1.0])
    order = alt.Scale(reverse=True, nice=False, domainMin=0)
    return (
        alt.Chart(bar_rows(calls, now), title=f"{len(calls):,} calls")
        .mark_rect()
        .encode(
            x=alt.X("start:T", title=None, axis=_time_axis(alt, calls, now)),
            x2="end:T",
            y=alt.Y("call:Q", title="call", scale=order, axis=alt.Axis(tickMinStep=1)),
            y2="next:Q",
            color=alt.Color("status:N", scale=colors),
            opacity=alt.Opacity("phase:N", scale=phases),
            tooltip=["call_id:N", "tool:N", "status:N", "phase:N", "seconds:Q"],
        )
        .properties(width=WIDTH_PIXELS, height=min(max(len(calls) * 14, 60), 500))
    )


def _areas(alt: Any, calls: Sequence[CallRecord], now: float) -> Any:
    return (
        alt.Chart(bin_rows(calls, now), title=f"{len(calls):,} calls, counted while they waited")
        .mark_area(interpolate="step-after")
        .encode(
            x=alt.X("start:T", title=None, axis=_time_axis(alt, calls, now)),
            y=alt.Y("calls:Q", title="calls waiting"),
            color=alt.Color("tool:N"),
            tooltip=["start:T", "tool:N", "calls:Q"],
        )
        .properties(width=WIDTH_PIXELS, height=300)
    )

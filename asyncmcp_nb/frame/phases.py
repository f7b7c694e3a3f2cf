"""Where calls were when: queued, sent, running, and in the end answered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from asyncmcp_nb.ledger import CallRecord

PHASES: Final = ("queued", "sent", "running")
"""In their order. ``running`` begins when a server first showed a sign of life."""

LANE_COUNT: Final = 9
"""Lanes of their own; further ones share one."""

SHORTEST_SECONDS: Final = 0.001
"""The least that a chart's time spans."""


class Span(NamedTuple):
    """A call in one phase."""

    phase: str
    start: float
    """Unix seconds."""
    end: float
    """Unix seconds."""


def end_of(call: CallRecord, now: float) -> float:
    """When it ended, or the present."""
    return now if call.finished_at is None else call.finished_at


def spans(call: CallRecord, now: float) -> Iterator[Span]:
    """The phases that a call went through, without those it did not enter.

    Args:
        call: The call.
        now: Unix seconds to which an outstanding one reaches.
    """
    end = max(end_of(call, now), call.submitted_at)
    # A sign of life can come before the publisher hears that its request was accepted.
    marks = [mark for mark in (call.sent_at, call.running_at) if mark is not None]
    sent = end if not marks else min(*marks, end)
    running = end if call.running_at is None else min(max(call.running_at, sent), end)
    yield Span("queued", call.submitted_at, sent)
    if call.sent_at is not None and running > sent:
        yield Span("sent", sent, running)
    if call.running_at is not None:
        yield Span("running", running, end)


def extent(calls: Sequence[CallRecord], now: float) -> tuple[float, float]:
    """First and last moment of calls, in Unix seconds; not the same."""
    first = min((call.submitted_at for call in calls), default=now)
    last = max((end_of(call, now) for call in calls), default=now)
    return first, max(last, first + SHORTEST_SECONDS)


def lanes(
    calls: Sequence[CallRecord], name_of: Callable[[CallRecord], str]
) -> dict[str, list[CallRecord]]:
    """Calls by name, the most frequent first; above ``LANE_COUNT`` names the rest is one."""
    ranked = Counter(name_of(call) for call in calls).most_common()
    named = [name for name, _ in ranked[:LANE_COUNT]]
    found: dict[str, list[CallRecord]] = {name: [] for name in named}
    others = f"{len(ranked) - len(named):,} others"
    for call in calls:
        name = name_of(call)
        found.setdefault(name if name in found else others, []).append(call)
    return found


Array = np.ndarray[Any, np.dtype[np.float64]]


def counted(calls: Sequence[CallRecord], edges: Array, now: float) -> dict[str, Array]:
    """For each phase, how many calls were in it in each bin between two edges, on average.

    The average over the bin, not the number that touched it, so that quick calls that follow each
    other do not look as if they had been there together.
    """
    by_phase: dict[str, list[Span]] = {phase: [] for phase in PHASES}
    for call in calls:
        for span in spans(call, now):
            by_phase[span.phase].append(span)
    return {phase: _average(mine, edges) for phase, mine in by_phase.items()}


def _average(found: Sequence[Span], edges: Array) -> Array:
    """How many spans there are in each bin, on average: their seconds in it by its width."""
    starts = np.array([span.start for span in found], dtype=np.float64)
    ends = np.array([span.end for span in found], dtype=np.float64)
    spent = _seconds_since(starts, edges) - _seconds_since(ends, edges)
    return np.diff(spent) / np.diff(edges)


def _seconds_since(moments: Array, edges: Array) -> Array:
    """For each edge, the seconds from all earlier moments to it, together."""
    ordered: Array = np.sort(moments) - edges[0]  # large sums of small numbers stay exact
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    partly_typed: Any = np
    count = partly_typed.searchsorted(ordered, edges - edges[0], side="right")
    return count * (edges - edges[0]) - sums[count]

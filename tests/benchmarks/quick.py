"""The short form: exact counts only, which hold however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks import cast
from tests.benchmarks.areas.growth import costs, exponents
from tests.benchmarks.areas.workers import nap
from tests.benchmarks.bench import SETTLE_SECONDS, Bench, by_operation, run, spent
from tests.benchmarks.figures import Figure, at_most, count
from tests.benchmarks.samples import slope
from tests.benchmarks.timing import steps

_ROW_SIZES = (40, 120, 360)
_AT_ONCE_COUNT = 1_500
_LOG_SIZES = (500, 1_500, 4_500)
_NAP_COUNT = 40
_NAP_SECONDS = 0.05
_LINEAR = at_most(1.05)


def requests(bench: Bench) -> Iterator[Figure]:
    """AWS requests per call, that they grow as the calls do, and that answers are right."""
    with cast.ours(bench.backend) as ours:
        rows = [_row(ours, size) for size in _ROW_SIZES]
        at_once = run(ours, depth=100, count=_AT_ONCE_COUNT)
        state = ours.client.do("vitals")
    sequential = rows[-1].requests
    yield count(
        "AWS requests per call, sequential",
        sum(sequential.values()),
        target=at_most(4.5),
        note=by_operation(sequential),
    )
    yield count(
        "AWS requests per call at 100 outstanding",
        at_once.requests_per_call,
        target=at_most(0.70),
        note=by_operation(at_once.requests),
    )
    # Of calls in a row: calls at once begin with full batches, which tells most in short runs.
    totals = [sum(row.requests.values()) * row.size for row in rows]
    yield count("growth of AWS requests: exponent", slope(_ROW_SIZES, totals), target=_LINEAR)
    wrong_count = at_once.wrong_count + sum(row.wrong_count for row in rows)
    yield count("wrong answers", wrong_count, target=at_most(0))
    asked_count = sum(_ROW_SIZES) + _AT_ONCE_COUNT
    yield count(
        "calls missing or doubled in the ledger",
        abs(state["row_count"] - asked_count),
        target=at_most(0),
        note=f"of {asked_count:,}",
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """Calls one after the other."""

    size: int
    requests: dict[str, float]
    """For each call, by operation."""
    wrong_count: int


def _row(ours: cast.Pair, size: int) -> _Row:
    before = ours.requests()
    done = ours.client.do("in_a_row", count=size)
    time.sleep(SETTLE_SECONDS)
    return _Row(size, spent(before, ours.requests(), size), done["wrong_count"])


def looking(bench: Bench) -> Iterator[Figure]:
    """That recording calls and looking at them takes as many steps as there are calls, no more."""
    yield from exponents(_LOG_SIZES, [costs(size, steps) for size in _LOG_SIZES], "steps")


def workers(bench: Bench) -> Iterator[Figure]:
    """That each call runs once with two worker processes."""
    with cast.ours(bench.backend, workers=2) as pair:
        done = nap(bench, pair, _NAP_COUNT, _NAP_SECONDS)
    yield count("wrong answers", done["wrong_count"], target=at_most(0))
    again_count = abs(done["run_count"] - _NAP_COUNT)
    yield count("calls that ran twice, or not", again_count, target=at_most(0))

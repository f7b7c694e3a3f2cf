"""The short form: exact counts only, which hold however busy the machine is.

A count that misses its target today has none here, so that this fails where something got worse.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.benchmarks import cast
from tests.benchmarks.areas.growth import costs, exponents
from tests.benchmarks.areas.workers import nap
from tests.benchmarks.bench import SETTLE_SECONDS, Bench, Run, by_operation, run, spent
from tests.benchmarks.figures import Figure, at_most, count
from tests.benchmarks.samples import slope
from tests.benchmarks.timing import steps

_SIZES = (200, 600, 1_800)
_ROW_COUNT = 50
_LOG_SIZES = (500, 1_500, 4_500)
_NAP_COUNT = 40
_NAP_SECONDS = 0.05
_LINEAR = at_most(1.05)


def requests(bench: Bench) -> Iterator[Figure]:
    """AWS requests per call, that they grow as the calls do, and that answers are right."""
    with cast.ours(bench.backend) as ours:
        before = ours.requests()
        row = ours.client.do("in_a_row", count=_ROW_COUNT)
        time.sleep(SETTLE_SECONDS)
        sequential = spent(before, ours.requests(), _ROW_COUNT)
        runs = [run(ours, depth=100, count=size) for size in _SIZES]
        state = ours.client.do("vitals")
    yield count(
        "AWS requests per call, sequential",
        sum(sequential.values()),
        note=f"to be 4.5: {by_operation(sequential)}",
    )
    yield from _at_once(runs)
    wrong_count = row["wrong_count"] + sum(each.wrong_count for each in runs)
    yield count("wrong answers", wrong_count, target=at_most(0))
    asked_count = _ROW_COUNT + sum(_SIZES)
    yield count(
        "calls missing or doubled in the ledger",
        abs(state["row_count"] - asked_count),
        target=at_most(0),
        note=f"of {asked_count:,}",
    )


def _at_once(runs: list[Run]) -> Iterator[Figure]:
    yield count(
        "AWS requests per call at 100 outstanding",
        runs[-1].requests_per_call,
        note=f"to be 0.7: {by_operation(runs[-1].requests)}",
    )
    totals = [each.requests_per_call * size for each, size in zip(runs, _SIZES, strict=True)]
    yield count("growth of AWS requests: exponent", slope(_SIZES, totals), target=_LINEAR)


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

"""Calls at once: how many a second, and what each costs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from tests.benchmarks import cast
from tests.benchmarks.bench import Bench, Run, by_operation, run, run_raw
from tests.benchmarks.figures import Figure, at_least, at_most, compared, count, measured
from tests.benchmarks.samples import interleaved

_COUNTS = {1: 60, 10: 400, 100: 1_500, 1_000: 3_000}
"""Outstanding calls, and how many calls in all."""
_RAW_COUNT = 1_000
_SLOW_COUNT = 200
"""For references that are slow."""

Runs = dict[str, list[Run]]


def figures(bench: Bench) -> Iterator[Figure]:
    """Rates to those of the references; requests and processor time for each call."""
    with ExitStack() as stack:
        ours = stack.enter_context(cast.ours(bench.backend))
        raw = stack.enter_context(cast.raw(bench.backend))
        its = stack.enter_context(cast.asyncmcp(bench.backend, cast.ITS_FASTEST))
        slow = stack.enter_context(cast.asyncmcp(bench.backend, cast.ITS_DEFAULTS))
        run(ours, depth=100, count=_SLOW_COUNT)
        runs = interleaved(
            bench.repeats,
            {
                "raw": lambda: run_raw(raw, _RAW_COUNT),
                "its": lambda: run(its, depth=100, count=_SLOW_COUNT),
                "its defaults": lambda: run(slow, depth=100, count=_SLOW_COUNT),
                **{
                    str(depth): (lambda depth=depth, number=number: _ours(ours, depth, number))
                    for depth, number in _COUNTS.items()
                },
            },
        )
        yield from _rates(runs)
        yield from _requests(runs)
        yield from _processor(runs)
        yield from _answers(ours, runs, bench.repeats)


def _ours(pair: cast.Pair, depth: int, number: int) -> Run:
    return run(pair, depth=depth, count=number)


def _rates(runs: Runs) -> Iterator[Figure]:
    raw, hundred, its = _rate(runs["raw"]), _rate(runs["100"]), _rate(runs["its"])
    for depth in _COUNTS:
        rates = _rate(runs[str(depth)])
        yield compared(
            f"calls/s at {depth:,} outstanding, to raw boto3 in batches",
            rates,
            raw,
            target=at_least(1.0) if depth == 100 else None,
            note=f"{statistics.median(rates):,.0f}/s; raw {statistics.median(raw):,.0f}/s",
        )
    note = f"{statistics.median(its):,.0f}/s"
    name = "calls/s at 100 outstanding, to asyncmcp"
    yield compared(f"{name} at its fastest", hundred, its, target=at_least(10.0), note=note)
    yield compared(f"{name} by default", hundred, _rate(runs["its defaults"]))
    yield compared(
        "calls/s at 1,000 outstanding, to 100", _rate(runs["1000"]), hundred, target=at_least(1.0)
    )


def _requests(runs: Runs) -> Iterator[Figure]:
    targets = {"100": at_most(0.70), "1000": at_most(0.65)}
    for depth in ("10", "100", "1000"):
        found = runs[depth]
        middle = sorted(found, key=lambda each: each.requests_per_call)[len(found) // 2]
        yield measured(
            f"AWS requests per call at {int(depth):,} outstanding",
            [each.requests_per_call for each in found],
            target=targets.get(depth),
            is_exact=True,
            note=by_operation(middle.requests),
        )
    yield measured(
        "AWS requests per call of asyncmcp at 100 outstanding",
        [each.requests_per_call for each in runs["its"]],
        is_exact=True,
    )


def _processor(runs: Runs) -> Iterator[Figure]:
    client = [each.client_milliseconds for each in runs["100"]]
    server = [each.server_milliseconds for each in runs["100"]]
    raw = [each.client_milliseconds for each in runs["raw"]]
    name = "processor time per call at 100 outstanding"
    yield measured(f"{name}, client", client, "ms", target=at_most(1.5))
    yield measured(f"{name}, server", server, "ms")
    both = [one + other for one, other in zip(client, server, strict=True)]
    yield compared(f"{name}, both, to raw boto3 in batches", both, raw)
    its = [each.client_milliseconds + each.server_milliseconds for each in runs["its"]]
    yield compared(f"{name}, both, to asyncmcp at its fastest", both, its)


def _answers(ours: cast.Pair, runs: Runs, repeats: int) -> Iterator[Figure]:
    found = [each for depth in _COUNTS for each in runs[str(depth)]]
    asked_count = _SLOW_COUNT + repeats * sum(_COUNTS.values())
    state = ours.client.do("vitals")
    yield count("wrong answers", sum(each.wrong_count for each in found), target=at_most(0))
    yield count(
        "calls missing or doubled in the ledger",
        abs(state["row_count"] - asked_count),
        target=at_most(0),
        note=f"{asked_count:,} calls, {state['duplicate_count']} answers came twice",
    )


def _rate(runs: Sequence[Run]) -> list[float]:
    return [each.calls_per_second for each in runs]

"""A broker as far away as AWS: event loops are watched, and rates are what batches allow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

from tests.benchmarks import backends, cast
from tests.benchmarks.bench import Bench, by_operation, run, run_raw
from tests.benchmarks.figures import Figure, Target, at_most, compared, count, measured
from tests.benchmarks.samples import interleaved

_DEPTH_COUNT = 250
_CALLS_COUNT = 1_500
_ITS_COUNT = 300
_RAW_COUNT = 500
_REST_SECONDS = 3.0

Shares = dict[str, list[float]]
"""Of the time by which the loops of client and server were too late, in percent: by more than
5 ms, and by more than 50."""


def figures(bench: Bench) -> Iterator[Figure]:
    """Stalls at 250 outstanding; rate and requests per call at 100."""
    with ExitStack() as stack:
        far = stack.enter_context(backends.far_away(bench.backend))
        ours = stack.enter_context(cast.ours(far))
        its = stack.enter_context(cast.asyncmcp(far, cast.ITS_FASTEST))
        raw = stack.enter_context(cast.raw(far))
        stalls = interleaved(
            bench.repeats,
            {
                "rest": lambda: _rest(ours),
                "ours": lambda: _stalls(ours, _CALLS_COUNT),
                "its": lambda: _stalls(its, _ITS_COUNT),
            },
        )
        yield from _stall_figures("ours", stalls["ours"], at_most(1.0))
        yield from _stall_figures("ours, at rest", stalls["rest"], None)
        yield from _stall_figures("asyncmcp", stalls["its"], None)
        runs = interleaved(
            bench.repeats,
            {
                "raw": lambda: run_raw(raw, _RAW_COUNT),
                "ours": lambda: run(ours, depth=100, count=_CALLS_COUNT),
            },
        )
    rates = {name: [each.calls_per_second for each in found] for name, found in runs.items()}
    yield compared(
        "calls/s at 100 outstanding, to raw boto3 in batches", rates["ours"], rates["raw"]
    )
    yield measured(
        "AWS requests per call at 100 outstanding",
        [each.requests_per_call for each in runs["ours"]],
        is_exact=True,
        note=by_operation(runs["ours"][-1].requests),
    )
    wrong_count = sum(each.wrong_count for each in runs["ours"])
    yield count("wrong answers", wrong_count, target=at_most(0))


def _stall_figures(who: str, shares: list[Shares], target: Target | None) -> Iterator[Figure]:
    for side in ("client", "server"):
        late = [each[side][0] for each in shares]
        yield measured(f"loop over 5 ms late, {side}: {who}", late, "%", target=target)
        noticed = [each[side][1] for each in shares]
        yield measured(f"loop over 50 ms late, {side}: {who}", noticed, "%")


def _stalls(pair: cast.Pair, calls_count: int) -> Shares:
    _begin(pair)
    pair.client.do("at_once", depth=_DEPTH_COUNT, count=calls_count)
    return _end(pair)


def _rest(pair: cast.Pair) -> Shares:
    _begin(pair)
    time.sleep(_REST_SECONDS)
    return _end(pair)


def _begin(pair: cast.Pair) -> None:
    pair.client.do("begin_beat")
    pair.server.do("begin_beat")


def _end(pair: cast.Pair) -> Shares:
    return {
        side: [share * 100 for share in peer.do("end_beat")]
        for side, peer in (("client", pair.client), ("server", pair.server))
    }

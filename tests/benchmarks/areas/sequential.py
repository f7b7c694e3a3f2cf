"""One call after the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.benchmarks import cast
from tests.benchmarks.bench import SETTLE_SECONDS, Bench, by_operation, spent
from tests.benchmarks.cast import Pair
from tests.benchmarks.figures import Figure, at_most, compared, count, measured
from tests.benchmarks.processes import Peer
from tests.benchmarks.samples import interleaved, percentile

_CALLS_COUNT = 100
_WARM_UP_COUNT = 10


@dataclass(frozen=True, slots=True)
class _Row:
    seconds: Sequence[float]
    wrong_count: int

    def at(self, share: float) -> float:
        return percentile(self.seconds, share)


def figures(bench: Bench) -> Iterator[Figure]:
    """Latencies to those of the references, and requests per call."""
    with ExitStack() as stack:
        ours = stack.enter_context(cast.ours(bench.backend))
        peers = {
            "raw": stack.enter_context(cast.raw(bench.backend)),
            "ours": ours.client,
            "its": stack.enter_context(cast.asyncmcp(bench.backend, cast.ITS_FASTEST)).client,
            "http": stack.enter_context(cast.over_http()).client,
            "memory": stack.enter_context(cast.in_memory()),
        }
        for peer in peers.values():
            _row(peer, _WARM_UP_COUNT)
        rows = interleaved(
            bench.repeats,
            {name: (lambda peer=peer: _row(peer, _CALLS_COUNT)) for name, peer in peers.items()},
        )
        yield from _latencies(rows)
        yield _requests(ours)
        yield count(
            "wrong answers", sum(row.wrong_count for row in rows["ours"]), target=at_most(0)
        )


def _latencies(rows: dict[str, list[_Row]]) -> Iterator[Figure]:
    raw, ours, its = rows["raw"], rows["ours"], rows["its"]
    half = {name: [row.at(0.5) for row in found] for name, found in rows.items()}
    told = ", ".join(
        f"{name} {statistics.median(values) * 1e3:.1f}" for name, values in half.items()
    )
    yield compared(
        "p50, to raw boto3", half["ours"], half["raw"], target=at_most(1.25), note=f"ms: {told}"
    )
    high = [row.at(0.95) for row in ours]
    yield compared("p95, to raw boto3's", high, [row.at(0.95) for row in raw])
    yield compared("p50, to asyncmcp at its fastest", half["ours"], half["its"])
    yield compared("p95, to asyncmcp's", high, [row.at(0.95) for row in its])
    yield compared("p50, to mcp over HTTP", half["ours"], half["http"])
    beyond = [(one - other) * 1e3 for one, other in zip(half["ours"], half["raw"], strict=True)]
    yield measured("p50 beyond raw boto3", beyond, "ms")
    ratio = [one / (other * 1e3) for one, other in zip(beyond, half["memory"], strict=True)]
    yield measured("... to mcp in memory", ratio, "x")


def _requests(ours: Pair) -> Figure:
    before = ours.requests()
    _row(ours.client, _CALLS_COUNT)
    time.sleep(SETTLE_SECONDS)
    requests = spent(before, ours.requests(), _CALLS_COUNT)
    return count(
        "AWS requests per call",
        sum(requests.values()),
        target=at_most(4.5),
        note=by_operation(requests),
    )


def _row(peer: Peer, calls_count: int) -> _Row:
    return _Row(**peer.do("in_a_row", count=calls_count))

"""``map`` over rows, end to end into a DataFrame; and how calls grow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.benchmarks import cast
from tests.benchmarks.bench import SETTLE_SECONDS, Bench, by_operation, run_raw, spent
from tests.benchmarks.figures import Figure, at_most, count
from tests.benchmarks.processes import Peer
from tests.benchmarks.samples import slope

_SIZES = (1_000, 3_000, 10_000)
_RAW_COUNT = 1_000
_WARM_UP_COUNT = 100
_SERIAL_PERCENT = at_most(15.0)


@dataclass(frozen=True, slots=True)
class _Mapped:
    """A frame of one size."""

    size: int
    seconds: float
    submitting_seconds: float
    framing_seconds: float
    cpu_seconds: float
    wrong_count: int
    requests: dict[str, float]
    """For each call, by operation."""
    raw_rate: float
    """Calls a second of bare boto3 just before."""

    @property
    def request_count(self) -> float:
        return sum(self.requests.values()) * self.size


def figures(bench: Bench) -> Iterator[Figure]:
    """Of the largest size its parts; of all sizes the slopes."""
    with ExitStack() as stack:
        ours = stack.enter_context(cast.ours(bench.backend))
        raw = stack.enter_context(cast.raw(bench.backend))
        ours.client.do("map_frame", count=_WARM_UP_COUNT)
        mapped = [_map(ours, raw, size) for size in _SIZES]
    yield from _parts(mapped[-1])
    yield from _slopes(mapped)
    yield count("wrong answers", sum(each.wrong_count for each in mapped), target=at_most(0))


def _map(ours: cast.Pair, raw: Peer, size: int) -> _Mapped:
    raw_rate = run_raw(raw, _RAW_COUNT).calls_per_second
    before = ours.requests()
    done = ours.client.do("map_frame", count=size)
    time.sleep(SETTLE_SECONDS)
    requests = spent(before, ours.requests(), size)
    return _Mapped(size=size, requests=requests, raw_rate=raw_rate, **done)


def _parts(of: _Mapped) -> Iterator[Figure]:
    rows = f"{of.size:,} rows"
    yield Figure(
        name=f"{rows}, to raw boto3 in batches",
        value=of.seconds * of.raw_rate / of.size,
        unit="x",
        note=f"{of.seconds:.1f} s",
    )
    yield Figure(
        name=f"{rows}: share in which nothing is outstanding",
        value=(of.submitting_seconds + of.framing_seconds) / of.seconds * 100,
        unit="%",
        target=_SERIAL_PERCENT,
        note=f"submit {of.submitting_seconds:.2f} s, frame {of.framing_seconds:.2f} s",
    )
    yield Figure(
        name=f"{rows}: processor time of the client, of the time",
        value=of.cpu_seconds / of.seconds * 100,
        unit="%",
        note=f"{of.cpu_seconds / of.size * 1e3:.2f} ms a row",
    )
    yield count(
        f"{rows}: AWS requests per call",
        of.request_count / of.size,
        note=by_operation(of.requests),
    )


def _slopes(mapped: Sequence[_Mapped]) -> Iterator[Figure]:
    seconds = [each.seconds for each in mapped]
    processor = [each.cpu_seconds for each in mapped]
    requests = slope(_SIZES, [each.request_count for each in mapped])
    yield Figure(name="growth of time: exponent", value=slope(_SIZES, seconds))
    yield Figure(name="growth of processor time: exponent", value=slope(_SIZES, processor))
    yield count("growth of AWS requests: exponent", requests, target=at_most(1.05))

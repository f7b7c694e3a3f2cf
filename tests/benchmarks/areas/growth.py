"""Whether looking at a log grows with it as it should."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session import Log
from asyncmcp_nb.ui.table.table import CallTable
from asyncmcp_nb.views import PandasViews
from tests.benchmarks.areas.many_calls import fill, new_call
from tests.benchmarks.areas.onlooker import Onlooker
from tests.benchmarks.areas.wire_comm import wired
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure, at_most, count
from tests.benchmarks.samples import slope
from tests.benchmarks.timing import times

_SIZES = (1_000, 10_000, 100_000)
_REPEATS = 3
_RECORDED = 10_000
"""Calls that are recorded at least, in as many ledgers: a thousand take 0.1 to 0.2 seconds."""
LINEAR = at_most(1.05)


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one size."""

    record: float
    frame: float
    refresh: float
    file_bytes: float


Measure = Callable[[Callable[[], object]], float]


def figures(bench: Bench) -> Iterator[Figure]:
    """Exponents of time, from a thousand calls to a hundred thousand."""
    found = [costs(size, _seconds, recordings=max(1, _RECORDED // size)) for size in _SIZES]
    for size, each in zip(_SIZES, found, strict=True):
        yield Figure(name=f"refresh, {size:,} calls", value=each.refresh * 1e3, unit="ms")
    yield from exponents(_SIZES, found, "time")


def exponents(sizes: Sequence[int], found: Sequence[Costs], of: str) -> Iterator[Figure]:
    """The slopes; a refresh shows a page however many calls there are."""
    yield _exponent(f"{of} to record calls", sizes, [each.record for each in found], of)
    yield _exponent(f"{of} of log.frame()", sizes, [each.frame for each in found], of)
    yield _exponent(f"{of} of a refresh", sizes, [each.refresh for each in found], of)
    yield count(
        "growth of the file: exponent",
        slope(sizes, [each.file_bytes for each in found]),
        target=LINEAR,
    )


def costs(size: int, measure: Measure, *, recordings: int = 1) -> Costs:
    """Record so many calls, in so many ledgers one after the other, and look at the last."""
    before = [_record(size, measure) for _ in range(recordings - 1)]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(wired())
        path = Path(folder) / "calls.sqlite"
        with Ledger.open(path) as ledger:
            last = measure(lambda: fill(ledger, size, outstanding_count=0))
        file_bytes = path.stat().st_size
        with Ledger.open(path) as ledger:
            log = Log(ledger, PandasViews())
            session: Any = Onlooker(ledger)
            table = CallTable(session, on_open=print)
            # What is loaded at the first use is no matter of how many calls there are.
            table.render(session)
            log.frame()
            frame = median(measure(log.frame) for _ in range(_REPEATS))
            refreshes: list[float] = []
            for number in range(size, size + _REPEATS):
                ledger.add([new_call(number, random.Random(number))])
                refreshes.append(measure(lambda: table.render(session)))
            record = median([*before, last])
            return Costs(record, frame, median(refreshes), file_bytes)


def _record(size: int, measure: Measure) -> float:
    """What it costs to record so many calls."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(Path(folder) / "calls.sqlite") as ledger,
    ):
        return measure(lambda: fill(ledger, size, outstanding_count=0))


def _seconds(work: Callable[[], object]) -> float:
    """Of wall time."""
    [seconds], _ = times(work, repeats=1)
    return seconds


def _exponent(name: str, sizes: Sequence[int], values: Sequence[float], of: str) -> Figure:
    return Figure(
        name=f"growth of the {name}: exponent",
        value=slope(sizes, values),
        target=LINEAR,
        is_exact=of != "time",
    )

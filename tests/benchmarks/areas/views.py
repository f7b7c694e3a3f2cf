"""What it costs to look at a log of a hundred thousand calls.

A refresh is one ``render`` of the table with its ledger reads, and with the messages to the page
written and signed. It happens in the thread of the views; what it takes of the processor is taken
from the cells.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from asyncmcp_nb.ledger import CallFilter, Ledger, Status
from asyncmcp_nb.session import Log
from asyncmcp_nb.ui.table.table import CallTable
from asyncmcp_nb.views import PandasViews
from tests.benchmarks.areas.many_calls import fill, new_call
from tests.benchmarks.areas.onlooker import Onlooker
from tests.benchmarks.areas.wire_comm import wired
from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import slope
from tests.benchmarks.timing import milliseconds

_CALLS_COUNT = 100_000
_FRAME_SIZES = (1_000, 10_000, 100_000)
_REFRESH = at_most(20.0)
_FRAME = at_most(500.0)
_OVERHEAD_BYTES = at_most(2_000.0)
_SUBMITTED_COUNT = 1_000


def figures(bench: Bench) -> Iterator[Figure]:
    """Refreshes, the frame, the size of the file."""
    with tempfile.TemporaryDirectory() as folder, wired():
        path = Path(folder) / "calls.sqlite"
        with Ledger.open(path) as ledger:
            payload_bytes = fill(ledger, _CALLS_COUNT)
        yield _size_figure(path, payload_bytes)
        with Ledger.open(path) as ledger:
            yield from _table_figures(ledger)
            yield from _frame_figures(ledger)
            yield from _writing_figures(ledger)


def _table_figures(ledger: Ledger) -> Iterator[Figure]:
    session: Any = Onlooker(ledger)
    table = CallTable(session, on_open=print)
    chance, numbers = random.Random(2), count(_CALLS_COUNT)
    ask: Any = table.filters

    def render() -> None:
        table.render(session)

    def submit() -> None:
        ledger.add([new_call(next(numbers), chance)])

    def change() -> None:
        record = ledger.rows(descending=True, limit=1, offset=5)[0]
        ledger.finish(record.call_id, Status.CANCELLED, at=record.submitted_at + 1)
        submit()

    render()
    yield milliseconds("refresh: a new call moves all rows", render, before=submit, target=_REFRESH)
    yield milliseconds("refresh: a second passes", render, target=_REFRESH)
    table.pages.last.click()
    yield milliseconds("turn to the last page", render, target=_REFRESH, repeats=1)
    yield milliseconds("refresh: a page that stands still", render, before=change, target=_REFRESH)
    ask.clear.click()
    ask.shown.value, ask.tool.value = "done", "tool_3"
    yield milliseconds("refresh: by status and tool", render, before=submit)
    ask.clear.click()
    ask.order.value = "response_bytes"
    yield milliseconds("refresh: sorted by size, no index", render, before=submit)
    ask.clear.click()
    ask.text.value = "zeta eta theta alpha"
    yield milliseconds("refresh: text in some calls", render, before=submit)
    ask.order.value = "elapsed"
    yield milliseconds("refresh: text, sorted by time", render, before=submit)
    ask.text.value = "nowhere"
    yield milliseconds("refresh: text in no call", render, before=submit)


def _frame_figures(ledger: Ledger) -> Iterator[Figure]:
    log = Log(ledger, PandasViews())
    found = [
        milliseconds(
            f"log.frame() of {size:,} calls",
            lambda up_to=size: log.frame(CallFilter(up_to=up_to)),
        )
        for size in _FRAME_SIZES
    ]
    yield from found
    grown = slope(_FRAME_SIZES, [figure.value for figure in found])
    yield Figure(name="growth of log.frame(): exponent", value=grown, target=at_most(1.05))
    yield milliseconds("log.frame()", log.frame, target=_FRAME)
    yield milliseconds("log.results()", log.results, repeats=3)


def _writing_figures(ledger: Ledger) -> Iterator[Figure]:
    chance, numbers = random.Random(3), count(1 << 40)

    def one_by_one() -> None:
        for _ in range(_SUBMITTED_COUNT):
            ledger.add([new_call(next(numbers), chance)])

    def at_once() -> None:
        ledger.add([new_call(next(numbers), chance) for _ in range(_SUBMITTED_COUNT)])

    yield milliseconds(f"record {_SUBMITTED_COUNT:,} calls one by one", one_by_one, repeats=3)
    yield milliseconds(f"record {_SUBMITTED_COUNT:,} calls at once", at_once, repeats=3)


def _size_figure(path: Path, payload_bytes: int) -> Figure:
    each = path.stat().st_size / _CALLS_COUNT
    payload = payload_bytes / _CALLS_COUNT
    return Figure(
        name="file bytes for a call beyond its payload",
        value=each - payload,
        unit="B",
        target=_OVERHEAD_BYTES,
        note=f"{each:,.0f} B, of which {payload:,.0f} B arguments and answer",
    )

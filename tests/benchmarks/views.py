"""What it costs to look at a log of many calls: ``python -m tests.benchmarks.views``.

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
from tests.benchmarks.figures import Figure, main, milliseconds, seconds, slope
from tests.benchmarks.many_calls import fill, new_call
from tests.benchmarks.wire_comm import wired

_REFRESH_MILLISECONDS = 20.0
_FRAME_MILLISECONDS = 500.0
_OVERHEAD_BYTES = 2_000.0
_SUBMITTED_COUNT = 1_000


class Onlooker:
    """As much of a session as a table needs that nobody clicks on."""

    is_closed = False
    tools = None

    def __init__(self, ledger: Ledger) -> None:
        self.log = Log(ledger, PandasViews())


def figures(*, calls_count: int) -> Iterator[Figure]:
    """Refreshes, the frame, the size of the file."""
    with tempfile.TemporaryDirectory() as folder, wired():
        path = Path(folder) / "calls.sqlite"
        with Ledger.open(path) as ledger:
            payload_bytes = fill(ledger, calls_count)
        yield _size_figure(path, payload_bytes, calls_count)
        with Ledger.open(path) as ledger:
            yield from _table_figures(ledger, calls_count)
            yield from _frame_figures(ledger, calls_count)
            yield from _writing_figures(ledger)


def _table_figures(ledger: Ledger, calls_count: int) -> Iterator[Figure]:
    session: Any = Onlooker(ledger)
    table = CallTable(session, on_open=print)
    chance, numbers = random.Random(2), count(calls_count)
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
    limit = _REFRESH_MILLISECONDS
    yield milliseconds("refresh: a new call moves all rows", render, before=submit, limit=limit)
    yield milliseconds("refresh: a second passes", render, limit=limit)
    table.pages.last.click()
    yield milliseconds("turn to the last page", render, limit=limit, repeats=1)
    yield milliseconds("refresh: a page that stands still", render, before=change, limit=limit)
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


def _frame_figures(ledger: Ledger, calls_count: int) -> Iterator[Figure]:
    log = Log(ledger, PandasViews())
    sizes = [calls_count // 100, calls_count // 10, calls_count]
    taken = [seconds(lambda up_to=size: log.frame(CallFilter(up_to=up_to)))[0] for size in sizes]
    for size, wall in zip(sizes, taken, strict=True):
        yield Figure(f"log.frame() of {size:,} calls", wall * 1e3, "ms")
    yield Figure("log.frame(): exponent of its growth", slope(sizes, taken), "", note="1 is linear")
    yield milliseconds("log.frame()", log.frame, limit=_FRAME_MILLISECONDS, repeats=9)
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


def _size_figure(path: Path, payload_bytes: int, calls_count: int) -> Figure:
    each = path.stat().st_size / calls_count
    payload = payload_bytes / calls_count
    return Figure(
        *("file bytes for a call beyond its payload", each - payload, "B", _OVERHEAD_BYTES),
        note=f"{each:,.0f} B, of which {payload:,.0f} B arguments and answer",
    )


if __name__ == "__main__":
    raise SystemExit(main(figures))

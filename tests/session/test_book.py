"""Objects of calls: one for each, and never behind its row for long."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from asyncmcp_nb.ledger import Ledger, Status
from asyncmcp_nb.session import Call
from asyncmcp_nb.session.new_calls import new_call
from tests.helpers import PATIENCE_SECONDS
from tests.session.conftest import Stage

THREADS_COUNT = 4


class Rows(list[Any]):
    """Rows as read, during whose first look-through something happens."""

    def __init__(self, rows: list[Any], happen: Any) -> None:
        super().__init__(rows)
        self._happen = happen

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self._happen()


async def test_a_call_that_ends_and_is_dropped_while_it_is_looked_up_is_found_as_ended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await stage.session()
    ledger = session.log.ledger
    read = ledger.get_many
    held = [session.submit("echo", n=1)]
    call_id = held[0].id

    def end_and_drop() -> None:
        monkeypatch.undo()
        if held:
            held.pop().cancel()
            gc.collect()

    def read_slowly(call_ids: Iterable[str]) -> Rows:
        return Rows(read(call_ids), end_and_drop)

    monkeypatch.setattr(ledger, "get_many", read_slowly)

    assert session.get(call_id).status is Status.CANCELLED


@pytest.fixture
def busy_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_threads")
async def test_threads_that_look_a_call_up_at_once_have_the_same_object(stage: Stage) -> None:
    calls = [new_call("echo", {"n": n}, session="0" * 32) for n in range(300)]
    with Ledger.open(stage.ledger_file) as earlier:
        earlier.add(calls)
    session = await stage.session()
    together = threading.Barrier(THREADS_COUNT)

    def look_up(_: int) -> list[Call]:
        found: list[Call] = []
        for call in calls:
            together.wait(PATIENCE_SECONDS)
            found.append(session.get(call.call_id))
        return found

    with ThreadPoolExecutor(THREADS_COUNT) as pool:
        found = list(pool.map(look_up, range(THREADS_COUNT)))

    assert [len(set(same)) for same in zip(*found, strict=True)] == [1] * len(calls)

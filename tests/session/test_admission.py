"""Calls that tasks ask for: recorded together where they can be, and never lost."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

import anyio
import pytest

from asyncmcp_nb.errors import AsyncMcpError, InvalidArguments, LedgerError
from asyncmcp_nb.ledger import Binding, CallRecord, Ledger, NewCall, Status
from asyncmcp_nb.session.admission import Admission, Asked, interrupted
from asyncmcp_nb.session.call import CallWaiter
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.envelope import MODERN_ERA, Stamp
from asyncmcp_nb.session.new_calls import new_call
from asyncmcp_nb.session.waiting import Waiter
from tests.helpers import PATIENCE_SECONDS

CONNECTION = "c" * 32


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger.open(":memory:") as opened:
        yield opened


def asked(*values: object) -> list[Asked]:
    """A call with each value, asked for by this task."""
    call = new_call("t", {}, session=CONNECTION)
    names = (new_call("t", {}, session=CONNECTION).call_id for _ in values)
    return [
        Asked(replace(call, call_id=name, arguments={"n": value}), Waiter())
        for name, value in zip(names, values, strict=True)
    ]


async def woken_with(waiter: CallWaiter) -> CallRecord | Exception | None:
    with anyio.fail_after(PATIENCE_SECONDS):
        return await waiter.wait()


async def test_calls_are_recorded_with_their_requests(ledger: Ledger) -> None:
    numbers = count(1)
    several = asked(1, 2, 3)

    bound = Admission(ledger).record(
        several, lambda call: Binding(CONNECTION, str(next(numbers)), call.call_id)
    )

    assert [call for call, _ in bound] == [one.call for one in several]
    assert [ledger.bindings_of(call.call_id) for call, _ in bound] == [[b] for _, b in bound]


async def test_what_cannot_be_recorded_is_said_to_the_task_that_asked_for_it(
    ledger: Ledger,
) -> None:
    first, wrong, last = several = asked(1, object(), 3)

    recorded = Admission(ledger).record(several, None)
    said = await woken_with(wrong.waiter)

    assert [call for call, _ in recorded] == [first.call, last.call]
    assert isinstance(said, InvalidArguments)
    assert ledger.get(wrong.call.call_id) is None


async def test_a_desk_that_has_stopped_records_what_is_asked_for_and_sends_nothing(
    ledger: Ledger,
) -> None:
    desk = CallDesk(ledger, Stamp(era=MODERN_ERA), lambda _: None, connection_id=CONNECTION)
    before, after = asked("before", "after")

    desk.ask([before])
    desk.stop_sending()
    desk.ask([after])

    found = ledger.get_many([before.call.call_id, after.call.call_id])
    assert [record.status for record in found] == [Status.QUEUED, Status.QUEUED]


async def test_a_ledger_that_is_closed_is_said_to_all_who_asked() -> None:
    with Ledger.open(":memory:") as closed:
        admission = Admission(closed)
    several = asked(1, 2)

    assert admission.record(several, None) == []
    said = [await woken_with(one.waiter) for one in several]
    assert [type(one) for one in said] == [LedgerError, LedgerError]


async def test_a_file_that_is_locked_is_waited_for_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def locked(calls: Sequence[NewCall], _: object) -> None:
        tries.append(len(calls))
        raise LedgerError("the ledger is locked")

    monkeypatch.setattr(ledger, "add", locked)
    several = asked(1, 2, 3)

    assert Admission(ledger).record(several, None) == []
    said = [await woken_with(one.waiter) for one in several]

    assert [type(one) for one in said] == [LedgerError] * 3
    assert tries == [3]


async def test_tasks_whose_calls_may_be_lost_do_not_wait_for_ever() -> None:
    several = asked(1, 2)

    interrupted(several)

    said = [await woken_with(one.waiter) for one in several]
    assert [type(one) for one in said] == [AsyncMcpError, AsyncMcpError]


async def test_names_of_calls_are_all_different_whatever_a_notebook_seeds() -> None:
    calls: list[NewCall] = []
    for _ in range(2):
        random.seed(1)
        calls += [one.call for one in asked(*range(2_500))]

    assert len({call.call_id for call in calls}) == 5_000

"""What is queued is sent and what was sent is known, whatever fails in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import BusDenied, CallCancelled, CallTimedOut, EncodeError, LedgerError
from asyncmcp_nb.ledger import Ledger, Status
from asyncmcp_nb.session.new_calls import new_call
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    PATIENCE_SECONDS,
    REQUESTS,
    eventually,
    tool_server,
)
from tests.session.conftest import Stage
from tests.session.test_calls import Gate


@pytest.fixture
def fail_next(monkeypatch: pytest.MonkeyPatch) -> Callable[..., threading.Event]:
    """Has the next use of a ledger's method fail, as where another process has it locked."""

    def arm(method: str, after: str | None = None) -> threading.Event:
        """The event is set once it has failed; with ``after``, once that one was used."""
        armed, failed = threading.Event(), threading.Event()
        works = getattr(Ledger, method)

        def fails_once(self: Ledger, *args: Any, **options: Any) -> Any:
            if armed.is_set() and not failed.is_set():
                failed.set()
                raise LedgerError("the ledger is locked")
            return works(self, *args, **options)

        monkeypatch.setattr(Ledger, method, fails_once)
        if after is None:
            armed.set()
            return failed
        first = getattr(Ledger, after)

        def arms(self: Ledger, *args: Any, **options: Any) -> Any:
            outcome = first(self, *args, **options)
            armed.set()
            return outcome

        monkeypatch.setattr(Ledger, after, arms)
        return failed

    return arm


FailNext = Callable[..., threading.Event]


# -- a ledger that refuses once --------------------------------------------------------------------


async def test_a_call_that_cannot_be_bound_is_sent_when_it_can(
    stage: Stage, fail_next: FailNext
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    failed = fail_next("bind")

    call = session.submit("echo", {"n": 1})

    with anyio.fail_after(PATIENCE_SECONDS):
        assert (await call).structured_content == {"n": 1}
    assert failed.is_set()


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_that_a_call_was_sent_is_noted_when_it_can_be(
    stage: Stage, fail_next: FailNext, era: str
) -> None:
    """A row that still says ``queued`` would be sent again by the next session."""
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session(era=era)
    failed = fail_next("mark_sent")

    call = session.submit("gate")

    await eventually(lambda: call.status is Status.SENT)
    assert failed.is_set()
    assert call.record.attempts == 1


async def test_a_close_notes_what_was_sent_though_it_could_not_be_before(
    stage: Stage, fail_next: FailNext
) -> None:
    session = await stage.session()
    failed = fail_next("mark_sent")
    call = session.submit("echo")
    assert await anyio.to_thread.run_sync(failed.wait, PATIENCE_SECONDS)

    await session.close()

    with Ledger.open(stage.ledger_file) as ledger:
        record = ledger.get(call.id)
    assert record is not None
    assert (record.status, record.attempts) == (Status.SENT, 1)


async def test_who_waits_is_woken_though_the_answer_could_not_be_read_at_once(
    stage: Stage, fail_next: FailNext
) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    call = session.submit("gate")
    await gate.entered.wait()
    await stage.deployment.bus.until(lambda: call.status is Status.SENT)
    failed = fail_next("get_many", after="record")
    gate.open.set()

    with anyio.fail_after(PATIENCE_SECONDS):
        await call

    assert failed.is_set()
    assert call.record.deliveries == 1


async def test_who_waits_is_woken_though_an_expired_call_could_not_be_read_at_once(
    stage: Stage, fail_next: FailNext
) -> None:
    session = await stage.session()
    failed = fail_next("get_many", after="expire")

    call = session.submit("echo", timeout=0.2)

    with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(CallTimedOut):
        await call
    assert failed.is_set()


async def test_a_refusal_of_the_broker_ends_the_call_though_it_could_not_be_recorded_at_once(
    stage: Stage, fail_next: FailNext
) -> None:
    session = await stage.session()
    failed = fail_next("finish")
    stage.deployment.bus.fail("publish", REQUESTS, *[BusDenied("no access")] * 20)

    call = session.submit("echo")

    with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(BusDenied, match="no access"):
        await call
    assert failed.is_set()


async def test_a_call_is_cancelled_though_its_workers_cannot_be_told(
    stage: Stage, fail_next: FailNext
) -> None:
    session = await stage.session()
    call = session.submit("echo")
    await stage.deployment.bus.until(lambda: call.status is Status.SENT)
    failed = fail_next("bindings_of")

    assert call.cancel()

    with pytest.raises(CallCancelled):
        await call
    assert failed.is_set()


# -- calls that cannot be sent ---------------------------------------------------------------------


async def test_a_call_that_cannot_be_written_fails_and_the_others_go(stage: Stage) -> None:
    """Half a character is JSON to Python and to SQLite, and is not to SNS."""
    with Ledger.open(stage.ledger_file) as ledger:
        bad = new_call("echo", {"text": "\ud800"}, session="0" * 32)
        good = new_call("echo", {"n": 1}, session="0" * 32)
        ledger.add([bad, good])
    await stage.serve(tool_server())
    session = await stage.session()

    with anyio.fail_after(PATIENCE_SECONDS):
        assert (await session.get(good.call_id)).structured_content == {"n": 1}
        with pytest.raises(EncodeError, match="cannot be written as JSON"):
            await session.get(bad.call_id)


async def test_a_call_that_is_cancelled_as_it_is_sent_does_not_go_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await stage.session()
    bind, is_cancelled = Ledger.bind, threading.Event()

    def cancelled_meanwhile(self: Ledger, bindings: Any) -> Any:
        wanted = list(bindings)
        if not is_cancelled.is_set():
            is_cancelled.set()
            session.get(wanted[0].call_id).cancel()
        return bind(self, wanted)

    monkeypatch.setattr(Ledger, "bind", cancelled_meanwhile)
    first = session.submit("echo", {"n": 1})
    with pytest.raises(CallCancelled):
        await first
    second = session.submit("echo", {"n": 2})
    await stage.deployment.bus.until(lambda: second.status is Status.SENT)

    assert session.log.ledger.bindings_of(first.id) == []
    assert first.record.attempts == 0


# -- places and turns ------------------------------------------------------------------------------


async def test_cancelling_a_waiting_call_of_a_map_lets_the_rest_go_on(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    group = session.map("gate", [{"n": n} for n in range(4)], max_in_flight=1)
    await gate.entered.wait()

    assert group[1].cancel()
    gate.open.set()

    with anyio.fail_after(PATIENCE_SECONDS):
        await group
    assert group.counts() == {Status.DONE: 3, Status.CANCELLED: 1}


async def test_a_call_goes_after_more_cancellations_than_the_publisher_holds(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    bus = stage.deployment.bus
    group = session.map("gate", [{"n": n} for n in range(250)], max_in_flight=250)
    await bus.until(lambda: group.counts() == {Status.SENT: 250})
    with bus.hold("publish", REQUESTS):
        group.cancel()
        call = session.submit("echo", {"n": 1})
        await eventually(lambda: call.record.status is Status.QUEUED)

    with anyio.fail_after(PATIENCE_SECONDS):
        assert (await call).structured_content == {"n": 1}


async def test_closing_while_the_broker_is_away_leaves_calls_to_the_next_session(
    stage: Stage,
) -> None:
    session, bus = await stage.session(), stage.deployment.bus
    bus.faults = Faults(error_share=1.0)
    call = session.submit("echo", {"n": 1})
    await bus.until(lambda: bus.started["publish", REQUESTS] >= 2)
    await session.close()
    bus.faults = Faults()

    later = await stage.session()
    await stage.serve(tool_server())

    with anyio.fail_after(PATIENCE_SECONDS):
        assert (await later.get(call.id)).structured_content == {"n": 1}

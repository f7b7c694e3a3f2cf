"""The end of a session: who waits is told, and what it held is free."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import pytest

from asyncmcp_nb.errors import AsyncMcpError, LedgerError, SessionClosed
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session import Call, CallGroup, as_completed
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.session import Session
from tests.helpers import PATIENCE_SECONDS, REQUESTS, tool_server
from tests.session.conftest import Stage
from tests.session.test_asking import asking_server

T = TypeVar("T")

STEPS_ON = r"its calls go on: connect again as 'alice', and session\.get"


async def first_of(calls: list[Call]) -> Call:
    async for call in as_completed(calls):
        return call
    raise AssertionError("there was none")


async def all_of(group: CallGroup) -> CallGroup:
    return await group


WAITS: dict[str, Callable[[Session], Awaitable[object]]] = {
    "a call": lambda session: session.submit("echo", n=1).wait(),
    "session.call": lambda session: session.call("echo", n=1),
    "a group": lambda session: all_of(session.map("echo", [{"n": 1}])),
    "as_completed": lambda session: first_of([session.submit("echo", n=1)]),
}


# -- who waits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", WAITS)
async def test_whoever_waits_is_told_that_the_session_was_closed(stage: Stage, how: str) -> None:
    session = await stage.session()
    said: list[str] = []

    async def wait() -> None:
        with pytest.raises(SessionClosed, match=STEPS_ON) as caught:
            await WAITS[how](session)
        said.append(str(caught.value))

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await session.close()

    assert len(said) == 1


async def test_waiting_that_begins_after_the_close_is_refused(stage: Stage) -> None:
    session = await stage.session()
    group = session.map("echo", [{"n": n} for n in range(2)])
    await session.close()

    with anyio.fail_after(PATIENCE_SECONDS):
        with pytest.raises(SessionClosed, match=STEPS_ON):
            await group[0]
        with pytest.raises(SessionClosed, match=STEPS_ON):
            await group
        with pytest.raises(SessionClosed, match=STEPS_ON):
            await first_of(list(group))
        with pytest.raises(SessionClosed):
            group[0].result(timeout=PATIENCE_SECONDS)
        with pytest.raises(SessionClosed):
            group.wait(timeout=PATIENCE_SECONDS)


async def test_what_ended_before_the_close_is_there_after_it(stage: Stage) -> None:
    async with stage.serving(tool_server()):
        session = await stage.session()
        ended = session.map("echo", [{"n": n} for n in range(3)])
        await ended
    going_on = session.submit("echo", n=3)
    seen: list[Call] = []

    async def see_all() -> None:
        async for call in as_completed([going_on, *ended]):
            seen.append(call)

    await session.close()
    with pytest.raises(SessionClosed):
        await see_all()

    assert [call.result().structured_content for call in await ended] == [
        {"n": 0},
        {"n": 1},
        {"n": 2},
    ]
    assert (await ended[0]).structured_content == {"n": 0}
    assert going_on.status in {Status.QUEUED, Status.SENT}
    assert seen == list(ended)


class ToldHome(Home):
    """A home that says when something was submitted to it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.was_asked = threading.Event()

    def submit(self, make: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        future = super().submit(make)
        self.was_asked.set()
        return future


async def test_a_thread_of_a_script_that_blocks_is_told_too(stage: Stage) -> None:
    home = ToldHome.in_thread()
    session = Session(stage.parts(), home)
    await asyncio.wrap_future(home.submit(session.open))
    call = session.submit("echo", n=1)
    said: list[AsyncMcpError] = []

    def block() -> None:
        try:
            call.result()
        except SessionClosed as exc:
            said.append(exc)

    home.was_asked.clear()
    blocked = threading.Thread(target=block, daemon=True)
    blocked.start()
    assert await anyio.to_thread.run_sync(home.was_asked.wait, PATIENCE_SECONDS)
    await anyio.to_thread.run_sync(session.close_blocking)
    await anyio.to_thread.run_sync(blocked.join, PATIENCE_SECONDS)

    assert [type(exc) for exc in said] == [SessionClosed]
    with pytest.raises(SessionClosed, match="connect again"):
        await anyio.to_thread.run_sync(call.result)


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


# -- what it held ---------------------------------------------------------------------------------


async def test_a_close_in_a_cancelled_scope_frees_all_the_same(stage: Stage) -> None:
    freed = threading.Event()
    parts = replace(stage.parts(), on_close=freed.set)
    session = await Session(parts, Home.here()).open()

    with anyio.CancelScope() as scope:
        async with session:
            scope.cancel()
            await anyio.sleep_forever()

    assert freed.is_set()
    with pytest.raises(LedgerError, match="is closed"):
        parts.ledger.count()


async def test_a_close_that_cannot_write_says_so_and_frees_all_the_same(stage: Stage) -> None:
    bus = stage.deployment.bus
    freed = threading.Event()
    parts = replace(stage.parts(busy_seconds=0.01), on_close=freed.set)
    others_count = names_of_threads().count("asyncmcp-desk")
    session = await Session(parts, Home.here()).open()
    raised: list[LedgerError] = []

    async def close() -> None:
        with pytest.raises(LedgerError, match="another process keeps it locked") as caught:
            await session.close()
        raised.append(caught.value)

    with closing(sqlite3.connect(stage.ledger_file, isolation_level=None)) as other:
        async with anyio.create_task_group() as tasks:
            with bus.hold("publish", REQUESTS):
                call = session.submit("echo", n=1)
                await bus.until(lambda: bool(parts.ledger.bindings_of(call.id)))
                other.execute("BEGIN IMMEDIATE")
                # What goes out while it closes is to be noted last of all.
                tasks.start_soon(close)
                await bus.until(lambda: names_of_threads().count("asyncmcp-desk") <= others_count)
        other.execute("ROLLBACK")

    assert len(raised) == 1
    assert freed.is_set()
    await session.close()
    with pytest.raises(LedgerError, match="is closed"):
        parts.ledger.count()


async def test_callbacks_that_do_not_end_hold_no_close_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncmcp_nb.session.session._LEAVE_SECONDS", 0.05)
    asked, over = anyio.Event(), anyio.Event()

    async def stubborn(context: Any, params: Any) -> Any:
        asked.set()
        with anyio.CancelScope(shield=True):
            await over.wait()

    await stage.serve(asking_server())
    session = await stage.session(elicitation_callback=stubborn)
    session.submit("buy", n=2)
    with anyio.fail_after(PATIENCE_SECONDS):
        await asked.wait()
        await session.close()
        over.set()

    with pytest.raises(LedgerError, match="is closed"):
        session.log.ledger.count()

"""What users' functions are told of calls, and what they cannot break."""

from __future__ import annotations

import gc
from typing import Any
from weakref import ref

import anyio
import pytest

from asyncmcp_nb.errors import CallCancelled, LedgerError
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session import Call
from tests.helpers import PATIENCE_SECONDS, RESPONSES, tool_server
from tests.session.conftest import Stage


def broken(*_: Any) -> None:
    raise ValueError("of the user's")


async def test_a_callback_that_raises_costs_no_call_of_the_same_receive_anything(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bus = stage.deployment.bus

    def answered() -> int:
        bodies = [body for topic, bodies in bus.published for body in bodies if topic == RESPONSES]
        return sum('"structuredContent"' in body for body in bodies)

    with bus.hold("receive", "client-alice"):
        session = await stage.session()
        calls = [session.submit("echo", n=n) for n in range(3)]
        calls[0].add_done_callback(broken)
        await stage.serve(tool_server())
        await bus.until(lambda: answered() == len(calls))

    with anyio.fail_after(PATIENCE_SECONDS):
        found = [(await call).structured_content for call in calls]

    assert found == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert {call.record.deliveries for call in calls} == {1}
    assert "ValueError: of the user's" in caplog.text


async def test_a_listener_of_a_group_that_raises_costs_neither_calls_nor_the_close(
    stage: Stage,
) -> None:
    session = await stage.session()
    group = session.map("echo", [{"n": n} for n in range(3)])
    group.on_progress(broken)
    async with stage.serving(tool_server()):
        with anyio.fail_after(PATIENCE_SECONDS):
            await group
    others = session.map("echo", [{"n": 1}])
    others.on_progress(broken)

    await session.close()

    assert group.counts() == {Status.DONE: 3}
    with pytest.raises(LedgerError, match="is closed"):
        session.log.ledger.count()


async def test_ctrl_c_in_a_callback_keeps_nobody_waiting(stage: Stage) -> None:
    session = await stage.session()
    call = session.submit("echo", n=1)

    def interrupted(_: Call) -> None:
        raise KeyboardInterrupt

    async def wait() -> None:
        with pytest.raises(CallCancelled):
            await call

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            call.add_done_callback(interrupted)
            with pytest.raises(KeyboardInterrupt):
                call.cancel()


async def test_a_callback_of_a_call_that_has_ended_is_told_at_once(stage: Stage) -> None:
    session = await stage.session()
    call = session.submit("echo", n=1)
    call.cancel()
    told: list[Call] = []

    call.add_done_callback(broken)
    call.add_done_callback(told.append)

    assert told == [call]


# -- who holds what -------------------------------------------------------------------------------


async def test_a_callback_is_called_though_nobody_holds_the_call(stage: Stage) -> None:
    session = await stage.session()
    told: list[str] = []
    session.submit("echo", n=1).add_done_callback(lambda call: told.append(call.tool))
    gc.collect()

    await stage.serve(tool_server())

    await stage.deployment.bus.until(lambda: told == ["echo"])


async def test_a_group_that_nobody_holds_tells_of_its_progress(stage: Stage) -> None:
    session = await stage.session()
    told: list[bool] = []
    session.map("echo", [{"n": n} for n in range(3)]).on_progress(lambda: told.append(True))
    gc.collect()

    await stage.serve(tool_server())

    await stage.deployment.bus.until(lambda: len(told) == 3)


@pytest.mark.parametrize("how", ["ended", "closed"])
async def test_a_call_that_nobody_holds_is_let_go_with_its_callbacks(
    stage: Stage, how: str
) -> None:
    session = await stage.session()
    call = session.submit("echo", n=1)
    call.add_done_callback(lambda _: None)
    held = ref(call)

    if how == "ended":
        call.cancel()
    else:
        await session.close()
    del call
    gc.collect()

    assert held() is None

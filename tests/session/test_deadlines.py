"""Deadlines of calls, the odd ones too, and what the ledger shows of a call that is run twice."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from asyncmcp_nb.errors import CallTimedOut
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.server.host import hosting
from tests.helpers import PATIENCE_SECONDS, Plug, ToolContext, eventually, tool_server
from tests.session.conftest import Stage


@pytest.mark.parametrize("seconds", [0, -1, -1e12, float("-inf")])
async def test_a_call_whose_time_is_over_when_it_is_submitted_is_never_sent(
    stage: Stage, seconds: float
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    with pytest.raises(CallTimedOut):
        await session.call("echo", timeout=seconds)

    assert session.log.counts() == {Status.TIMED_OUT: 1}
    bodies = [body for _, said in stage.deployment.bus.published for body in said]
    assert not [body for body in bodies if "tools/call" in body]


@pytest.mark.parametrize("seconds", [3600.0, 1e12, 1e300, float("inf")])
async def test_a_call_may_have_all_the_time_there_is(stage: Stage, seconds: float) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    result = await session.call("echo", a=1, timeout=seconds)
    again = await session.call("echo", a=2)

    assert [result.structured_content, again.structured_content] == [{"a": 1}, {"a": 2}]


async def test_the_progress_of_a_call_never_falls_when_another_worker_runs_it_again(
    stage: Stage,
) -> None:
    runs: list[int] = []
    stuck, gate = anyio.Event(), anyio.Event()
    shown: list[float | None] = []

    async def work(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.append(len(runs))
        if len(runs) == 1:
            await ctx.session.report_progress(60, 100, "first run")
            stuck.set()
            await anyio.sleep_forever()
        await ctx.session.report_progress(10, 100, "second run")
        await ctx.session.report_progress(60, 100, "as far again")
        await gate.wait()
        await ctx.session.report_progress(90, 100, "nearly done")
        return arguments

    plug, server = Plug(stage.deployment.bus), tool_server(work=work)
    session = await stage.session()
    session.log.subscribe(lambda rows: shown.extend(row.progress for row in rows))
    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with hosting(server, plug, stage.deployment.server(lease_seconds=1)):
            call = session.submit("work")
            await stuck.wait()
            await stage.deployment.bus.until(lambda: call.record.progress == 0.6)
            plug.pull()
            async with stage.serving(server):
                await stage.deployment.bus.until(
                    lambda: call.record.progress_message == "as far again"
                )
                gate.set()
                await call

    # Whoever waits for a call is woken before the observers are told.
    await eventually(lambda: 0.9 in shown)
    seen = [progress for progress in shown if progress is not None]
    assert seen == sorted(seen)
    assert sorted(set(seen)) == [0.6, 0.9]

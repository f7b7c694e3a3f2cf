"""Counting the calls of a group as they go on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio

from asyncmcp_nb.ledger import CallFilter, Status
from asyncmcp_nb.session.tally import Tally
from tests.helpers import ToolContext, eventually, tool_server
from tests.session.conftest import Stage


async def test_a_group_counts_its_calls_by_status_as_they_move(stage: Stage) -> None:
    gate = anyio.Event()

    async def pass_gate(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.report_progress(0.5, 1.0)
        await gate.wait()
        if arguments["n"] == 0:
            raise ValueError("no")
        return {}

    session = await stage.session()
    group = session.map("gate", [{"n": n} for n in range(6)])
    waiting = group.counts()
    assert sum(waiting.values()) == 6
    assert set(waiting) <= {Status.QUEUED, Status.SENT}

    await stage.serve(tool_server(gate=pass_gate))
    await eventually(lambda: group.counts() == {Status.RUNNING: 6})
    gate.set()
    await group

    assert group.counts() == {Status.DONE: 5, Status.FAILED: 1}
    assert group.counts() == Counter(call.status for call in group)
    assert group.tally.ended() == group.counts()
    ledger = session.log.ledger.counts(CallFilter(group=group.name))
    assert {status: n for status, n in ledger.items() if n} == group.counts()


async def test_calls_that_have_ended_are_counted_at_once(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    calls = [session.submit("echo", n=n) for n in range(3)]
    for call in calls:
        await call

    tally = Tally(calls, name="calls")

    assert (tally.counts(), tally.is_done) == ({Status.DONE: 3}, True)
    assert tally.ended_at is not None

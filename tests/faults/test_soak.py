"""Many calls through a crew that keeps losing workers, over queues that repeat and reorder.

``make soak`` does the same with processes on the embedded broker, ten times as long.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session.session import Session
from tests.faults.conftest import MEASURED, Floor, OpenFloor
from tests.helpers import ToolContext

CALL_COUNT = 2_000
WORKER_COUNT = 4
CLIENTS = ("alice", "bob", "carol")
KILL_EVERY_CALLS = 150
"""Workers are killed by progress, not by the clock: a slow machine sees as many deaths."""
SOAK_SECONDS = 240.0


@pytest.mark.slow
@pytest.mark.timeout(SOAK_SECONDS + 30)
async def test_two_thousand_calls_through_dying_workers_are_answered_once_each(
    open_floor: OpenFloor, record_property: Callable[[str, object], None]
) -> None:
    started_at = time.monotonic()
    faults = Faults(duplicate_share=0.2, delay_seconds=0.01, reorder=True)
    async with open_floor(faults, lease_seconds=2.0, max_attempt_count=50) as floor:
        floor.crew.hire(WORKER_COUNT, work=worker_tool(floor))
        sessions = [await floor.session(name) for name in CLIENTS]
        numbers = {
            name: range(index, CALL_COUNT, len(CLIENTS)) for index, name in enumerate(CLIENTS)
        }
        groups = [
            session.map("work", [{"who": session.name, "n": n} for n in numbers[session.name]])
            for session in sessions
        ]
        with anyio.fail_after(SOAK_SECONDS):
            death_count = await lose_workers(floor, sessions)
            for group in groups:
                await group

        for session, group in zip(sessions, groups, strict=True):
            contents = [(await call).structured_content for call in group]
            assert contents == [{"who": session.name, "n": n} for n in numbers[session.name]]
            assert session.log.counts() == {Status.DONE: len(group)}
        assert len(floor.runs) == CALL_COUNT
        record_property(
            MEASURED,
            f"soak: {CALL_COUNT:,} calls in {time.monotonic() - started_at:.1f} s, {death_count} "
            f"workers killed, {floor.runs.total / CALL_COUNT:.3f} executions a call",
        )
        # A worker that dies takes its runs along: no more than it may have had in hand.
        assert floor.runs.total - CALL_COUNT <= death_count * 64


def worker_tool(floor: Floor) -> Any:
    async def work(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        floor.runs.add((arguments["who"], arguments["n"]))
        await anyio.sleep(0.005)
        return arguments

    return work


async def lose_workers(floor: Floor, sessions: list[Session]) -> int:
    """Kill a worker and hire another, again and again until nearly all is done; how many died."""
    chosen = random.Random(1)
    thresholds = range(KILL_EVERY_CALLS, CALL_COUNT, KILL_EVERY_CALLS)
    for threshold in thresholds:
        await floor.bus.until(lambda least=threshold: done_count(sessions) >= least)
        floor.crew.kill(chosen.choice(floor.crew.workers))
        floor.crew.hire(work=worker_tool(floor))
    return len(thresholds)


def done_count(sessions: list[Session]) -> int:
    """Calls that are done in all ledgers."""
    return sum(session.log.counts().get(Status.DONE, 0) for session in sessions)

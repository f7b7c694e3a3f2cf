"""Workers and clients that die, freeze or are cut off, and queues that repeat, reorder and fail.

After each fault every submitted call has ended in the right state, once, in the right client, and
the runs of its tool are counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import anyio
import pytest

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import BusThrottled, BusUnavailable, CallFailed
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.wire import Outgoing
from tests.faults.conftest import PATIENCE_SECONDS, OpenFloor, answers_of
from tests.helpers import REQUESTS, RESPONSES, SERVER_QUEUE, Plug, ToolContext

HANDED_OUT_TWICE = Faults(duplicate_share=1.0)
LATE_AND_IN_ANY_ORDER = Faults(delay_seconds=0.1, reorder=True)
EVERYTHING_AT_ONCE = Faults(duplicate_share=0.3, delay_seconds=0.05, reorder=True, error_share=0.05)


async def test_a_worker_killed_in_the_middle_of_a_tool_costs_the_caller_nothing(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        begun, release = threading.Event(), threading.Event()

        async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            floor.runs.add(arguments["n"])
            if floor.runs[arguments["n"]] == 1:
                begun.set()
                await held_by(release)
            return arguments

        first = floor.crew.hire(slow=slow)
        session = await floor.session()
        call = session.submit("slow", {"n": 1})
        await anyio.to_thread.run_sync(begun.wait, 10)
        floor.crew.kill(first)
        floor.crew.hire(slow=slow)

        (answer,) = await answers_of(session, [call.id])

        release.set()
        assert answer.structured_content == {"n": 1}
        assert session.get(call.id).record.deliveries == 1
        assert floor.runs[1] == 2


async def test_a_client_that_is_killed_finds_all_its_answers_when_it_comes_back(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        plug = Plug(floor.bus)
        # Its last poll may take answers along, which stay out of sight for a lease.
        session = await floor.session(bus=plug, lease_seconds=1.0)
        calls = [session.submit("echo", {"n": n}).id for n in range(50)]
        # Others of its requests list tools.
        await floor.bus.until(
            lambda: sum('"tools/call"' in message.body for message in floor.bus.accepted) == 50
        )
        # Nothing is closed or flushed: the next session finds the ledger as a crash leaves it.
        plug.pull()
        floor.crew.hire()
        await floor.bus.until(lambda: len(floor.runs) == 50)

        later = await floor.session()

        answers = await answers_of(later, calls)
        assert [answer.structured_content for answer in answers] == [{"n": n} for n in range(50)]
        assert floor.runs.repeated == {}
        assert later.log.counts() == {Status.DONE: 50}


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(HANDED_OUT_TWICE, id="duplicates"),
        pytest.param(LATE_AND_IN_ANY_ORDER, id="late and in any order"),
        pytest.param(EVERYTHING_AT_ONCE, id="everything at once"),
    ],
)
async def test_what_a_queue_does_to_messages_changes_no_outcome(
    open_floor: OpenFloor, faults: Faults, era: str
) -> None:
    async with open_floor(faults, lease_seconds=5.0) as floor:
        floor.crew.hire(3)
        sessions = [await floor.session(name, era=era) for name in ("alice", "bob")]
        groups = {
            session.name: session.map("echo", [{"who": session.name, "n": n} for n in range(100)])
            for session in sessions
        }
        with anyio.fail_after(60):
            for group in groups.values():
                await group

        for session in sessions:
            found = [call.record for call in groups[session.name]]
            contents = [(await call).structured_content for call in groups[session.name]]
            assert contents == [{"who": session.name, "n": n} for n in range(100)]
            assert session.log.counts() == {Status.DONE: 100}
            assert all(record.deliveries >= 1 for record in found)
        assert floor.runs.repeated == {}
        assert len(floor.runs) == 200


async def test_a_broker_that_is_away_for_a_while_loses_nothing(open_floor: OpenFloor) -> None:
    async with open_floor() as floor:
        floor.crew.hire(2)
        session = await floor.session()
        away = BusUnavailable("the broker is away")
        for operation, target in (
            ("publish", REQUESTS),
            ("publish", RESPONSES),
            ("receive", SERVER_QUEUE),
            ("receive", "client-alice"),
            ("ack", SERVER_QUEUE),
            ("ack", "client-alice"),
            ("extend", SERVER_QUEUE),
        ):
            floor.bus.fail(operation, target, *[away] * 4)

        calls = [session.submit("echo", {"n": n}).id for n in range(20)]

        answers = await answers_of(session, calls)
        assert [answer.structured_content for answer in answers] == [{"n": n} for n in range(20)]
        assert floor.runs.repeated == {}


async def test_throttled_requests_are_tried_again_until_they_pass(open_floor: OpenFloor) -> None:
    async with open_floor() as floor:
        floor.crew.hire()
        session = await floor.session()
        floor.bus.fail("publish", REQUESTS, *[BusThrottled("slower")] * 3)
        floor.bus.fail("publish", RESPONSES, *[BusThrottled("slower")] * 3)

        (answer,) = await answers_of(session, [session.submit("echo", {"n": 1}).id])

        assert answer.structured_content == {"n": 1}
        assert floor.runs[None, 1] == 1


async def test_a_lease_that_ends_while_the_tool_runs_leads_to_one_recorded_answer(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        release = threading.Event()

        async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            floor.runs.add(arguments["n"])
            await held_by(release)
            return arguments

        # Extensions are refused, as if the worker could not reach the queue in time.
        floor.bus.fail("extend", SERVER_QUEUE, *[BusUnavailable("away")] * 1000)
        worker = floor.crew.hire(slow=slow)
        session = await floor.session()
        call = session.submit("slow", {"n": 1}).id
        await floor.bus.until(lambda: worker.statistics().redelivered_count > 0)
        release.set()

        (answer,) = await answers_of(session, [call])

        assert answer.structured_content == {"n": 1}
        assert floor.runs[1] == 1


async def test_a_tool_that_blocks_its_worker_longer_than_the_lease_runs_once(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:

        async def stubborn(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            floor.runs.add(arguments["n"])
            time.sleep(2.5)  # noqa: ASYNC251 - the whole event loop shall stand still
            return arguments

        floor.crew.hire(2, stubborn=stubborn)
        session = await floor.session()

        (answer,) = await answers_of(session, [session.submit("stubborn", {"n": 1}).id])

        assert answer.structured_content == {"n": 1}
        assert floor.runs[1] == 1


async def test_a_request_that_kills_every_worker_is_given_up_and_its_caller_told(
    open_floor: OpenFloor,
) -> None:
    async with open_floor(max_attempt_count=3) as floor:
        begun = threading.Semaphore(0)

        async def deadly(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            floor.runs.add(arguments["n"])
            begun.release()
            await anyio.sleep_forever()

        session = await floor.session()
        call = session.submit("deadly", {"n": 1})
        with anyio.fail_after(PATIENCE_SECONDS):
            while not call.is_done:
                worker = floor.crew.hire(deadly=deadly)
                await floor.bus.until(lambda: call.is_done or begun.acquire(blocking=False))
                floor.crew.kill(worker)
            with pytest.raises(CallFailed, match=r"given up: delivered \d times"):
                await call

        # The session's first question to the server may share its fate; and a worker killed between
        # putting a request aside and its ack leaves that to the next one as well.
        letters = await floor.stage.deployment.dead_letters(1)
        letter = next(one for one in letters if '"deadly"' in one.body)
        assert "without an answer" in letter.attributes["DeadLetterReason"]
        # The poll of a worker that is killed may take the request along, and counts as well.
        assert 1 <= floor.runs[1] <= 3
        assert session.get(call.id).status is Status.FAILED

        # What is sent back runs, however soon.
        floor.crew.hire(deadly=deadly)
        run_count = floor.runs[1]
        kept = {k: v for k, v in letter.attributes.items() if k != "DeadLetterReason"}
        floor.bus.send(SERVER_QUEUE, Outgoing(letter.body, kept))
        await floor.bus.until(lambda: floor.runs[1] > run_count)


async def test_a_stopped_worker_hands_its_requests_to_the_others_at_once(
    open_floor: OpenFloor,
) -> None:
    async with open_floor(lease_seconds=60.0) as floor:
        begun = threading.Event()

        async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            floor.runs.add(arguments["n"])
            if floor.runs[arguments["n"]] == 1:
                begun.set()
                await anyio.sleep_forever()
            return arguments

        worker = floor.crew.hire(slow=slow)
        session = await floor.session()
        call = session.submit("slow", {"n": 1}).id
        await anyio.to_thread.run_sync(begun.wait, 10)
        floor.crew.hire(slow=slow)
        floor.crew.workers.remove(worker)
        await anyio.to_thread.run_sync(worker.stop)

        # Well within the lease of a minute.
        with anyio.fail_after(10):
            result = await session.get(call)

        assert result.structured_content == {"n": 1}
        assert Counter({1: 2})[1] == floor.runs[1]


async def held_by(release: threading.Event) -> None:
    """Wait for a test to let a tool go on; a host that is stopped does not wait for it."""
    await anyio.to_thread.run_sync(release.wait, PATIENCE_SECONDS, abandon_on_cancel=True)

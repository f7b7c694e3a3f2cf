"""Sessions that come back: what an earlier one left is found, once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.ledger import Binding, Ledger, Status
from asyncmcp_nb.session.envelope import request_id
from asyncmcp_nb.session.new_calls import new_call
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    REQUESTS,
    RawClient,
    ToolContext,
    tool_call,
    tool_server,
)
from tests.session.conftest import Stage


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_answers_to_an_earlier_session_complete_its_calls_once(
    stage: Stage, era: str
) -> None:
    async with stage.serving(tool_server()):
        earlier = await stage.session(era=era)
        await earlier.list_tools()
    calls = [earlier.submit("echo", {"n": n}) for n in range(20)]
    await stage.deployment.bus.until(lambda: earlier.log.counts() == {Status.SENT: 20})
    await earlier.close()
    # Both eras must answer what was asked before: the handshake is sealed into the requests.
    async with stage.serving(tool_server()):
        await stage.deployment.settled()

        later = await stage.session(era=era)
        found = [await later.get(call.id) for call in calls]

    outcomes = [result.structured_content for result in found]
    assert outcomes == [{"n": n} for n in range(20)]
    assert {later.get(call.id).record.deliveries for call in calls} == {1}


async def test_what_was_queued_but_never_sent_is_sent_by_the_next_session(stage: Stage) -> None:
    with Ledger.open(stage.ledger_file) as ledger:
        call = new_call("echo", {"n": 1}, session="0" * 32)
        ledger.add([call])

    await stage.serve(tool_server())
    session = await stage.session()

    assert (await session.get(call.call_id)).structured_content == {"n": 1}


async def test_a_request_that_a_crash_let_out_unnoticed_runs_once(stage: Stage) -> None:
    runs: list[Any] = []

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.append(arguments)
        return arguments

    await stage.serve(tool_server(count=count))
    first = await stage.session(ledger=stage.ledger_file.with_name("other.sqlite"))
    # The same identity twice: published by the crashed process, and again by its successor.
    connection_id = first.connection_id
    call = first.submit("count", {"n": 1})
    await call
    with Ledger.open(stage.ledger_file) as ledger:
        crashed = new_call("count", {"n": 1}, session=connection_id)
        ledger.add([crashed])
        ledger.bind([Binding(connection_id, request_id(1), crashed.call_id)])
    await first.close()

    second = await stage.session()

    assert (await second.get(crashed.call_id)).structured_content == {"n": 1}
    assert runs == [{"n": 1}]


async def test_publications_that_a_close_cuts_off_lead_to_one_run_each(stage: Stage) -> None:
    runs: list[Any] = []

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.append(arguments["n"])
        return arguments

    bus = stage.deployment.bus
    with bus.hold("publish", REQUESTS):
        earlier = await stage.session()
        # Some are in requests that the broker holds up, others wait for a request.
        calls = [earlier.submit("count", {"n": n}) for n in range(60)]
        await bus.until(lambda: bus.started["publish", REQUESTS] >= 3)
        await earlier.close()

    assert {call.status for call in calls} == {Status.QUEUED}
    later = await stage.session()
    await stage.serve(tool_server(count=count))
    for n, call in enumerate(calls):
        assert (await later.get(call.id)).structured_content == {"n": n}
    assert sorted(runs) == list(range(60))


async def test_what_goes_out_while_a_session_closes_is_not_sent_again(stage: Stage) -> None:
    bus = stage.deployment.bus
    earlier = await stage.session()
    call_id = ""
    async with anyio.create_task_group() as tasks:
        with bus.hold("publish", REQUESTS):
            call_id = earlier.submit("echo", {"n": 1}).id
            await bus.until(lambda: bus.under_way["publish", REQUESTS] > 0)
            tasks.start_soon(earlier.close)
            await anyio.wait_all_tasks_blocked()

    later = await stage.session()
    assert later.get(call_id).status is Status.SENT
    await stage.serve(tool_server())
    assert (await later.get(call_id)).structured_content == {"n": 1}
    sent = [body for _, bodies in bus.published for body in bodies if '"tools/call"' in body]
    assert len(sent) == 1


async def test_duplicated_and_reordered_messages_end_each_call_once(stage: Stage) -> None:
    stage.deployment.bus.faults = Faults(duplicate_share=0.5, delay_seconds=0.05, reorder=True)
    runs: list[Any] = []

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.append(arguments["n"])
        return arguments

    await stage.serve(tool_server(count=count))
    session = await stage.session()

    group = await session.map("count", [{"n": n} for n in range(60)])

    assert group.counts() == {Status.DONE: 60}
    assert sorted(runs) == list(range(60))


async def test_a_foreign_answer_is_counted_and_completes_nothing(stage: Stage) -> None:
    stranger = RawClient(stage.deployment, "alice")
    session = await stage.session(namesake_grace_seconds=0.0)
    stranger.send(tool_call("call-1", "echo", {"stolen": True}))
    async with stage.serving(tool_server()):
        await stage.deployment.bus.until(lambda: session.status.unsolicited_count == 1)

    assert len(session.log) == 0

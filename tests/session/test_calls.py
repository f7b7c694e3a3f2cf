"""Calls over the memory bus: what a person does with them."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from pathlib import Path
from typing import Any

import anyio
import pandas as pd
import pytest
from mcp.server.lowlevel.server import Server
from mcp_types import ListToolsResult, PaginatedRequestParams, Tool

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import (
    BusUnavailable,
    CallCancelled,
    CallFailed,
    CallTimedOut,
    ConfigError,
    InvalidArguments,
    LedgerError,
    PayloadTooLarge,
    SessionClosed,
    ToolNotFound,
)
from asyncmcp_nb.ledger import STATUSES, CallFilter, Status
from asyncmcp_nb.session import Call, as_completed
from tests.helpers import HANDSHAKE, MODERN, ToolContext, tool_server
from tests.session.conftest import Stage

ERAS = [MODERN, HANDSHAKE]


class Gate:
    """A tool that says when it runs and waits to be let go."""

    def __init__(self) -> None:
        self.entered = anyio.Event()
        self.open = anyio.Event()
        self.cancelled = anyio.Event()
        self.run_count = 0

    async def __call__(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.run_count += 1
        self.entered.set()
        try:
            await self.open.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise
        return arguments


@pytest.mark.parametrize("era", ERAS)
async def test_an_awaited_call_gives_the_result(stage: Stage, era: str) -> None:
    await stage.serve(tool_server())
    session = await stage.session(era=era)

    result = await session.call("echo", a=1, text="é ✓ null", nothing=None, big=2**70)

    assert result.structured_content == {
        "a": 1,
        "text": "é ✓ null",
        "nothing": None,
        "big": 2**70,
    }


async def test_a_call_submitted_before_any_server_exists_is_answered_when_one_comes(
    stage: Stage,
) -> None:
    session = await stage.session()
    call = session.submit("echo", {"n": 1})
    assert session.status.state == "waiting for a server"

    await stage.serve(tool_server())

    assert (await call).structured_content == {"n": 1}
    assert [tool.name for tool in await session.list_tools()] == ["echo"]
    assert session.status.state == "connected"


async def test_a_call_goes_through_its_statuses(stage: Stage) -> None:
    gate = Gate()
    session = await stage.session()
    seen: list[Status] = []
    finished = threading.Event()

    def watch(records: Any) -> None:
        seen.extend(record.status for record in records)
        if seen and seen[-1] is Status.DONE:
            finished.set()

    async def report(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.report_progress(1, 4, "a quarter")
        return await gate(ctx, arguments)

    session.log.subscribe(watch)
    await stage.serve(tool_server(report=report))
    call = session.submit("report")
    await gate.entered.wait()
    await stage.deployment.bus.until(lambda: call.status is Status.RUNNING)
    assert call.progress == 0.25
    gate.open.set()
    await call
    assert await anyio.to_thread.run_sync(finished.wait, 5)

    # Whether `sent` is seen depends on whether the worker was quicker than our own bookkeeping.
    assert [s for s in dict.fromkeys(seen) if s is not Status.SENT] == [Status.RUNNING, Status.DONE]
    assert seen == sorted(seen, key=STATUSES.index)


async def test_a_plain_function_in_the_loop_can_block_for_a_result(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    def plain_function() -> Any:
        return session.submit("echo", {"n": 1}).result(timeout=5).structured_content

    assert plain_function() == {"n": 1}


async def test_another_thread_can_block_for_a_result(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    result = await asyncio.to_thread(lambda: session.submit("echo", {"n": 2}).result(timeout=30))

    assert result.structured_content == {"n": 2}


async def test_blocking_too_long_raises_and_the_call_goes_on(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    call = session.submit("gate")
    await gate.entered.wait()

    with pytest.raises(TimeoutError, match="it goes on"):
        call.result(timeout=0.01)
    gate.open.set()

    assert not (await call).is_error


async def test_a_failing_tool_is_a_result_with_the_tools_words(stage: Stage) -> None:
    async def broken(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        raise ValueError("no such thing")

    await stage.serve(tool_server(broken=broken))
    session = await stage.session(era=HANDSHAKE)
    call = session.submit("broken")

    with pytest.raises(CallFailed, match="no such thing"):
        await call

    assert call.status is Status.FAILED
    assert isinstance(call.error, CallFailed)
    assert call.record.error_message == "no such thing"


async def test_cancelling_reaches_the_worker(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    call = session.submit("gate")
    await gate.entered.wait()

    assert call.cancel() is True
    await gate.cancelled.wait()

    with pytest.raises(CallCancelled):
        await call
    assert call.cancel() is False
    await stage.deployment.settled()


async def test_cancelling_before_a_server_exists_keeps_it_from_running(stage: Stage) -> None:
    gate = Gate()
    session = await stage.session()
    call = session.submit("gate")
    await stage.deployment.bus.until(lambda: call.status is Status.SENT)
    call.cancel()
    await stage.deployment.bus.until(lambda: session.status.requests["PublishBatch"] >= 2)

    await stage.serve(tool_server(gate=gate))
    await session.call("echo")

    assert gate.run_count == 0


async def test_a_deadline_ends_the_call_and_stops_the_tool(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()

    with pytest.raises(CallTimedOut, match="gate did not answer within"):
        await session.call("gate", timeout=1.5)

    await gate.cancelled.wait()
    assert session.log.counts() == {Status.TIMED_OUT: 1}


async def test_a_retry_is_a_new_call_with_some_arguments_replaced(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    first = session.submit("echo", {"a": 1, "b": 2})
    await first

    second = first.retry(b=3)

    assert (await second).structured_content == {"a": 1, "b": 3}
    assert second.id != first.id
    assert second.record.retry_of == first.id


async def test_a_request_above_the_limit_fails_in_words_and_sends_nothing(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await session.list_tools()

    call = session.submit("echo", {"text": random.Random(0).randbytes(400_000).hex()})

    with pytest.raises(PayloadTooLarge, match="above the limit of 262,144 bytes"):
        await call
    assert call.status is Status.FAILED
    published = stage.deployment.bus.published
    assert not any("tools/call" in body for _, bodies in published for body in bodies)


async def test_a_broker_that_refuses_is_heard_within_the_retry_time(stage: Stage) -> None:
    session = await stage.session(retry_seconds=0.2)
    stage.deployment.bus.faults = Faults(error_share=1.0)

    call = session.submit("echo", {})

    with pytest.raises(BusUnavailable):
        await call
    assert call.status is Status.FAILED
    stage.deployment.bus.faults = Faults()


async def test_a_known_tool_list_stops_mistakes_before_anything_is_recorded(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await session.list_tools()

    with pytest.raises(ToolNotFound, match="did you mean 'echo'"):
        session.submit("ecko")
    with pytest.raises(InvalidArguments, match="not JSON"):
        session.submit("echo", {"x": object()})

    assert len(session.log) == 0
    assert (await session.call("echo")).structured_content == {}


async def test_what_json_does_not_have_is_never_sent_as_something_else(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    sent = session.submit("echo", {"x": 1})
    await sent

    with pytest.raises(InvalidArguments, match="x: JSON has no inf"):
        session.map("echo", [{"x": 1.0}, {"x": float("inf")}])
    with pytest.raises(InvalidArguments, match="v: JSON has no nan"):
        await session.call("echo", v=float("nan"))
    with pytest.raises(InvalidArguments, match="v: JSON has no inf"):
        sent.retry(v=float("inf"))

    assert len(session.log) == 1


@pytest.mark.parametrize("is_listed", [True, False])
async def test_common_types_of_python_are_sent_by_each_way_there_is(
    stage: Stage, is_listed: bool
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    if is_listed:
        await session.list_tools()
    place = Path("a/b")

    call = session.submit("echo", place=place)
    (mapped,) = await session.map("echo", [{"place": place}], common=place)
    answers = [await call, await call.retry(place=Path("c")), await session.call("echo", p=place)]

    assert [answer.structured_content for answer in answers] == [
        {"place": "a/b"},
        {"place": "c"},
        {"p": "a/b"},
    ]
    assert mapped.record.arguments == {"place": "a/b", "common": "a/b"}


async def test_a_row_that_does_not_fit_is_named_before_anything_is_recorded(stage: Stage) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    ten = Tool(name="ten", input_schema=schema)

    async def list_tools(_: ToolContext, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[ten])

    await stage.serve(Server("ten", on_list_tools=list_tools))
    session = await stage.session()
    await session.list_tools()
    frame = pd.DataFrame({"x": [1, 2, "three", 4]}, index=[10, 20, 30, 40])

    with pytest.raises(InvalidArguments, match=r"^row 2 \(index 30\): x: 'three' is not of type"):
        session.map("ten", frame)
    with pytest.raises(InvalidArguments, match=r"^item 1: x: 'b' is not of type"):
        session.map("ten", [1, "b"])

    assert len(session.log) == 0


async def test_what_is_no_source_no_dict_or_no_time_is_refused_and_nothing_is_sent(
    stage: Stage,
) -> None:
    session = await stage.session()
    wrong: Any = "hi"

    with pytest.raises(InvalidArguments, match="source is a str; a DataFrame or a list is wanted"):
        session.map("echo", wrong)
    with pytest.raises(InvalidArguments, match="the arguments of echo are a str; pass a dict"):
        session.submit("echo", wrong)
    for timeout in (wrong, float("nan"), True):
        told = re.escape(f"timeout={timeout!r}: a number of seconds is wanted, or None")
        with pytest.raises(ConfigError, match=told):
            session.submit("echo", timeout=timeout)
        with pytest.raises(ConfigError, match=told):
            await session.call("echo", timeout=timeout)
        with pytest.raises(ConfigError, match=told):
            session.map("echo", [{"a": 1}], timeout=timeout)

    assert len(session.log) == 0


async def test_a_generator_that_was_mapped_over_is_joined_with_the_answers(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    frame = await session.map("echo", ({"n": n} for n in range(2))).frame()

    assert list(frame["n"]) == [0, 1]


async def test_a_call_can_be_found_by_its_id(stage: Stage) -> None:
    session = await stage.session()
    call = session.submit("echo")

    assert session.get(call.id) is call
    with pytest.raises(LedgerError, match="no call 'stranger'"):
        session.get("stranger")


async def test_every_repr_is_worth_reading(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await session.list_tools()
    call = session.submit("echo", {"n": 1})
    await call
    group = session.map("echo", [{"n": 1}], group="g")
    await group

    assert repr(call).startswith(f"<Call {call.id} echo done after ")
    assert repr(group) == "<CallGroup g: 1 call (1 done)>"
    assert repr(session.log) == "<Log: 2 calls (2 done)>"
    assert "alice@stage (memory) · connected" in repr(session)


async def test_a_closed_session_says_so(stage: Stage) -> None:
    session = await stage.session()
    await session.close()
    await session.close()

    with pytest.raises(SessionClosed, match="connect again"):
        session.submit("echo")
    with pytest.raises(SessionClosed):
        await session.list_tools()
    assert session.status.state == "closed"


async def test_no_server_is_a_clear_error_of_list_tools(stage: Stage) -> None:
    session = await stage.session()

    with pytest.raises(CallTimedOut, match=r"no server of 'stage' answered.*%%mcp serve"):
        await session.list_tools(timeout=0.05)


# -- many calls -----------------------------------------------------------------------------------


async def test_a_map_joins_its_answers_with_its_input(stage: Stage) -> None:
    import pandas as pd

    await stage.serve(tool_server())
    session = await stage.session()

    frame = await session.map("echo", pd.DataFrame({"n": range(25)}), max_in_flight=5).frame()

    assert list(frame["n"]) == list(range(25))
    assert set(frame["status"]) == {"done"}
    assert list(frame["n_result"]) == list(range(25))


async def test_a_map_never_has_more_outstanding_than_told(stage: Stage) -> None:
    running = 0
    most = 0

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return arguments

    await stage.serve(tool_server(count=count))
    session = await stage.session()

    group = await session.map("count", [{"n": n} for n in range(40)], max_in_flight=3)

    assert group.counts() == {Status.DONE: 40}
    assert most <= 3


@pytest.mark.parametrize("most", [0, -1])
async def test_a_map_that_may_have_none_outstanding_is_refused(stage: Stage, most: int) -> None:
    session = await stage.session()

    with pytest.raises(ConfigError, match=f"max_in_flight={most} lets no call out; give 1"):
        session.map("echo", [{"n": 1}], max_in_flight=most)

    assert len(session.log) == 0


async def test_calls_come_as_they_complete(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    slow = session.submit("gate")
    quick = session.submit("echo")

    order: list[Call] = []
    async for call in as_completed([slow, quick]):
        order.append(call)
        gate.open.set()

    assert order == [quick, slow]


async def test_cancelling_a_group_gives_up_what_has_not_ended(stage: Stage) -> None:
    gate = Gate()
    await stage.serve(tool_server(gate=gate))
    session = await stage.session()
    group = session.map("gate", [{"n": n} for n in range(5)], max_in_flight=2)
    await gate.entered.wait()

    assert group.cancel() == 5
    await group

    assert group.counts() == {Status.CANCELLED: 5}


async def test_a_group_can_be_waited_for_by_plain_code(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await session.list_tools()

    group = session.map("echo", [{"n": 1}, {"n": 2}]).wait(timeout=5)

    assert group.is_done
    assert [call.result().structured_content for call in group] == [{"n": 1}, {"n": 2}]
    assert session.log.ledger.count(CallFilter(group=group.name)) == 2

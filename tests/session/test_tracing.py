"""Calls as spans and numbers: whose child each is, when it ends, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
from mcp import MCPError
from mcp_types import CallToolResult
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.wire import Header, Outgoing, encode
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    REQUESTS,
    RawClient,
    ToolContext,
    notification,
    tool_call,
    tool_server,
)
from tests.otel import Heard, listening
from tests.session.conftest import Stage
from tests.session.test_calls import Gate


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as found:
        yield found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def identity(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def requests_sent(stage: Stage) -> list[dict[str, Any]]:
    """The ``tools/call`` requests that were published, in order."""
    bodies = [body for _, bodies in stage.deployment.bus.published for body in bodies]
    messages: list[dict[str, Any]] = [json.loads(body) for body in bodies]
    return [message for message in messages if message.get("method") == "tools/call"]


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_a_servers_span_is_a_child_of_the_calls_and_that_one_of_the_callers(
    stage: Stage, heard: Heard, era: str
) -> None:
    await stage.serve(tool_server())
    session = await stage.session(era=era)

    with trace.get_tracer("a test").start_as_current_span("a cell") as cell:
        call = session.submit("echo", {"n": 1})
    await call
    await stage.deployment.settled()

    ours = heard.span("tools/call echo", SpanKind.CLIENT)
    its = heard.span("tools/call echo", SpanKind.SERVER)
    assert ours.parent == cell.get_span_context()
    assert its.parent is not None
    assert its.parent.span_id == identity(ours).span_id
    assert identity(its).trace_id == cell.get_span_context().trace_id


async def test_a_calls_span_says_what_the_conventions_ask_for_and_no_arguments(
    stage: Stage, heard: Heard
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    call = session.submit("echo", {"n": "a marker"})
    await call

    span = heard.span("tools/call echo", SpanKind.CLIENT)
    assert attributes(span) == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": MODERN,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "jsonrpc.request.id": "call-1",
        "asyncmcp_nb.call.id": call.id,
        "asyncmcp_nb.call.status": "done",
    }
    assert span.status.status_code is StatusCode.UNSET
    assert "a marker" not in span.to_json()


async def test_each_call_of_a_map_has_a_span_under_the_callers(stage: Stage, heard: Heard) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    with trace.get_tracer("a test").start_as_current_span("a cell") as cell:
        group = session.map("echo", [{"n": n} for n in range(30)], max_in_flight=3)
    await group

    spans = [span for span in heard.spans if span.kind is SpanKind.CLIENT and span.parent]
    assert [span.parent for span in spans] == [cell.get_span_context()] * 30
    ids = {request["params"]["_meta"]["traceparent"] for request in requests_sent(stage)}
    assert len(ids) == 30


async def test_a_call_that_a_later_session_sends_goes_on_in_its_trace(
    stage: Stage, heard: Heard
) -> None:
    with stage.deployment.bus.hold("publish", REQUESTS):
        earlier = await stage.session()
        call = earlier.submit("echo", {"n": 1})
        row = earlier.get(call.id).record
        await earlier.close()
    assert row.status is Status.QUEUED

    later = await stage.session()
    await stage.serve(tool_server())
    await later.get(call.id)
    await stage.deployment.settled()

    ours = heard.span("tools/call echo", SpanKind.CLIENT)
    its = heard.span("tools/call echo", SpanKind.SERVER)
    assert row.trace_context["traceparent"].split("-")[2] == f"{identity(ours).span_id:016x}"
    assert its.parent is not None
    assert its.parent.span_id == identity(ours).span_id


async def test_the_span_of_a_call_that_outlives_its_session_ends_with_it_and_says_so(
    stage: Stage, heard: Heard
) -> None:
    session = await stage.session()
    session.submit("echo")
    await stage.deployment.bus.until(lambda: session.log.counts() == {Status.SENT: 1})

    await session.close()

    span = heard.span("tools/call echo", SpanKind.CLIENT)
    assert attributes(span)["asyncmcp_nb.call.status"] == "sent"
    assert span.status.status_code is StatusCode.UNSET


async def test_a_call_that_fails_says_how(stage: Stage, heard: Heard) -> None:
    async def fail(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return CallToolResult(content=[], is_error=True)

    async def refuse(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        raise MCPError(-32000, "not today")

    gate = Gate()
    await stage.serve(tool_server(fail=fail, refuse=refuse, gate=gate))
    session = await stage.session()

    calls = {
        session.submit("fail"): ("tool_error", "tool_error"),
        session.submit("refuse"): ("-32000", "failed"),
        session.submit("gate", timeout=0.05): ("timeout", "timed_out"),
        (given_up := session.submit("gate")): ("cancelled", "cancelled"),
        session.submit("echo", {"text": token_hex(400_000)}): ("PayloadTooLarge", "failed"),
    }
    given_up.cancel()
    await stage.deployment.bus.until(lambda: all(call.is_done for call in calls))
    gate.open.set()

    spans = [s for s in heard.spans if s.kind is SpanKind.CLIENT and "tools/call" in s.name]
    found = {
        attributes(span)["asyncmcp_nb.call.id"]: (
            attributes(span)["error.type"],
            attributes(span)["asyncmcp_nb.call.status"],
        )
        for span in spans
    }
    assert found == {call.id: how for call, how in calls.items()}
    assert {span.status.status_code for span in spans} == {StatusCode.ERROR}


async def test_a_call_that_is_not_recorded_leaves_no_open_span(
    stage: Stage, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await stage.session()

    def locked(*_: object) -> None:
        raise LedgerError("the ledger is locked")

    monkeypatch.setattr(session.log.ledger, "add", locked)
    with pytest.raises(LedgerError):
        session.submit("echo", {"n": 1})

    span = heard.span("tools/call echo", SpanKind.CLIENT)
    assert attributes(span)["error.type"] == "LedgerError"


async def test_calls_are_counted_by_tool_and_status_as_long_as_they_took(
    stage: Stage, heard: Heard
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    await session.map("echo", [{"n": n} for n in range(5)])
    cancelled = session.submit("echo")
    cancelled.cancel()

    took = "mcp.client.operation.duration"
    about = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "echo"}
    assert heard.count(took, {**about, "asyncmcp_nb.call.status": "done"}) == 5
    assert heard.count(took, {**about, "error.type": "cancelled"}) == 1


async def test_outstanding_calls_are_told_when_asked_for(stage: Stage, heard: Heard) -> None:
    session = await stage.session()
    before = heard.count("asyncmcp_nb.client.outstanding_calls")

    calls = [session.submit("echo", {"n": n}) for n in range(3)]
    assert heard.count("asyncmcp_nb.client.outstanding_calls") - before == 3
    calls[0].cancel()
    assert heard.count("asyncmcp_nb.client.outstanding_calls") - before == 2
    await session.close()
    assert heard.count("asyncmcp_nb.client.outstanding_calls") - before == 0


async def test_what_is_dropped_is_told_with_the_reason(stage: Stage, heard: Heard) -> None:
    bus = stage.deployment.bus
    bus.faults = Faults(duplicate_share=1.0)
    session = await stage.session(namesake_grace_seconds=0.0)
    stranger = RawClient(stage.deployment, "alice")
    bus.send("client-alice", Outgoing("no JSON", {"ClientId": "alice"}))
    # Of a connection that is gone, and about no call.
    foreign = Header(client_id="alice", connection_id="0" * 32)
    told = notification("notifications/tools/list_changed")
    bus.send("client-alice", encode(told, foreign, limit_bytes=2**18))
    async with stage.serving(tool_server()):
        await session.call("echo")
        await session.list_tools()
        stranger.send(tool_call("call-1", "echo"), tool_call(1, "tools/list"))
        await bus.until(lambda: session.snapshot().unsolicited_count >= 4)
        await bus.until(lambda: session.snapshot().duplicate_count >= 2)
        await bus.until(lambda: session.snapshot().refused_count >= 2)
    await session.close()

    status = session.snapshot()
    dropped = "asyncmcp_nb.client.{}.messages"
    assert heard.count(dropped.format("duplicate")) == status.duplicate_count
    assert heard.count(dropped.format("unsolicited")) == status.unsolicited_count
    assert heard.count(dropped.format("refused")) == status.refused_count


async def test_without_a_tracer_requests_say_nothing_of_a_trace(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    call = session.submit("echo")
    await call

    (request,) = requests_sent(stage)
    assert {"traceparent", "tracestate", "baggage"}.isdisjoint(request["params"]["_meta"])
    assert call.record.trace_context == {}

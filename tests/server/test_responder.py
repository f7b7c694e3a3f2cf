"""Handlers that raise what would end an event loop: one call fails, the host goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Never

import anyio
import anyio.lowlevel
import pytest
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer
from mcp_types import (
    JSONRPCRequest,
    JSONRPCResponse,
    ListRootsRequest,
    ListRootsResult,
    NotificationParams,
)

from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import hosting
from tests.helpers import (
    HANDSHAKE,
    PATIENCE_SECONDS,
    MemoryDeployment,
    RawClient,
    ToolContext,
    error_of,
    initialize_request,
    notification,
    plain_request,
    result_of,
    tool_call,
    tool_server,
)


def exits() -> Never:
    sys.exit(3)


def interrupts() -> Never:
    raise KeyboardInterrupt


def low_level(fail: Callable[[], Never]) -> Server[Any]:
    async def broken(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        fail()

    return tool_server(broken=broken)


def with_a_plain_function(fail: Callable[[], Never]) -> Server[Any]:
    """The tool runs in a worker thread of the SDK."""
    app = MCPServer("plain", log_level="CRITICAL")

    def broken() -> str:
        fail()

    def echo() -> str:
        return "here"

    app.add_tool(broken)
    app.add_tool(echo)
    return lowlevel_of(app)


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


async def shake_hands(client: RawClient) -> None:
    client.protocol_version = HANDSHAKE
    client.send(initialize_request("init"))
    (incoming,) = await client.receive()
    client.session_id = incoming.header.session_id


@pytest.mark.parametrize("serve", [low_level, with_a_plain_function])
@pytest.mark.parametrize(
    ("fail", "name"), [(exits, "SystemExit"), (interrupts, "KeyboardInterrupt")]
)
async def test_a_tool_that_would_end_the_process_fails_its_own_call_only(
    alice: RawClient,
    memory: MemoryDeployment,
    serve: Callable[..., Server[Any]],
    fail: Callable[[], Never],
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(serve(fail), memory.bus, memory.server()):
            alice.send(tool_call(1, "broken"))
            failed = await alice.answer()
            alice.send(tool_call(2, "echo"))
            after = await alice.answer()

    assert (failed.id, error_of(failed)) == (1, f"The handler raised {name}")
    assert isinstance(after, JSONRPCResponse)
    assert "the handler of 'tools/call' raised" in caplog.messages


async def awaits_what_was_cancelled() -> None:
    """As where a pool that a tool uses is shut down by whoever owns it."""
    task = asyncio.ensure_future(anyio.sleep_forever())
    await anyio.lowlevel.checkpoint()
    task.cancel()
    await task


async def is_cancelled_by_the_application() -> None:
    """As where one tool stops another, by its task."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await anyio.sleep_forever()


class Panic(BaseException):
    """As extensions written in Rust raise it."""


async def panics() -> None:
    raise Panic


Fail = Callable[[], Awaitable[None]]
CANCELLATIONS = [awaits_what_was_cancelled, is_cancelled_by_the_application]


@pytest.mark.parametrize(
    ("fail", "name"),
    [
        (awaits_what_was_cancelled, "CancelledError"),
        (is_cancelled_by_the_application, "CancelledError"),
        (panics, "Panic"),
    ],
)
async def test_a_tool_that_raises_what_would_end_its_task_fails_its_own_call_only(
    alice: RawClient,
    memory: MemoryDeployment,
    fail: Fail,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await fail()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(broken=broken), memory.bus, memory.server()):
            alice.send(tool_call(1, "broken"))
            failed = await alice.answer()
            alice.send(tool_call(2, "echo"))
            after = await alice.answer()

    assert (failed.id, error_of(failed)) == (1, f"The handler raised {name}")
    assert isinstance(after, JSONRPCResponse)
    assert "the handler of 'tools/call' raised" in caplog.messages


async def test_a_call_that_is_cancelled_is_not_answered_whatever_its_handler_makes_of_it(
    alice: RawClient, memory: MemoryDeployment
) -> None:
    begun = anyio.Event()

    async def stubborn(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            task = asyncio.ensure_future(anyio.sleep_forever())
            task.cancel()
            await task

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(stubborn=stubborn), memory.bus, memory.server()):
            alice.send(tool_call(1, "stubborn"))
            await begun.wait()
            alice.cancel(1)
            await memory.settled()
            alice.send(tool_call(2, "echo"))
            after = await alice.answer()

    assert (after.id, alice.waiting_count()) == (2, 0)


async def test_in_the_handshake_era_it_is_the_same(
    alice: RawClient, memory: MemoryDeployment
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(low_level(exits), memory.bus, memory.server()):
            await shake_hands(alice)
            alice.send(plain_request(1, "tools/call", {"name": "broken", "arguments": {}}))
            failed = await alice.answer()

    assert error_of(failed) == "The handler raised SystemExit"


async def exits_at_once() -> None:
    exits()


@pytest.mark.parametrize("fail", [exits_at_once, *CANCELLATIONS])
async def test_a_handler_of_notifications_that_exits_leaves_the_host_alone(
    alice: RawClient, memory: MemoryDeployment, fail: Fail, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_roots(ctx: ToolContext, params: NotificationParams) -> None:
        await fail()

    server = tool_server()
    server.add_notification_handler(
        "notifications/roots/list_changed", NotificationParams, on_roots
    )
    said = "the handler of 'notifications/roots/list_changed' raised"
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(server, memory.bus, memory.server()):
            await shake_hands(alice)
            alice.send(notification("notifications/roots/list_changed"))
            await memory.bus.until(lambda: said in caplog.messages)
            alice.send(plain_request(1, "tools/call", {"name": "echo", "arguments": {}}))
            after = await alice.answer()

    assert result_of(after) == {}


@pytest.mark.parametrize("fail", [exits_at_once, *CANCELLATIONS])
async def test_a_progress_callback_that_exits_leaves_the_host_alone(
    alice: RawClient, memory: MemoryDeployment, fail: Fail, caplog: pytest.LogCaptureFixture
) -> None:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        await fail()

    async def ask(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        found = await ctx.session.send_request(
            ListRootsRequest(), ListRootsResult, progress_callback=on_progress
        )
        return {"count": len(found.roots)}

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(ask=ask), memory.bus, memory.server()):
            await shake_hands(alice)
            alice.send(plain_request(1, "tools/call", {"name": "ask", "arguments": {}}))
            (incoming,) = await alice.receive()
            question = incoming.message
            assert isinstance(question, JSONRPCRequest)
            alice.send(
                notification("notifications/progress", progressToken=question.id, progress=1)
            )
            await memory.bus.until(lambda: "a progress callback raised" in caplog.messages)
            alice.send(JSONRPCResponse(jsonrpc="2.0", id=question.id, result={"roots": []}))
            answer = await alice.answer()

    assert result_of(answer) == {"count": 0}

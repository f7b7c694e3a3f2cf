"""What servers say of their tools changing, and what hearing it costs."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp_types import SubscriptionsListenRequestParams

from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.session import Session, ToolList
from asyncmcp_nb.session.tool_news import ToolNews
from tests.helpers import HANDSHAKE, REQUESTS, ToolContext, eventually, tool_server
from tests.session.conftest import Stage


def names(session: Session) -> list[str]:
    return sorted(tool.name for tool in session.tools or ToolList())


def growing_app(name: str = "app") -> MCPServer:
    """An app with a tool that adds another one, and says so."""
    app = MCPServer(name)

    @app.tool()
    async def grow(ctx: Context) -> str:
        """Add a tool."""
        app.add_tool(lambda: "new", name="new", description="It was added.")
        await ctx.notify_tools_changed()
        return "grown"

    return app


async def test_tools_are_listed_again_when_a_server_says_that_they_changed(stage: Stage) -> None:
    await stage.serve(lowlevel_of(growing_app()))
    session = await stage.session()
    await eventually(lambda: session.tools is not None)
    before = session.tools
    woken: list[list[str]] = []
    session.log.subscribe(lambda _: woken.append(names(session)))
    await stage.deployment.settled()

    await session.call("grow")
    await eventually(lambda: names(session) == ["grow", "new"])

    assert session.tools is not before
    assert ["grow", "new"] in woken
    assert [notice.kind for notice in session.log.notices()] == ["tools/list_changed"]


async def test_in_the_2025_era_a_notification_does_the_same(stage: Stage) -> None:
    async def grow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        tools["new"] = tools["grow"]
        await ctx.session.send_tool_list_changed()
        return {}

    tools: dict[str, Any] = {"grow": grow}
    server = tool_server(**tools)
    await stage.serve(server)
    session = await stage.session(era=HANDSHAKE)
    await eventually(lambda: session.tools is not None)
    before = session.tools

    await session.call("grow")
    await eventually(lambda: bool(session.log.notices()))

    assert session.log.notices()[0].kind == "tools/list_changed"
    # This server lists the same ones; views need not be made anew.
    assert session.tools is before


async def test_listing_the_same_tools_again_keeps_the_list(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    first = await session.list_tools()

    assert await session.list_tools() is first


async def test_a_server_that_is_started_anew_with_other_tools_is_noticed(stage: Stage) -> None:
    async with stage.serving(lowlevel_of(growing_app())):
        session = await stage.session()
        await eventually(lambda: session.tools is not None)
        await stage.deployment.settled()
        await eventually(lambda: requested(stage) == LISTENING)
    other = MCPServer("other")

    @other.tool()
    async def added() -> str:
        """Another one."""
        return "added"

    async with stage.serving(lowlevel_of(other)):
        await eventually(lambda: names(session) == ["added"])

    assert names(session) == ["added"]


def requested(stage: Stage) -> list[str]:
    """The methods of what clients published so far."""
    published = stage.deployment.bus.published
    bodies = [body for topic, sent in published if topic == REQUESTS for body in sent]
    return [json.loads(body)["method"] for body in bodies]


MEETING = ["server/discover", "tools/list"]
LISTENING = [*MEETING, "subscriptions/listen"]


class Listened:
    """A server that notes who listens."""

    def __init__(self) -> None:
        self.listening_count = 0
        self.begun_count = 0
        self.bus = InMemorySubscriptionBus()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        self.listening_count += 1
        self.begun_count += 1
        try:
            yield
        finally:
            self.listening_count -= 1

    def server(self) -> Server[Any]:
        inner = ListenHandler(self.bus)

        async def listen(ctx: ToolContext, params: SubscriptionsListenRequestParams) -> Any:
            async with self.one():
                return await inner(ctx, params)

        server = tool_server()
        server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
        return server


async def test_a_session_that_nobody_uses_sends_nothing(stage: Stage) -> None:
    listened = Listened()
    await stage.serve(listened.server())
    session = await stage.session()
    await eventually(lambda: listened.listening_count == 1)
    at_first = requested(stage)
    renewed: list[str] = []

    async def refresh() -> None:
        renewed.append("listed")

    news = ToolNews(refresh, lambda: 0, renew_seconds=0.01)
    async with anyio.create_task_group() as group:
        group.start_soon(news.follow, session.client)
        await eventually(lambda: listened.begun_count == 2)
        # Twenty times its age is enough to see that it is not begun anew.
        await anyio.sleep(0.2)
        group.cancel_scope.cancel()

    assert at_first == LISTENING
    assert requested(stage)[:4] == [*LISTENING, "subscriptions/listen"]
    assert set(requested(stage)[4:]) <= {"notifications/cancelled"}
    assert (listened.begun_count, renewed) == (2, [])


async def test_a_stream_of_a_session_in_use_is_begun_anew_now_and_then(stage: Stage) -> None:
    listened = Listened()
    await stage.serve(listened.server())
    session = await stage.session()
    await eventually(lambda: listened.listening_count == 1)
    ended = iter(range(1_000_000))
    renewed: list[str] = []

    async def refresh() -> None:
        renewed.append("listed")

    news = ToolNews(refresh, lambda: next(ended), renew_seconds=0.01)
    async with anyio.create_task_group() as group:
        group.start_soon(news.follow, session.client)
        await eventually(lambda: listened.begun_count >= 4 and bool(renewed))
        group.cancel_scope.cancel()
    await eventually(lambda: listened.listening_count == 1)

    assert listened.listening_count == 1


async def test_closing_a_session_ends_its_stream(stage: Stage) -> None:
    listened = Listened()
    await stage.serve(listened.server())
    session = await stage.session()
    await eventually(lambda: listened.listening_count == 1)

    await session.close()
    await eventually(lambda: listened.listening_count == 0)

    assert listened.begun_count == 1


async def test_a_server_that_tells_of_nothing_is_not_listened_to(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await eventually(lambda: session.tools is not None)
    await stage.deployment.settled()

    assert requested(stage) == MEETING


@pytest.mark.parametrize("change_count", [1, 50])
async def test_many_changes_at_once_cause_few_listings(stage: Stage, change_count: int) -> None:
    listed: list[int] = []
    app = growing_app()
    server = lowlevel_of(app)
    entry = server.get_request_handler("tools/list")
    assert entry is not None

    async def list_tools(ctx: ToolContext, params: Any) -> Any:
        listed.append(1)
        return await entry.handler(ctx, params)

    server.add_request_handler("tools/list", entry.params_type, list_tools)

    @app.tool()
    async def shout(ctx: Context) -> str:
        """Say it often."""
        for _ in range(change_count):
            await ctx.notify_tools_changed()
        return "shouted"

    await stage.serve(server)
    session = await stage.session()
    await eventually(lambda: session.tools is not None)
    await stage.deployment.settled()
    await eventually(lambda: requested(stage) == LISTENING)

    await session.call("shout")
    await eventually(lambda: len(listed) >= 2)
    await stage.deployment.settled()

    assert len(listed) <= 3

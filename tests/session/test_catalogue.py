"""Meeting a server: who it is and what it offers, asked at once."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp import MCPError
from mcp.server.lowlevel.server import Server
from mcp_types import INTERNAL_ERROR, DiscoverResult, RequestParams, ServerCapabilities

from asyncmcp_nb.session.catalogue import Catalogue
from tests.helpers import PATIENCE_SECONDS, ToolContext, eventually, tool_server
from tests.session.conftest import Stage
from tests.session.test_tool_news import MEETING, names, requested


def server_that_says(found: DiscoverResult | MCPError) -> Server[Any]:
    """A server that introduces itself in this way."""
    server = tool_server()

    async def discover(ctx: ToolContext, params: RequestParams) -> DiscoverResult:
        if isinstance(found, MCPError):
            raise found
        return found

    server.add_request_handler("server/discover", RequestParams, discover)
    return server


async def test_listing_the_tools_of_a_server_that_is_being_met_asks_nobody_again(
    stage: Stage,
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    tools = await session.list_tools()

    assert tools is session.tools
    assert session.snapshot().server is not None
    assert requested(stage)[:2] == MEETING
    assert requested(stage).count("tools/list") == 1


async def test_listing_the_tools_of_a_server_that_was_met_asks_it(stage: Stage) -> None:
    await stage.serve(tool_server())
    session = await stage.session()
    await session.list_tools()

    await session.list_tools()

    assert requested(stage).count("tools/list") == 2


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (MCPError(INTERNAL_ERROR, "not today"), "not today"),
        (
            DiscoverResult(
                supported_versions=["1999-01-01"],
                capabilities=ServerCapabilities(),
            ),
            "1999-01-01",
        ),
    ],
)
async def test_a_server_that_does_not_introduce_itself_can_be_called(
    stage: Stage, found: DiscoverResult | MCPError, why: str
) -> None:
    await stage.serve(server_that_says(found))
    session = await stage.session()

    await eventually(lambda: why in (session.snapshot().error or ""))
    await session.list_tools()

    result = await session.call("echo", text="hello")
    assert names(session)
    assert result.is_error is False


async def test_who_waits_for_a_meeting_is_not_left_behind_by_the_next_one(stage: Stage) -> None:
    await stage.serve(tool_server())
    client = (await stage.session()).client
    catalogue = Catalogue()
    first = catalogue.expect()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(catalogue.met, client)
            await anyio.lowlevel.checkpoint()
            catalogue.expect()
            await catalogue.meet(client, first, discover=True)

    assert catalogue.tools is not None


async def test_a_server_that_never_says_who_it_is_keeps_nobody_from_its_tools(
    stage: Stage,
) -> None:
    server = tool_server()

    async def discover(ctx: ToolContext, params: RequestParams) -> DiscoverResult:
        await anyio.sleep_forever()
        raise AssertionError

    server.add_request_handler("server/discover", RequestParams, discover)
    await stage.serve(server)
    session = await stage.session()

    tools = await session.list_tools()

    assert [tool.name for tool in tools] == ["echo"]
    assert session.snapshot().server is None

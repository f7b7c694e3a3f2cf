"""A session on a deployment of its own, with a server whose tools say hostile things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from mcp.server.mcpserver import Context, MCPServer

from asyncmcp_nb import connect, serve
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.session import Session

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\u202e\x1b[31m"


@pytest.fixture
def server(deployment: Deployment) -> Iterator[MCPServer]:
    app = MCPServer("server " + HOSTILE, log_level="CRITICAL")

    @app.tool(description=HOSTILE, title=HOSTILE)
    async def echo(text: str) -> str:
        return text

    @app.tool()
    async def wait_for_ever(ctx: Context) -> str:
        """Reports half, and no more."""
        await ctx.report_progress(1, 2, HOSTILE)
        await asyncio.Event().wait()
        return ""

    with serve(app, deployment):
        yield app


@pytest.fixture
async def session(server: MCPServer, deployment: Deployment) -> AsyncIterator[Session]:
    async with connect(deployment, name="ui", ledger=":memory:") as made:
        await made.list_tools()
        yield made

"""The server whose tools are called: by ours, by HTTP, and in memory."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from tests.benchmarks.peers.heartbeat import Heartbeat

heartbeat = Heartbeat()
"""Of the loop that this process's server runs in."""

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "text": {"type": "string"},
        "seconds": {"type": "number"},
        "runs": {"type": "string"},
    },
    "required": ["n"],
}


async def list_tools(
    ctx: ServerRequestContext[Any], params: PaginatedRequestParams | None
) -> ListToolsResult:
    return ListToolsResult(
        tools=[Tool(name=name, input_schema=_SCHEMA) for name in ("echo", "nap")]
    )


async def call_tool(
    ctx: ServerRequestContext[Any], params: CallToolRequestParams
) -> CallToolResult:
    given = params.arguments or {}
    if params.name == "nap":
        _note(given)
        await anyio.sleep(given["seconds"])
    value = {"n": given["n"]}
    return CallToolResult(
        content=[TextContent(type="text", text=json.dumps(value))], structured_content=value
    )


def number_in(result: CallToolResult) -> Any:
    """The number that a tool gave back."""
    content: Any = result.structured_content
    return content["n"] if content else None


def _note(given: dict[str, Any]) -> None:
    # One short write to a file that is opened to append: runs of several processes do not mix.
    with open(given["runs"], "a") as file:
        file.write(f"{given['n']} {os.getpid()}\n")


@asynccontextmanager
async def lifespan(server: Server[Any]) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heartbeat.run)
        yield
        tasks.cancel_scope.cancel()


app: Server[Any] = Server(
    "bench", on_list_tools=list_tools, on_call_tool=call_tool, lifespan=lifespan
)

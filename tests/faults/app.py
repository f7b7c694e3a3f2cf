"""What the worker processes of the fault tests serve."""

from __future__ import annotations

import os
from typing import Any

import anyio
from mcp.server.lowlevel.server import Server

from tests.helpers import ToolContext, tool_server


async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """Note the run and the process in a file, take a while, and give the arguments back."""
    # One short write to a file that is opened to append: runs of several processes do not mix.
    with open(arguments["runs"], "a") as file:
        file.write(f"{arguments['n']} {os.getpid()}\n")
    await anyio.sleep(arguments["seconds"])
    return {"n": arguments["n"]}


async def work(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """Note the run, and give the arguments back."""
    with open(arguments["runs"], "a") as file:
        file.write(f"{arguments['who']} {arguments['n']}\n")
    await anyio.sleep(0.005)
    return {"who": arguments["who"], "n": arguments["n"]}


def make() -> Server[Any]:
    """The server."""
    return tool_server(slow=slow, work=work)

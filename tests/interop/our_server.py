"""A server of ours with the tools of ``its_server.py``, for clients of the other package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

from tests.helpers import ToolContext, tool_server

QUESTION: dict[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}}


async def add(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    return {"sum": arguments["a"] + arguments["b"]}


async def fail(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    raise ValueError(arguments["why"])


async def steps(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    count = arguments["count"]
    for number in range(count):
        said = LoggingMessageNotificationParams(level="info", data=f"step {number}")
        await ctx.session.send_notification(LoggingMessageNotification(params=said), ctx.request_id)
        await ctx.session.report_progress(number + 1, count)
    return {"steps": count}


async def ask(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    reply = await ctx.session.elicit_form(arguments["question"], QUESTION, ctx.request_id)
    return {"action": reply.action, "content": reply.content}


async def note(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """Say in a file that it ran, and in which process."""
    with Path(arguments["file"]).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    return {"pid": os.getpid()}


async def text(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """As many characters as are wanted, of which none compresses another."""
    return {"text": os.urandom(arguments["length"] // 2).hex()}


async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    await anyio.sleep(arguments["seconds"])
    return {"slept": arguments["seconds"]}


app = tool_server(add=add, fail=fail, steps=steps, ask=ask, note=note, text=text, slow=slow)

"""A server of the ``asyncmcp`` package, as its users write one. Runs in that package's environment.

Takes one JSON object as its argument: ``endpoint_url``, ``region``, ``queue_url``. Writes
``{"ready": true}`` and one JSON object a line for each run of a tool; ends when its input does.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import anyio.to_thread
import boto3
from asyncmcp import SnsSqsServerConfig, SnsSqsSessionManager
from mcp import types
from mcp.server import Server

ANYTHING = {"type": "object"}


def say(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def make_server() -> Server:
    app = Server("its-server")

    @app.list_tools()
    async def list_tools() -> list[types.Tool]:
        names = ("echo", "add", "fail", "steps", "ask", "slow")
        return [types.Tool(name=name, inputSchema=ANYTHING) for name in names]

    @app.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        say(ran=name, arguments=arguments)
        return await TOOLS[name](app.request_context, **arguments)

    return app


async def echo(context: Any, **arguments: Any) -> Any:
    return arguments


async def add(context: Any, a: float, b: float) -> Any:
    return {"sum": a + b}


async def fail(context: Any, why: str) -> Any:
    raise ValueError(why)


async def steps(context: Any, count: int) -> Any:
    token = context.meta.progressToken if context.meta else None
    for number in range(count):
        await context.session.send_log_message("info", f"step {number}")
        if token is not None:
            await context.session.send_progress_notification(token, number + 1, count)
    return {"steps": count}


async def ask(context: Any, question: str) -> Any:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    reply = await context.session.elicit(question, schema)
    return {"action": reply.action, "content": reply.content}


async def slow(context: Any, seconds: float) -> Any:
    try:
        await anyio.sleep(seconds)
    except anyio.get_cancelled_exc_class():
        say(cancelled="slow")
        raise
    return {"slept": seconds}


TOOLS = {"echo": echo, "add": add, "fail": fail, "steps": steps, "ask": ask, "slow": slow}


async def serve(plan: dict[str, Any]) -> None:
    keys = {
        "endpoint_url": plan["endpoint_url"],
        "region_name": plan["region"],
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    config = SnsSqsServerConfig(
        sqs_queue_url=plan["queue_url"], wait_time_seconds=1, poll_interval_seconds=0.05
    )
    sqs, sns = boto3.client("sqs", **keys), boto3.client("sns", **keys)
    manager = SnsSqsSessionManager(app=make_server(), config=config, sqs_client=sqs, sns_client=sns)
    async with manager.run():
        say(ready=True)
        await anyio.to_thread.run_sync(sys.stdin.read)


anyio.run(serve, json.loads(sys.argv[1]))

"""A server of the asyncmcp package; in that package's environment."""

from __future__ import annotations

from typing import Any

import anyio
from asyncmcp import SnsSqsServerConfig, SnsSqsSessionManager
from mcp import types
from mcp.server import Server

from tests.benchmarks.peers.heartbeat import Heartbeat
from tests.benchmarks.peers.its_place import counted_clients
from tests.benchmarks.peers.line import obey, plan, say, vitals


def make_server() -> Server:
    app = Server("bench")
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
    }

    @app.list_tools()
    async def list_tools() -> list[types.Tool]:
        return [types.Tool(name="echo", inputSchema=schema)]

    @app.call_tool()
    async def call_tool(name: str, arguments: dict[str, Any]) -> Any:
        return {"n": arguments["n"]}

    return app


async def main() -> None:
    told = plan()
    sqs, sns, counts = counted_clients(told)
    config = SnsSqsServerConfig(sqs_queue_url=told["queue_url"], **told["settings"])
    manager = SnsSqsSessionManager(app=make_server(), config=config, sqs_client=sqs, sns_client=sns)
    heartbeat = Heartbeat()

    async def measure() -> dict[str, Any]:
        return vitals() | {"requests": dict(counts), "queue_count": 1}

    async def begin_beat() -> None:
        heartbeat.begin()

    async def end_beat() -> list[float]:
        return heartbeat.end()

    async with manager.run(), anyio.create_task_group() as tasks:
        tasks.start_soon(heartbeat.run)
        say("ready")
        await obey({"vitals": measure, "begin_beat": begin_beat, "end_beat": end_beat})
        tasks.cancel_scope.cancel()
    say({})


anyio.run(main)

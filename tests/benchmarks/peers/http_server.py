"""The same tools over Streamable HTTP, on loopback and a free port."""

from __future__ import annotations

import socket

import anyio
import uvicorn

from tests.benchmarks.peers.app import app
from tests.benchmarks.peers.line import obey, say, vitals
from tests.helpers import eventually


async def main() -> None:
    config = uvicorn.Config(app.streamable_http_app(), log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listening])
            await eventually(lambda: server.started)
            say(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")

            async def measure() -> dict[str, float]:
                return vitals()

            await obey({"vitals": measure})
            server.should_exit = True
    say({})


anyio.run(main)

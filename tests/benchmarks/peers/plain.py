"""The SDK's own client: in memory, or over Streamable HTTP to a server in another process."""

from __future__ import annotations

import time
from typing import Any

import anyio
from mcp import Client

from tests.benchmarks.peers.app import app, number_in
from tests.benchmarks.peers.driver import Driver
from tests.benchmarks.peers.line import obey, plan, say

_MODE = "2026-07-28"


async def main() -> None:
    address: str | None = plan().get("address")
    began = time.perf_counter()
    client = Client(app, mode=_MODE) if address is None else Client(address, mode=_MODE)
    async with client:
        connected_seconds = time.perf_counter() - began
        await client.list_tools()
        first_answer_seconds = time.perf_counter() - began

        async def ask(number: int) -> Any:
            return number_in(await client.call_tool("echo", {"n": number}))

        driver = Driver(ask)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.heartbeat.run)
            say(
                {
                    "connect_seconds": connected_seconds,
                    "first_answer_seconds": first_answer_seconds,
                }
            )
            await obey(driver.commands())
            tasks.cancel_scope.cancel()
        began = time.perf_counter()
    say({"close_seconds": time.perf_counter() - began})


anyio.run(main)

"""A client of the asyncmcp package; in that package's environment."""

from __future__ import annotations

import time
from typing import Any

import anyio
from asyncmcp import SnsSqsClientConfig, sns_sqs_client
from mcp import ClientSession

from tests.benchmarks.peers.driver import Driver
from tests.benchmarks.peers.its_place import counted_clients
from tests.benchmarks.peers.line import obey, plan, say, vitals


async def main() -> None:
    told = plan()
    sqs, sns, counts = counted_clients(told)
    config = SnsSqsClientConfig(
        sqs_queue_url=told["queue_url"],
        sns_topic_arn=told["request_topic_arn"],
        client_id=told["name"],
        **told["settings"],
    )

    async def measure() -> dict[str, Any]:
        return vitals() | {"requests": dict(counts), "queue_count": 1}

    began = time.perf_counter()
    async with (
        sns_sqs_client(config, sqs, sns, told["reply_topic_arn"]) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        connected_seconds = time.perf_counter() - began
        await session.list_tools()
        first_answer_seconds = time.perf_counter() - began

        async def ask(number: int) -> Any:
            result = await session.call_tool("echo", {"n": number})
            return (result.structuredContent or {}).get("n")

        driver = Driver(ask)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.heartbeat.run)
            say(
                {
                    "connect_seconds": connected_seconds,
                    "first_answer_seconds": first_answer_seconds,
                }
            )
            await obey({**driver.commands(), "vitals": measure})
            tasks.cancel_scope.cancel()
        began = time.perf_counter()
    say({"close_seconds": time.perf_counter() - began})


anyio.run(main)

"""A client of ours: a session, as a notebook has it."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import anyio

from asyncmcp_nb import Deployment, Session, connect
from tests.benchmarks.peers.app import number_in
from tests.benchmarks.peers.bulk import Bulk
from tests.benchmarks.peers.driver import Driver
from tests.benchmarks.peers.line import obey, plan, say, vitals

# Connecting loads these when it needs them; how long that takes is a figure of its own.
_LOADED_LATER = ("boto3", "pandas", "asyncmcp_nb.broker.provisioning", "asyncmcp_nb.views")


async def main() -> None:
    told = plan()
    for module in _LOADED_LATER:
        import_module(module)
    began = time.perf_counter()
    session = await connect(
        Deployment.from_toml(told["deployment"]), name=told["name"], ledger=told.get("ledger")
    )
    connected_seconds = time.perf_counter() - began
    if told.get("has_server", True):
        await session.list_tools()
    first_answer_seconds = time.perf_counter() - began

    async def ask(number: int) -> Any:
        return number_in(await session.call("echo", {"n": number}))

    driver, bulk = Driver(ask), Bulk(session)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(driver.heartbeat.run)
        say({"connect_seconds": connected_seconds, "first_answer_seconds": first_answer_seconds})
        await obey(driver.commands() | bulk.commands() | {"vitals": lambda: measure(session)})
        tasks.cancel_scope.cancel()
    began = time.perf_counter()
    await session.close()
    say({"close_seconds": time.perf_counter() - began})


async def measure(session: Session) -> dict[str, Any]:
    status = session.snapshot()
    return vitals() | {
        "requests": dict(status.requests),
        "queue_count": 1,
        "row_count": len(session.log),
        "duplicate_count": status.duplicate_count,
        "unsolicited_count": status.unsolicited_count,
    }


anyio.run(main)

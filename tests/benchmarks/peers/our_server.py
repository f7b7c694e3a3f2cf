"""A server of ours: in a thread of this process, or worker processes."""

from __future__ import annotations

import time
from typing import Any

import anyio

from asyncmcp_nb import Deployment, serve
from tests.benchmarks.peers import app
from tests.benchmarks.peers.line import obey, plan, say, vitals


async def main() -> None:
    told = plan()
    workers: int = told.get("workers", 0)
    server = serve(
        "tests.benchmarks.peers.app:app",
        Deployment.from_toml(told["deployment"]),
        workers=workers,
        max_in_flight=told.get("max_in_flight", 64),
    )

    async def measure() -> dict[str, Any]:
        status = server.snapshot()
        return vitals() | {
            "requests": dict(status.requests),
            "queue_count": 2,
            "workers_serving": sum(worker.state == "serving" for worker in status.workers),
        }

    async def begin_beat() -> None:
        app.heartbeat.begin()

    async def end_beat() -> list[float]:
        return app.heartbeat.end()

    say("ready")
    await obey({"vitals": measure, "begin_beat": begin_beat, "end_beat": end_beat})
    began = time.perf_counter()
    server.stop()
    say({"close_seconds": time.perf_counter() - began})


anyio.run(main)

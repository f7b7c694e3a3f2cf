"""Arms for the MCP SDK's interaction suite: our host and our client, over a bus.

Each factory serves ``server`` in the calling loop (tests share closures with handlers) and yields
the client's streams. Every test has topics and queues of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio.to_thread

from asyncmcp_nb import broker
from asyncmcp_nb.bus import Bus, Faults, MemoryBus
from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig
from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.client import Streams, bus_client

WORKER_COUNT: Final = 3

DUPLICATES: Final = Faults(duplicate_share=1.0, delay_seconds=0.02, reorder=True)
"""Every message twice, each copy up to 20 ms late, in any order."""


@asynccontextmanager
async def memory(server: Any, *, spec_version: str) -> AsyncGenerator[Streams]:
    """Over the in-process bus, to one worker."""
    async with _over_memory(server, MemoryBus(), worker_count=1) as streams:
        yield streams


@asynccontextmanager
async def workers(server: Any, *, spec_version: str) -> AsyncGenerator[Streams]:
    """Over the in-process bus, to workers that compete for one queue.

    They share the deployment's session key, and beyond it only what the test's server object holds.
    """
    async with _over_memory(server, MemoryBus(), worker_count=WORKER_COUNT) as streams:
        yield streams


@asynccontextmanager
async def duplicates(server: Any, *, spec_version: str) -> AsyncGenerator[Streams]:
    """Over an in-process bus that delivers every message twice and none in order."""
    async with _over_memory(server, MemoryBus(DUPLICATES), worker_count=1) as streams:
        yield streams


@asynccontextmanager
async def embedded(server: Any, *, spec_version: str) -> AsyncGenerator[Streams]:
    """Over the embedded broker: every message through SNS and SQS."""
    deployment, control_queue_url, client_queue_url, worker_id = await anyio.to_thread.run_sync(
        _make_deployment
    )
    config = SnsSqsTransportConfig(
        sqs_queue_url=deployment.server_queue_url,
        sns_topic_arn=deployment.response_topic_arn,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        control_queue_url=control_queue_url,
        worker_id=worker_id,
        request_topic_arn=deployment.request_topic_arn,
    )
    client = SnsSqsTransportConfig(
        sqs_queue_url=client_queue_url,
        sns_topic_arn=deployment.request_topic_arn,
        client_id="tester",
    )
    bus = await anyio.to_thread.run_sync(broker.open_bus, deployment)
    async with _served(server, bus, [config], client) as streams:
        yield streams
    bus.close()
    await anyio.to_thread.run_sync(broker.teardown, deployment)


def _make_deployment() -> tuple[Deployment, str, str, str]:
    local = broker.embedded()
    name = f"arm-{secrets.token_hex(4)}"
    deployment = broker.provision(name, region=local.region, endpoint_url=local.endpoint_url)
    worker_id = secrets.token_hex(4)
    return (
        deployment,
        broker.ensure_worker(deployment, worker_id),
        broker.ensure_client(deployment, "tester"),
        worker_id,
    )


@asynccontextmanager
async def _over_memory(
    server: Any, bus: MemoryBus, *, worker_count: int
) -> AsyncGenerator[Streams]:
    for queue in ("server", "server-dlq", "client"):
        bus.create_queue(queue)
    bus.subscribe("requests", "server", {"WorkerId": [{"exists": False}]})
    bus.subscribe("responses", "client", {"ClientId": ["tester"]})
    configs = [_memory_worker(bus) for _ in range(worker_count)]
    client = SnsSqsTransportConfig(
        sqs_queue_url="client", sns_topic_arn="requests", client_id="tester"
    )
    async with _served(server, bus, configs, client) as streams:
        yield streams
    bus.close()


def _memory_worker(bus: MemoryBus) -> SnsSqsTransportConfig:
    worker_id = secrets.token_hex(4)
    control_queue = f"worker-{worker_id}"
    bus.create_queue(control_queue)
    bus.subscribe("requests", control_queue, {"WorkerId": [worker_id, "*"]})
    return SnsSqsTransportConfig(
        sqs_queue_url="server",
        sns_topic_arn="responses",
        dead_letter_queue_url="server-dlq",
        control_queue_url=control_queue,
        worker_id=worker_id,
        request_topic_arn="requests",
    )


@asynccontextmanager
async def _served(
    server: Any, bus: Bus, configs: list[SnsSqsTransportConfig], client: SnsSqsTransportConfig
) -> AsyncGenerator[Streams]:
    """Serve with a worker for each configuration, and connect one client."""
    lowlevel, sealer = lowlevel_of(server), Sealer()
    async with AsyncExitStack() as stack:
        for config in configs:
            await stack.enter_async_context(hosting(lowlevel, bus, config, sealer=sealer))
        yield await stack.enter_async_context(bus_client(bus, client))

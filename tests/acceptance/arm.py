"""Arms for the MCP SDK's interaction suite: our host and our client, over a bus.

Each factory serves ``server`` in the calling loop (tests share closures with handlers) and yields
the client's streams. Every test has topics and queues of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread

from asyncmcp_nb import broker
from asyncmcp_nb.bus import Bus, MemoryBus
from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig
from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import Streams, bus_client


@asynccontextmanager
async def memory(server: Any, *, spec_version: str) -> AsyncGenerator[Streams]:
    """Over the in-process bus."""
    worker_id = secrets.token_hex(4)
    bus = MemoryBus()
    for queue in ("server", "control", "client"):
        bus.create_queue(queue)
    for topic in ("requests", "responses"):
        bus.create_topic(topic)
    bus.subscribe("requests", "server", {"WorkerId": [{"exists": False}]})
    bus.subscribe("requests", "control", {"WorkerId": [worker_id, "*"]})
    bus.subscribe("responses", "client", {"ClientId": ["tester"]})
    config = SnsSqsTransportConfig(
        sqs_queue_url="server",
        sns_topic_arn="responses",
        control_queue_url="control",
        worker_id=worker_id,
    )
    client = SnsSqsTransportConfig(
        sqs_queue_url="client", sns_topic_arn="requests", client_id="tester"
    )
    async with _served(server, bus, config, client) as streams:
        yield streams
    bus.close()


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
    )
    client = SnsSqsTransportConfig(
        sqs_queue_url=client_queue_url,
        sns_topic_arn=deployment.request_topic_arn,
        client_id="tester",
    )
    bus = broker.open_bus(deployment)
    async with _served(server, bus, config, client) as streams:
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
async def _served(
    server: Any, bus: Bus, config: SnsSqsTransportConfig, client: SnsSqsTransportConfig
) -> AsyncGenerator[Streams]:
    async with hosting(lowlevel_of(server), bus, config), bus_client(bus, client) as streams:
        yield streams

"""Who plays: our client and server, and those that they are measured against."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from asyncmcp_nb import broker
from tests.benchmarks.backends import Backend
from tests.benchmarks.processes import Peer
from tests.interop.asyncmcp_env import interpreter

ITS_FASTEST: Final = {"poll_interval_seconds": 0.0}
"""Of the asyncmcp package: no pause between polls; by default it is 5 s after an empty one. Its
other settings are at their best: ten messages a poll, which waits for up to 20 s."""
ITS_DEFAULTS: Final[dict[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Pair:
    """A client and its server, each a process."""

    server: Peer
    client: Peer

    def requests(self) -> dict[str, int]:
        """AWS requests of both so far, by operation."""
        sums: dict[str, int] = {}
        for peer in (self.client, self.server):
            for operation, number in peer.do("vitals")["requests"].items():
                sums[operation] = sums.get(operation, 0) + number
        return sums

    def cpu_seconds(self) -> tuple[float, float]:
        """Of the client's process and of the server's."""
        client, server = (peer.do("vitals")["cpu_seconds"] for peer in (self.client, self.server))
        return client, server


@contextmanager
def ours(backend: Backend, **server: Any) -> Generator[Pair]:
    """A session, and a server as the settings say; a deployment of their own."""
    deployment = backend.deployment().to_toml()
    name = f"c{secrets.token_hex(4)}"
    with (
        Peer("our_server", {"deployment": deployment, **server}) as serving,
        Peer("our_client", {"deployment": deployment, "name": name}) as client,
    ):
        yield Pair(serving, client)


@contextmanager
def alone(backend: Backend) -> Generator[Peer]:
    """A session of ours that no server answers."""
    plan = {"deployment": backend.deployment().to_toml(), "name": "alone", "has_server": False}
    with Peer("our_client", plan) as client:
        yield client


@contextmanager
def raw(backend: Backend) -> Generator[Peer]:
    """Bare boto3."""
    deployment = backend.deployment()
    broker.ensure_client(deployment, "raw")
    with Peer("raw", {"deployment": deployment.to_toml(), "name": "raw"}) as peer:
        yield peer


@contextmanager
def in_memory() -> Generator[Peer]:
    """The SDK's client and server in one process."""
    with Peer("plain", {}) as peer:
        yield peer


@contextmanager
def over_http() -> Generator[Pair]:
    """The SDK's client and server over Streamable HTTP."""
    with Peer("http_server", {}) as server, Peer("plain", {"address": server.ready}) as client:
        yield Pair(server, client)


@contextmanager
def asyncmcp(backend: Backend, settings: dict[str, Any]) -> Generator[Pair]:
    """The client and server of the asyncmcp package."""
    # Our own broker makes what a client of that package needs: a topic that feeds its queue.
    deployment = backend.deployment(dialect="asyncmcp")
    where = {
        "endpoint_url": deployment.endpoint_url,
        "region": deployment.region,
        "settings": settings,
    }
    client = {
        "queue_url": broker.ensure_client(deployment, "its"),
        "reply_topic_arn": broker.reply_topic_arn(deployment, "its"),
        "request_topic_arn": deployment.request_topic_arn,
        "name": "its",
    }
    python = interpreter()
    with (
        Peer(
            "its_server", where | {"queue_url": deployment.server_queue_url}, python=python
        ) as serving,
        Peer("its_client", where | client, python=python) as asking,
    ):
        yield Pair(serving, asking)

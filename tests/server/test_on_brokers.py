"""Over real SNS and SQS requests: what the memory bus proves, once more on each broker."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import boto3
import pytest
from mcp.client import Client
from mcp.server.lowlevel.server import Server
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, JSONRPCResponse, TextContent

from asyncmcp_nb.broker import ensure_client, ensure_worker
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment, SnsSqsTransportConfig
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import bus_client, sns_sqs_client
from asyncmcp_nb.sns_sqs.server import sns_sqs_server
from tests.helpers import HANDSHAKE, MODERN, ToolContext, result_of, tool_call, tool_server

PATIENCE_SECONDS = 30.0
POLL_SECONDS = 2.0
"""A poll that is left behind shall not outlast its queue for long."""
WORKER = "0a1b2c3d"


class Place:
    """A deployment with plain boto3 clients, as a script has them."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        session: Any = boto3.Session(
            aws_access_key_id="local",
            aws_secret_access_key="local",
            region_name=deployment.region,
        )
        self.sqs: Any = session.client("sqs", endpoint_url=deployment.endpoint_url)
        self.sns: Any = session.client("sns", endpoint_url=deployment.endpoint_url)

    def server(self) -> SnsSqsTransportConfig:
        return SnsSqsTransportConfig(
            sqs_queue_url=self.deployment.server_queue_url,
            sns_topic_arn=self.deployment.response_topic_arn,
            dead_letter_queue_url=self.deployment.dead_letter_queue_url,
            control_queue_url=ensure_worker(self.deployment, WORKER),
            worker_id=WORKER,
            poll_wait_seconds=POLL_SECONDS,
        )

    def client(self, name: str) -> SnsSqsTransportConfig:
        return SnsSqsTransportConfig(
            sqs_queue_url=ensure_client(self.deployment, name),
            sns_topic_arn=self.deployment.request_topic_arn,
            client_id=name,
            poll_wait_seconds=POLL_SECONDS,
        )

    def connect(self, name: str, mode: str = MODERN) -> Client:
        return Client(sns_sqs_client(self.client(name), self.sqs, self.sns), mode=mode)

    @asynccontextmanager
    async def serving(self, kind: str, server: Server[Any]) -> AsyncGenerator[None]:
        """Serve with the host, or with ``Server.run`` on the stream of all clients."""
        if kind == "host":
            async with hosting(server, AwsBus(self.sqs, self.sns), self.server()):
                yield
            return
        async with (
            sns_sqs_server(self.server(), self.sqs, self.sns) as (read, write),
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(server.run, read, write, server.create_initialization_options())
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Deployment:
    return broker_deployment


@pytest.fixture
def place(deployment: Deployment) -> Place:
    return Place(deployment)


KINDS = pytest.mark.parametrize("kind", ["host", "stream"])

ODD: dict[str, Any] = {
    "text": "naïve 日本語 🚀 \u2028 \\ \" ' <&>",
    "none": None,
    "nested": {"none": [None, {}], "": []},
    "big": 2**70,
}


@KINDS
@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_values_and_200_kilobytes_come_through_as_they_are(
    place: Place, kind: str, mode: str
) -> None:
    async def back(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=arguments["text"])])

    pick = random.Random(7)
    text = "".join(chr(pick.randrange(0x4E00, 0x9FFF)) for _ in range(200 * 1024 // 3))

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            place.serving(kind, tool_server(back=back)),
            place.connect("alice", mode) as client,
        ):
            odd = await client.call_tool("echo", ODD)
            large = await client.call_tool("back", {"text": text})

    assert odd.structured_content == ODD
    assert [getattr(part, "text", None) for part in large.content] == [text]


@KINDS
async def test_ids_come_back_as_they_were_sent_to_the_client_that_sent_them(
    place: Place, kind: str
) -> None:
    names, ids = ("alice", "bob"), (1, "日本")
    heard: dict[str, list[Any]] = {name: [] for name in names}

    async def be(name: str) -> None:
        config = place.client(name)
        async with bus_client(AwsBus(place.sqs, place.sns), config) as (read, write):
            for request_id in ids:
                message = tool_call(request_id, "echo", {"who": name})
                await write.send(SessionMessage(message))
            for _ in ids:
                item = await read.receive()
                assert isinstance(item, SessionMessage)
                assert isinstance(item.message, JSONRPCResponse)
                heard[name].append((item.message.id, result_of(item.message)))

    with anyio.fail_after(PATIENCE_SECONDS):
        async with place.serving(kind, tool_server()), anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(be, name)

    expected = {name: {(1, name), ("日本", name)} for name in names}
    assert {
        name: {(request_id, value["who"]) for request_id, value in answers}
        for name, answers in heard.items()
    } == expected


@KINDS
async def test_a_client_may_submit_before_any_server_exists(place: Place, kind: str) -> None:
    results: list[Any] = []

    async def ask(client: Client) -> None:
        results.append((await client.call_tool("echo", {"early": True})).structured_content)
        done.set()

    done = anyio.Event()
    with anyio.fail_after(PATIENCE_SECONDS):
        async with place.connect("alice") as client, anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            await anyio.wait_all_tasks_blocked()
            async with place.serving(kind, tool_server()):
                await done.wait()

    assert results == [{"early": True}]


async def test_one_host_serves_both_eras(place: Place) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            place.serving("host", tool_server()),
            place.connect("old", "legacy") as old,
            place.connect("new", MODERN) as new,
        ):
            versions = [client.session.protocol_version for client in (old, new)]
            results = [await client.call_tool("echo", {"n": 1}) for client in (old, new)]

            assert versions == [HANDSHAKE, MODERN]
            assert [result.structured_content for result in results] == [{"n": 1}] * 2

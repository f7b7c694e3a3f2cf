"""Servers of one deployment on this host know what the others run and have answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mcp.server.mcpserver import MCPServer
from mcp_types import JSONRPCResponse

from asyncmcp_nb import serve
from asyncmcp_nb.broker import ensure_client
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.sns_sqs.addressing import attribute_text
from asyncmcp_nb.wire import Header, Outgoing, decode, encode
from tests.helpers import MODERN, tool_call

PATIENCE_SECONDS = 30.0


def call(tool: str) -> Outgoing:
    message = tool_call(1, tool)
    header = Header(
        protocol_version=MODERN,
        client_id="alice",
        connection_id="a" * 32,
        request_id=attribute_text(1),
        method="tools/call",
    )
    return encode(message, header, limit_bytes=2**18)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        threading.Event().wait(0.02)


def test_a_call_that_comes_twice_runs_in_one_of_two_servers(
    deployment: Deployment, aws_bus: AwsBus
) -> None:
    runs: list[str] = []
    gate = threading.Event()

    def app(name: str) -> MCPServer:
        made = MCPServer(name)

        @made.tool()
        def slow() -> str:
            runs.append(name)
            assert gate.wait(PATIENCE_SECONDS)
            return name

        return made

    queue, request = ensure_client(deployment, "alice"), call("slow")
    with serve(app("one"), deployment, max_in_flight=1):
        aws_bus.publish(deployment.request_topic_arn, [request])
        wait_until(lambda: runs == ["one"])
        with serve(app("two"), deployment) as two:
            aws_bus.publish(deployment.request_topic_arn, [request])
            wait_until(lambda: two.status.statistics.duplicate_count == 1)
            gate.set()
            [answer] = aws_bus.receive(queue, max_count=1, wait_seconds=20, lease_seconds=30)

    message = decode(answer.body, answer.attributes).message
    assert isinstance(message, JSONRPCResponse)
    assert message.result["structuredContent"] == {"result": "one"}
    assert runs == ["one"]

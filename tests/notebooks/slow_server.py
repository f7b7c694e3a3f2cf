"""A worker with short leases and a slow tool that counts its runs in a file.

No call ends while a file named COUNT_FILE.held is there.

python slow_server.py DEPLOYMENT COUNT_FILE TOOL_SECONDS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    TextContent,
    Tool,
)

from asyncmcp_nb import SnsSqsTransportConfig, embedded
from asyncmcp_nb.broker import open_bus
from asyncmcp_nb.server.host import hosting

LEASE_SECONDS = 2
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def make_server(count_file: str, tool_seconds: float) -> Server[Any]:
    async def list_tools(*_: object) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(name="work", input_schema=SCHEMA)])

    async def call_tool(_: object, params: CallToolRequestParams) -> CallToolResult:
        number = (params.arguments or {})["n"]
        with open(count_file, "a") as file:
            file.write(f"{number}\n")
        await anyio.sleep(tool_seconds)
        while Path(f"{count_file}.held").exists():  # noqa: ASYNC110 - another process removes it
            await anyio.sleep(0.05)
        return CallToolResult(content=[TextContent(text=str(number))])

    return Server("slow", on_list_tools=list_tools, on_call_tool=call_tool)


async def main(deployment_name: str, count_file: str, tool_seconds: str) -> None:
    deployment = embedded(name=deployment_name)
    bus = open_bus(deployment)
    config = SnsSqsTransportConfig(
        sqs_queue_url=deployment.server_queue_url,
        sns_topic_arn=deployment.response_topic_arn,
        lease_seconds=LEASE_SECONDS,
    )
    async with hosting(make_server(count_file, float(tool_seconds)), bus, config):
        sys.stdout.write("serving\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])

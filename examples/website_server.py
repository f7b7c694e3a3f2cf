"""An MCP server behind a queue whose one tool, ``fetch``, reads a web page; Ctrl-C ends it.

It serves the profile that ASYNCMCP_NB_PROFILE names, or the embedded broker.
"""

from contextlib import suppress
from typing import Any

import anyio
import boto3
import httpx2  # comes with mcp
from mcp.server.lowlevel.server import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool

from asyncmcp_nb import SnsSqsTransportConfig, sns_sqs_server
from asyncmcp_nb.api import resolve

PAGE_BYTES = 100_000
SCHEMA = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}


async def list_tools(*_: object) -> ListToolsResult:
    return ListToolsResult(tools=[Tool(name="fetch", title="Read a page", input_schema=SCHEMA)])


async def call_tool(_: object, params: CallToolRequestParams) -> CallToolResult:
    try:
        text, failed = await fetch((params.arguments or {})["url"]), False
    except (httpx2.HTTPError, httpx2.InvalidURL, KeyError, TimeoutError) as exc:
        text, failed = f"{type(exc).__name__}: {exc}", True
    return CallToolResult(content=[TextContent(text=text)], is_error=failed)


async def fetch(url: str) -> str:
    page, web = b"", httpx2.AsyncClient(follow_redirects=True)
    with anyio.fail_after(30):
        async with web, web.stream("GET", url) as response:
            response.raise_for_status()
            async for part in response.aiter_bytes():
                page = (page + part)[:PAGE_BYTES]
                if len(page) == PAGE_BYTES:
                    break
            return page.decode(response.encoding or "utf-8", errors="replace")


async def main() -> None:
    place = resolve()
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    aws: Any = boto3.Session(region_name=place.region, **(keys if place.endpoint_url else {}))
    sqs, sns = (aws.client(service, endpoint_url=place.endpoint_url) for service in ("sqs", "sns"))
    queue, topic = place.server_queue_url, place.response_topic_arn
    config = SnsSqsTransportConfig(sqs_queue_url=queue, sns_topic_arn=topic)
    server = Server("website", on_list_tools=list_tools, on_call_tool=call_tool)
    async with sns_sqs_server(config, sqs, sns) as (read, write):
        print(f"serving {place.name}; Ctrl-C ends it", flush=True)
        await server.run(read, write, server.create_initialization_options())


with suppress(KeyboardInterrupt):
    anyio.run(main)

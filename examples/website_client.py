"""Ask the server in ``website_server.py``, which may start later, for web pages.

    python examples/website_client.py https://example.org [URL ...]

All pages are asked for at once; each is printed when it has come.
"""

import os
import sys
from typing import Any

import anyio
import boto3
from mcp import Client
from mcp_types import TextContent

from asyncmcp_nb import SnsSqsTransportConfig, sns_sqs_client
from asyncmcp_nb.api import resolve
from asyncmcp_nb.broker import ensure_client, remove_client


async def show(client: Client, url: str) -> None:
    result = await client.call_tool("fetch", {"url": url})
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    print(f"== {url}: {'failed' if result.is_error else f'{len(text):,} characters'}\n{text[:500]}")


async def main(urls: list[str]) -> None:
    place = resolve()
    name = f"website-{os.getpid()}"  # the return address: one live client a name
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    aws: Any = boto3.Session(region_name=place.region, **(keys if place.endpoint_url else {}))
    sqs, sns = (aws.client(service, endpoint_url=place.endpoint_url) for service in ("sqs", "sns"))
    config = SnsSqsTransportConfig(
        sqs_queue_url=ensure_client(place, name),
        sns_topic_arn=place.request_topic_arn,
        client_id=name,
    )
    try:
        async with (
            Client(sns_sqs_client(config, sqs, sns), mode="2026-07-28") as client,
            anyio.create_task_group() as tasks,
        ):
            for url in urls:
                tasks.start_soon(show, client, url)
    finally:
        remove_client(place, name)


anyio.run(main, sys.argv[1:] or ["https://example.org"])

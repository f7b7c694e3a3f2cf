"""Arguments and results above what a topic takes, over real requests to SNS, SQS and S3."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import anyio.to_thread
import boto3
import pytest
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.broker import ensure_client, open_bus
from asyncmcp_nb.bus.s3 import S3Payloads
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusNotFound, CallFailed, PayloadTooLarge
from asyncmcp_nb.sns_sqs.client import sns_sqs_client
from tests.helpers import HANDSHAKE, MODERN, ToolContext, tool_server

SIZES = [300_000, 1_200_000]


def noise(size_bytes: int) -> str:
    """Text that no compression brings below three quarters of its length."""
    return base64.b64encode(random.Random(size_bytes).randbytes(size_bytes * 3 // 4)).decode()


async def make(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult:
    text = noise(arguments["size_bytes"])
    return CallToolResult(content=[TextContent(type="text", text=text)])


def clients(deployment: Deployment) -> tuple[Any, Any, Any]:
    """As a script has them."""
    session: Any = boto3.Session(
        aws_access_key_id="local", aws_secret_access_key="local", region_name=deployment.region
    )
    sqs, sns, s3 = (
        session.client(name, endpoint_url=deployment.endpoint_url) for name in ("sqs", "sns", "s3")
    )
    return sqs, sns, s3


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Iterator[Deployment]:
    """One with a bucket."""
    if broker_deployment.claim_check_bucket is not None:
        yield broker_deployment
        return
    bucket = f"payloads-{broker_deployment.name}"
    *_, s3 = clients(broker_deployment)
    s3.create_bucket(Bucket=bucket)
    yield replace(broker_deployment, claim_check_bucket=bucket)
    s3.close()


@pytest.fixture
def without_bucket(deployment: Deployment) -> Deployment:
    return replace(deployment, claim_check_bucket=None)


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_with_a_bucket_arguments_and_results_of_any_size_are_exact(
    deployment: Deployment, era: Any
) -> None:
    with serve(tool_server(make=make), deployment) as server:
        async with connect(deployment, era=era) as session:
            for size_bytes in SIZES:
                text = noise(size_bytes)
                made = await session.call("make", size_bytes=size_bytes)
                echoed = await session.call("echo", text=text, none=None)

                assert getattr(made.content[0], "text", None) == text
                assert echoed.structured_content == {"text": text, "none": None}
            client, worker = session.status.requests, server.status.requests

    assert (client["PutObject"], client["GetObject"]) == (2, 4)
    assert (worker["PutObject"], worker["GetObject"]) == (4, 2)


async def test_what_compresses_goes_without_the_bucket(
    deployment: Deployment, without_bucket: Deployment
) -> None:
    text = "naïve ✓ " * 120_000
    with serve(tool_server(), without_bucket) as server:
        async with connect(without_bucket) as session:
            echoed = await session.call("echo", text=text)

    assert echoed.structured_content == {"text": text}
    assert "PutObject" not in server.status.requests


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_without_a_bucket_both_sides_are_told_what_to_do(
    without_bucket: Deployment, size_bytes: int
) -> None:
    told = r"above the limit of 262,144 bytes; .*claim_check_bucket, or raise the topic's Maximum"
    with serve(tool_server(make=make), without_bucket):
        async with connect(without_bucket) as session:
            with pytest.raises(PayloadTooLarge, match=told):
                await session.call("echo", text=noise(size_bytes))
            with pytest.raises(CallFailed, match=f"The answer was not sent: message of .*{told}"):
                await session.call("make", size_bytes=size_bytes)
            # The worker and the session go on.
            assert (await session.call("echo", n=1)).structured_content == {"n": 1}


async def test_a_bucket_that_is_not_there_is_named_with_the_next_step(
    deployment: Deployment,
) -> None:
    wrong = replace(deployment, claim_check_bucket="nobody-made-this")
    with serve(tool_server(make=make), wrong):
        async with connect(wrong) as session:
            with pytest.raises(BusNotFound, match="make the bucket, or name another"):
                await session.call("echo", text=noise(300_000))
            with pytest.raises(CallFailed, match="make the bucket, or name another"):
                await session.call("make", size_bytes=300_000)


async def test_a_script_gives_its_own_client_for_s3(deployment: Deployment) -> None:
    sqs, sns, s3 = clients(deployment)
    assert deployment.claim_check_bucket is not None
    config = SnsSqsTransportConfig(
        sqs_queue_url=ensure_client(deployment, "script"),
        sns_topic_arn=deployment.request_topic_arn,
        client_id="script",
        poll_wait_seconds=2,
    )
    payloads = S3Payloads(s3, deployment.claim_check_bucket)
    text = noise(300_000)
    with serve(tool_server(), deployment):
        transport = sns_sqs_client(config, sqs, sns, payloads=payloads)
        async with Client(transport, mode=MODERN) as client:
            result = await client.call_tool("echo", {"text": text})

    assert result.structured_content == {"text": text}
    assert payloads.statistics().requests == {"PutObject": 1, "GetObject": 1}
    for each in (sqs, sns, s3):
        each.close()


async def test_signed_messages_and_claim_checks_go_together(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "k" * 32)
    signed = replace(deployment, signing_keys=("env:THE_KEY",))
    text = noise(300_000)
    with serve(tool_server(), signed) as server:
        async with connect(signed, name="honest") as session:
            echoed = await session.call("echo", text=text)
        async with connect(deployment, name="stranger") as stranger:
            call = stranger.submit("echo", n=1)
            reasons = await anyio.to_thread.run_sync(dead_letter_reasons, deployment)
            is_finished = call.record.is_finished

    assert echoed.structured_content == {"text": text}
    assert (reasons, is_finished) == ({"message is not signed"}, False)
    assert server.status.statistics.parked_count >= 1


def dead_letter_reasons(deployment: Deployment) -> set[str]:
    """Of the first dead letters."""
    with closing(open_bus(deployment)) as bus:
        letters = bus.receive(
            deployment.dead_letter_queue_url, max_count=10, wait_seconds=20, lease_seconds=30
        )
    return {letter.attributes["DeadLetterReason"] for letter in letters}

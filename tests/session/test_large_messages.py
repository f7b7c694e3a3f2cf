"""Arguments and results above what a topic takes: compressed, put into S3, or refused in words."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import BusDenied, BusNotFound, CallFailed, PayloadTooLarge
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from tests.helpers import ToolContext, tool_server
from tests.session.conftest import Stage

SIZES = [300_000, 1_200_000]


def noise(size_bytes: int) -> str:
    """Text that no compression brings below three quarters of its length."""
    return base64.b64encode(random.Random(size_bytes).randbytes(size_bytes * 3 // 4)).decode()


def words(size_bytes: int) -> str:
    """Text that compresses well."""
    return "naïve ✓ " * (size_bytes // len("naïve ✓ ".encode()))


async def measure(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    return {"length": len(arguments["text"])}


async def make(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult:
    text = (noise if arguments["is_noise"] else words)(arguments["size_bytes"])
    return CallToolResult(content=[TextContent(type="text", text=text)])


SERVER = tool_server(measure=measure, make=make)


class Bucket(MemoryPayloads):
    """A bucket that its sessions and workers share, and do not close for each other."""

    def close(self) -> None:
        """Stay open."""

    @property
    def claim_checks(self) -> ClaimChecks:
        return ClaimChecks(store=self)


class Locked(Bucket):
    """A bucket into which nothing can be put."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def put(self, key: str, payload: bytes) -> None:
        raise self.error


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def text_of(result: CallToolResult) -> str | None:
    return getattr(result.content[0], "text", None)


# -- with a bucket ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_what_does_not_compress_goes_by_s3_both_ways(
    stage: Stage, bucket: Bucket, size_bytes: int
) -> None:
    await stage.serve(SERVER, claim_checks=bucket.claim_checks)
    session = await stage.session(claim_checks=bucket.claim_checks)
    text = noise(size_bytes)

    measured = await session.call("measure", text=text)
    made = await session.call("make", size_bytes=size_bytes, is_noise=True)
    echoed = await session.call("echo", text=text)

    assert measured.structured_content == {"length": len(text)}
    assert text_of(made) == text
    assert echoed.structured_content == {"text": text}
    # Two arguments, two results; each is put once, and got once.
    assert (len(bucket.keys()), bucket.statistics().requests) == (
        4,
        {"PutObject": 4, "GetObject": 4},
    )
    assert session.status.requests["PutObject"] == 4
    assert max(len(body) for _, bodies in stage.deployment.bus.published for body in bodies) < 2048


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_what_compresses_needs_no_bucket(
    stage: Stage, bucket: Bucket, size_bytes: int
) -> None:
    await stage.serve(SERVER, claim_checks=bucket.claim_checks)
    session = await stage.session(claim_checks=bucket.claim_checks)
    text = words(size_bytes)

    made = await session.call("make", size_bytes=size_bytes, is_noise=False)
    echoed = await session.call("echo", text=text)

    assert (text_of(made), echoed.structured_content) == (text, {"text": text})
    assert bucket.statistics().request_count == 0


async def test_the_ledger_says_what_a_call_weighed(stage: Stage, bucket: Bucket) -> None:
    await stage.serve(SERVER, claim_checks=bucket.claim_checks)
    session = await stage.session(claim_checks=bucket.claim_checks)

    call = session.submit("make", size_bytes=300_000, is_noise=True)
    await call

    assert call.record.response_bytes is not None
    assert 300_000 < call.record.response_bytes < 302_000


async def test_duplicates_losses_and_a_failing_bucket_change_no_result(
    stage: Stage, bucket: Bucket
) -> None:
    bus = stage.deployment.bus
    bus.faults = Faults(duplicate_share=0.3, delay_seconds=0.05, reorder=True, error_share=0.05)
    bucket.faults = Faults(error_share=0.2)
    # A message whose payload could not be fetched is out of sight until its lease ends.
    await stage.serve(SERVER, claim_checks=bucket.claim_checks, lease_seconds=1)
    session = await stage.session(claim_checks=bucket.claim_checks, lease_seconds=1)
    texts = [noise(300_000 + 4 * number) for number in range(12)]

    group = await session.map("echo", [{"text": text} for text in texts])

    assert group.counts() == {Status.DONE: 12}
    assert [call.record.structured for call in group] == [{"text": text} for text in texts]


# -- without ---------------------------------------------------------------------------------------

SETTINGS = r"claim_check_bucket, or raise the topic's MaximumMessageSize"


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_without_a_bucket_the_submitter_is_told_and_nothing_is_sent(
    stage: Stage, size_bytes: int
) -> None:
    session = await stage.session()
    told = rf"message of [\d,]+ bytes is above the limit of 262,144 bytes; .*{SETTINGS}"

    call = session.submit("measure", text=noise(size_bytes))

    with pytest.raises(PayloadTooLarge, match=told) as caught:
        await call
    assert size_bytes < caught.value.size_bytes < size_bytes + 2_000
    assert call.status is Status.FAILED
    published = stage.deployment.bus.published
    assert not any("tools/call" in body for _, bodies in published for body in bodies)


@pytest.mark.parametrize("size_bytes", SIZES)
async def test_without_a_bucket_the_caller_is_told_of_a_result(
    stage: Stage, size_bytes: int
) -> None:
    await stage.serve(SERVER)
    session = await stage.session()

    told = rf"The answer was not sent: message of [\d,]+ bytes is above the limit of .*{SETTINGS}"
    with pytest.raises(CallFailed, match=told):
        await session.call("make", size_bytes=size_bytes, is_noise=True)


@pytest.mark.parametrize("error", [BusDenied("no s3:PutObject"), BusNotFound("make the bucket")])
async def test_a_caller_is_told_when_the_server_may_not_use_the_bucket(
    stage: Stage, bucket: Bucket, error: Exception
) -> None:
    """It is not left waiting for an answer that will never be there."""
    await stage.serve(SERVER, claim_checks=Locked(error).claim_checks)
    session = await stage.session(claim_checks=bucket.claim_checks)

    with pytest.raises(CallFailed, match=f"The answer was not sent: {error}"):
        await session.call("make", size_bytes=300_000, is_noise=True)

    small = await session.call("measure", text="small")
    assert small.structured_content == {"length": 5}


@pytest.mark.parametrize("error", [BusDenied("no s3:PutObject"), BusNotFound("make the bucket")])
async def test_a_submitter_is_told_when_the_bucket_cannot_be_used(
    stage: Stage, error: Exception
) -> None:
    await stage.serve(SERVER)
    session = await stage.session(claim_checks=Locked(error).claim_checks)

    with pytest.raises(type(error), match=str(error)):
        await session.call("measure", text=noise(300_000))

    assert session.status.error == str(error)
    assert session.status.state != "broker unreachable"
    small = await session.call("measure", text="small")
    assert small.structured_content == {"length": 5}

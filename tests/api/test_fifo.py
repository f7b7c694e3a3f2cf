"""A FIFO deployment: order kept by the broker, and nothing swallowed by its deduplication."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.broker import ensure_worker, open_bus, provision, remove_worker, teardown
from asyncmcp_nb.bus import Bus, QueueDepth
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import CallCancelled
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.messages import lone_ordering
from asyncmcp_nb.wire import Outgoing
from tests.helpers import HANDSHAKE, MODERN, Plug, ToolContext, eventually, tool_server

PATIENCE_SECONDS = 45.0


@pytest.fixture
def deployment(broker_deployment: Deployment) -> Iterator[Deployment]:
    """A FIFO one at the same broker."""
    made = provision(
        f"f{secrets.token_hex(4)}",
        region=broker_deployment.region,
        endpoint_url=broker_deployment.endpoint_url,
        fifo=True,
    )
    yield replace(made, session_key_file=broker_deployment.session_key_file)
    teardown(made)


class Tools:
    """Tools that say what they did, and one that waits to be let go."""

    def __init__(self) -> None:
        self.runs: Counter[Any] = Counter()
        self.entered = threading.Event()
        self.cancelled = threading.Event()
        self.go = threading.Event()
        self.server = tool_server(count=self.count, stay=self.stay, report=self.report)

    async def count(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.runs[arguments["n"]] += 1
        return arguments

    async def stay(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.runs[arguments["n"]] += 1
        self.entered.set()
        try:
            await anyio.to_thread.run_sync(self.go.wait, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise
        return arguments

    async def report(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        for step in range(arguments["n"]):
            await ctx.session.report_progress(step, arguments["n"], f"step {step}")
        return arguments


@asynccontextmanager
async def working(deployment: Deployment, tools: Tools, bus: Any) -> AsyncGenerator[None]:
    """One worker in this loop, on a bus that a test can cut off."""
    worker_id = secrets.token_hex(4)
    config = SnsSqsTransportConfig(
        sqs_queue_url=deployment.server_queue_url,
        sns_topic_arn=deployment.response_topic_arn,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        control_queue_url=await anyio.to_thread.run_sync(ensure_worker, deployment, worker_id),
        worker_id=worker_id,
        poll_wait_seconds=1.0,
        lease_seconds=2.0,
    )
    async with hosting(tools.server, bus, config):
        yield
    await anyio.to_thread.run_sync(remove_worker, deployment, worker_id)


async def happened(event: threading.Event) -> None:
    """Wait for what happens in a server's thread."""
    assert await anyio.to_thread.run_sync(event.wait, PATIENCE_SECONDS)


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_fifty_calls_are_answered_once_each(deployment: Deployment, era: Any) -> None:
    tools = Tools()
    with serve(tools.server, deployment):
        async with connect(deployment, era=era) as session:
            with anyio.fail_after(PATIENCE_SECONDS):
                group = await session.map("count", [{"n": n} for n in range(50)])

            assert group.counts() == {Status.DONE: 50}
            assert [call.record.structured for call in group] == [{"n": n} for n in range(50)]
    assert tools.runs == Counter(range(50))


async def test_clients_do_not_wait_for_each_other(deployment: Deployment) -> None:
    """A client's group holds back its own requests only."""
    tools = Tools()
    with serve(tools.server, deployment):
        async with (
            connect(deployment, name="slow") as slow,
            connect(deployment, name="quick") as quick,
        ):
            staying = slow.submit("stay", n=1)
            await happened(tools.entered)
            with anyio.fail_after(PATIENCE_SECONDS):
                answered = await quick.call("count", n=2)
            is_finished = staying.record.is_finished
            tools.go.set()
            await staying

    assert (answered.structured_content, is_finished) == ({"n": 2}, False)


async def test_progress_comes_in_order_and_before_the_answer(deployment: Deployment) -> None:
    heard: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    with serve(Tools().server, deployment):
        async with connect(deployment) as session:
            with anyio.fail_after(PATIENCE_SECONDS):
                result = await session.client.call_tool("report", {"n": 12}, progress_callback=hear)

    assert (heard, result.structured_content) == ([float(n) for n in range(12)], {"n": 12})


async def test_a_cancellation_reaches_the_tool_that_holds_its_group(
    deployment: Deployment,
) -> None:
    tools = Tools()
    with serve(tools.server, deployment):
        async with connect(deployment) as session:
            call = session.submit("stay", n=1)
            await happened(tools.entered)
            call.cancel()
            await happened(tools.cancelled)
            with pytest.raises(CallCancelled):
                await call
            with anyio.fail_after(PATIENCE_SECONDS):
                after = await session.call("count", n=2)

    assert after.structured_content == {"n": 2}


async def test_a_worker_that_was_killed_is_replaced_and_its_call_is_answered(
    deployment: Deployment,
) -> None:
    tools = Tools()
    with closing(open_bus(deployment)) as bus, anyio.fail_after(PATIENCE_SECONDS):
        plug = Plug(bus)  # type: ignore[arg-type] # of a bus, whatever bus it is
        async with (
            connect(deployment) as session,
            working(deployment, tools, plug),
        ):
            call = session.submit("stay", n=1)
            await happened(tools.entered)
            plug.pull()
            tools.go.set()
            async with working(deployment, tools, bus):
                result = await call
            deliveries = call.record.deliveries

    assert (result.structured_content, tools.runs[1], deliveries) == ({"n": 1}, 2, 1)


async def test_an_answer_that_is_given_twice_is_neither_missed_nor_doubled(
    deployment: Deployment,
) -> None:
    """A worker dies between publishing and acknowledging; another runs the request again."""
    tools = Tools()
    with closing(open_bus(deployment)) as bus, anyio.fail_after(PATIENCE_SECONDS):
        plug = Plug(bus)  # type: ignore[arg-type] # of a bus, whatever bus it is
        async with connect(deployment) as session:
            async with working(deployment, tools, plug):
                await session.list_tools()
                await eventually(
                    lambda: bus.measure(deployment.server_queue_url) == QueueDepth(0, 0)
                )
                plug.ack = lambda queue, receipts: [None] * len(receipts)  # it only seems to
                call = session.submit("count", n=1)
                first = await call
                plug.pull()
            async with working(deployment, tools, bus):
                # Behind it in its group: it comes when the other has been dealt with.
                after = await session.call("count", n=2)
            row = call.record

    assert (first.structured_content, after.structured_content) == ({"n": 1}, {"n": 2})
    assert (tools.runs[1], row.status) == (2, Status.DONE)
    # Moto forgets what it has delivered, and lets the second answer through; it is counted.
    assert row.deliveries <= 2


async def test_a_session_that_resumes_sends_its_request_again_and_it_runs_once(
    deployment: Deployment,
) -> None:
    """The kernel died between the publish and the note of it: the topic drops the second."""
    tools = Tools()
    async with connect(deployment, name="alice") as session:
        call = session.submit("count", n=1)
        await eventually(lambda: call.status is Status.SENT)
        forget_that_it_was_sent(session.log.ledger.path)
    async with connect(deployment, name="alice") as again:
        resumed = again.get(call.id)
        await eventually(lambda: resumed.record.attempts == 2)
        with serve(tools.server, deployment), anyio.fail_after(PATIENCE_SECONDS):
            result = await resumed
            await again.call("count", n=2)

    assert (result.structured_content, tools.runs) == ({"n": 1}, Counter([1, 2]))


def forget_that_it_was_sent(ledger_file: str) -> None:
    """As if the process had been killed at that moment."""
    with closing(sqlite3.connect(ledger_file)) as db, db:
        db.execute("UPDATE calls SET status = 0, sent_at = NULL")


async def test_what_does_not_verify_is_put_aside_in_a_fifo_queue_too(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", "k" * 32)
    signed = replace(deployment, signing_keys=("env:THE_KEY",))
    with serve(Tools().server, signed), closing(open_bus(deployment)) as bus:
        for body in ("hello", "{}"):
            ordering = lone_ordering(deployment.server_queue_url)
            bus.send(deployment.server_queue_url, Outgoing(body, {"X": "1"}, ordering=ordering))
        reasons = await anyio.to_thread.run_sync(dead_letter_reasons, bus, deployment, 2)

    assert reasons == ["message is not signed"] * 2


def dead_letter_reasons(bus: Bus, deployment: Deployment, count: int) -> list[str]:
    """Of this many dead letters."""
    reasons: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(reasons) < count and time.monotonic() < deadline:
        letters = bus.receive(
            deployment.dead_letter_queue_url, max_count=10, wait_seconds=2, lease_seconds=60
        )
        reasons += [letter.attributes["DeadLetterReason"] for letter in letters]
    return reasons

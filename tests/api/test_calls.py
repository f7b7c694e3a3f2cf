"""What a person is promised of calls, kept by ``connect`` and ``serve`` over each broker."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import anyio
import anyio.to_thread
import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.broker import open_bus
from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Era
from asyncmcp_nb.errors import CallCancelled
from asyncmcp_nb.sns_sqs.parking import REASON_ATTRIBUTE
from asyncmcp_nb.wire import Outgoing
from tests.helpers import HANDSHAKE, MODERN, ToolContext, tool_server

PATIENCE_SECONDS = 30.0
ERAS = pytest.mark.parametrize("era", [MODERN, HANDSHAKE])


@pytest.fixture
def bus(broker_deployment: Deployment) -> Iterator[AwsBus]:
    opened = open_bus(broker_deployment)
    yield opened
    opened.close()


class Runs:
    """A tool that counts what it was called with; other threads wait for it here."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    async def __call__(self, ctx: ToolContext, arguments: dict[str, int]) -> dict[str, int]:
        self.counts[arguments["n"]] += 1
        return {"n": arguments["n"], "square": arguments["n"] ** 2}


class Stuck:
    """A tool that never answers, and notes when it is cancelled."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.cancelled = threading.Event()

    async def __call__(self, ctx: ToolContext, arguments: dict[str, object]) -> object:
        self.entered.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled.set()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does and tells nobody.

    Raises:
        TimeoutError: It did not within ``PATIENCE_SECONDS``.
    """

    def watch() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError("what the test waits for did not happen")
            time.sleep(0.02)

    await anyio.to_thread.run_sync(watch)


async def happens(event: threading.Event) -> bool:
    return await anyio.to_thread.run_sync(event.wait, PATIENCE_SECONDS)


@ERAS
async def test_a_hundred_calls_run_once_each_and_are_answered_once_each(
    broker_deployment: Deployment, era: Era
) -> None:
    runs = Runs()
    with serve(tool_server(runs=runs), broker_deployment):
        async with connect(broker_deployment, era=era) as session:
            group = await session.map("runs", [{"n": n} for n in range(100)])

            results = [(await call).structured_content for call in group]
            deliveries = Counter(call.record.deliveries for call in group)

    assert results == [{"n": n, "square": n**2} for n in range(100)]
    assert deliveries == {1: 100}
    assert runs.counts == Counter(range(100))


async def test_progress_arrives_in_order_and_before_the_answer(
    broker_deployment: Deployment,
) -> None:
    async def climb(ctx: ToolContext, arguments: dict[str, int]) -> dict[str, int]:
        for step in range(arguments["steps"]):
            await ctx.session.report_progress(step, arguments["steps"], f"step {step}")
        return {"done": arguments["steps"]}

    heard: list[float] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    with serve(tool_server(climb=climb), broker_deployment):
        async with connect(broker_deployment) as session:
            result = await session.client.call_tool(
                "climb", {"steps": 50}, progress_callback=listen
            )

    assert result.structured_content == {"done": 50}
    assert heard == list(range(50))


async def test_cancelling_a_call_reaches_its_tool(broker_deployment: Deployment) -> None:
    stuck = Stuck()
    with serve(tool_server(stuck=stuck), broker_deployment):
        async with connect(broker_deployment) as session:
            call = session.submit("stuck")
            assert await happens(stuck.entered)

            assert call.cancel() is True

            assert await happens(stuck.cancelled)
            with pytest.raises(CallCancelled):
                await call


async def test_a_call_waits_for_a_server_that_does_not_exist_yet(
    broker_deployment: Deployment,
) -> None:
    runs = Runs()
    async with connect(broker_deployment) as session:
        call = session.submit("runs", {"n": 3})
        await until(lambda: call.status == "sent")
        with serve(tool_server(runs=runs), broker_deployment):
            assert (await call).structured_content == {"n": 3, "square": 9}

    assert runs.counts == {3: 1}


@ERAS
async def test_who_returns_under_the_same_name_finds_the_answers_that_came_meanwhile(
    broker_deployment: Deployment, era: Era
) -> None:
    runs = Runs()
    with serve(tool_server(), broker_deployment):
        early = await connect(broker_deployment, name="alice", era=era)
    calls = [early.submit("runs", {"n": n}) for n in range(5)]
    await until(lambda: {call.status for call in calls} == {"sent"})
    await early.close()

    with serve(tool_server(runs=runs), broker_deployment):
        await until(lambda: runs.counts.total() == 5)
    # The server that answered is gone by now, and this one could not answer.
    with serve(tool_server(), broker_deployment):
        async with connect(broker_deployment, name="alice", era=era) as late:
            results = [(await late.get(call.id)).structured_content for call in calls]
            deliveries = [late.get(call.id).record.deliveries for call in calls]

    assert results == [{"n": n, "square": n**2} for n in range(5)]
    assert deliveries == [1] * 5
    assert runs.counts == Counter(range(5))


async def test_what_cannot_be_read_is_parked_with_its_reason_and_the_worker_goes_on(
    broker_deployment: Deployment, bus: AwsBus
) -> None:
    with serve(tool_server(), broker_deployment):
        straight = partial(bus.send, broker_deployment.server_queue_url)
        await anyio.to_thread.run_sync(straight, Outgoing("no JSON", {"MessageType": "jsonrpc"}))
        through = partial(bus.publish, broker_deployment.request_topic_arn)
        await anyio.to_thread.run_sync(through, [Outgoing("[1, 2", {"MessageType": "jsonrpc"})])
        letters = await anyio.to_thread.run_sync(
            take, bus, broker_deployment.dead_letter_queue_url, 2
        )

        async with connect(broker_deployment) as session:
            assert (await session.call("echo", {"n": 1})).structured_content == {"n": 1}

    assert sorted(letter.body for letter in letters) == ["[1, 2", "no JSON"]
    assert all("JSON" in letter.attributes[REASON_ATTRIBUTE] for letter in letters)


def take(bus: AwsBus, queue: str, count: int) -> list[Delivery]:
    """Wait for this many messages of a queue, and give back what has come by the deadline."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    taken: list[Delivery] = []
    while len(taken) < count and time.monotonic() < deadline:
        taken += bus.receive(queue, max_count=10, wait_seconds=1, lease_seconds=60)
    return taken

"""Deadlines and cancellations, wherever the request is: over the host, and over one stream."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.server.mcpserver import MCPServer
from mcp_types import JSONRPCRequest

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.unwanted import TOMBSTONE_COUNT, Tombstones
from asyncmcp_nb.sns_sqs.work import ReturnAddress, Work
from asyncmcp_nb.wire import Header, Incoming
from asyncmcp_nb.wire.meta import DEADLINE_KEY, deadline_text
from tests.helpers import (
    PATIENCE_SECONDS,
    SERVER_QUEUE,
    MemoryDeployment,
    Plug,
    RawClient,
    ToolContext,
    notification,
    result_of,
    serving_stream,
    tool_call,
    tool_server,
)

SOON_SECONDS = 1.0
"""Time enough for a request to be begun, on a machine that is busy."""


class Bench:
    """A tool that notes who ran, waits at a gate, and notices that it is cancelled."""

    def __init__(self, memory: MemoryDeployment, kind: str) -> None:
        self.memory = memory
        self.ran: list[Any] = []
        self.cancelled: list[Any] = []
        self.gate = anyio.Event()
        self.server = tool_server(wait=self.wait)
        self._how = hosting if kind == "host" else serving_stream

    async def wait(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.ran.append(arguments["who"])
        try:
            await self.gate.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(arguments["who"])
            raise
        return arguments

    @asynccontextmanager
    async def working(self, bus: Bus | None = None, **settings: Any) -> AsyncGenerator[str]:
        """One more worker; its control queue."""
        config = self.memory.server(**settings)
        with anyio.fail_after(2 * PATIENCE_SECONDS):
            async with self._how(self.server, bus or self.memory.bus, config):
                yield self.memory.control_queue(config)

    async def until(self, holds: Callable[[], bool]) -> None:
        await self.memory.bus.until(holds)

    async def is_read(self, control_queue: str) -> None:
        """Wait until a worker has read its control queue."""
        await self.until(lambda: self.memory.bus.depth(control_queue) == 0)


@pytest.fixture(params=["host", "stream"])
async def bench(memory: MemoryDeployment, request: pytest.FixtureRequest) -> Bench:
    return Bench(memory, request.param)


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def wait_call(request_id: int, who: Any = "it", seconds: float | None = None) -> JSONRPCRequest:
    meta = {} if seconds is None else {DEADLINE_KEY: deadline_text(time.time() + seconds)}
    return tool_call(request_id, "wait", {"who": who}, **meta)


# -- deadlines -------------------------------------------------------------------------------------


async def test_a_request_that_runs_is_interrupted_at_its_deadline(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working():
        alice.send(wait_call(1, seconds=SOON_SECONDS))
        await bench.until(lambda: bench.cancelled == ["it"])
        await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == (["it"], 0)


async def test_the_soonest_deadline_is_kept_whenever_it_came(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working():
        alice.send(wait_call(1, "in an hour", 3600))
        await bench.until(lambda: bench.ran == ["in an hour"])
        alice.send(
            wait_call(2, "never"),
            wait_call(4, "next", 1.2 * SOON_SECONDS),
            wait_call(3, "soon", SOON_SECONDS),
        )
        await bench.until(lambda: bench.cancelled == ["soon", "next"])
        bench.gate.set()
        answers = [result_of(i.message)["who"] for i in await alice.receive(2)]
        await bench.memory.settled()

    assert sorted(answers) == ["in an hour", "never"]
    assert alice.waiting_count() == 0


async def test_a_deadline_that_passes_after_the_answer_changes_nothing(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working():
        bench.gate.set()
        alice.send(wait_call(1, "first", SOON_SECONDS))
        first = await alice.answer()
        bench.gate = anyio.Event()
        alice.send(wait_call(2, "second", 1.2 * SOON_SECONDS))
        await bench.until(lambda: bench.cancelled == ["second"])
        await bench.memory.settled()

    assert (result_of(first), alice.waiting_count()) == ({"who": "first"}, 0)


async def test_a_request_that_was_interrupted_at_its_deadline_does_not_run_again(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working():
        late = wait_call(1, seconds=SOON_SECONDS)
        alice.send(late)
        await bench.until(lambda: bench.cancelled == ["it"])
        alice.send(late)
        await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == (["it"], 0)


# -- cancelled before it runs ----------------------------------------------------------------------


async def test_a_request_cancelled_when_there_was_no_worker_yet_is_not_answered_by_any(
    bench: Bench, alice: RawClient
) -> None:
    """Workers that start later have not been told; the one that finds the word tells them."""
    alice.send(wait_call(1))
    alice.cancel(1)

    async with bench.working(), bench.working(), bench.working():
        await bench.memory.settled()

    assert bench.ran == bench.cancelled
    assert alice.waiting_count() == 0


async def test_a_request_that_is_taken_but_not_begun_never_runs_once_it_is_cancelled(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working() as control_queue:
        # The loop stands still while both are taken.
        alice.send(wait_call(1))
        bench.memory.bus.wait_until(lambda: bench.memory.bus.started["receive", SERVER_QUEUE] == 2)
        alice.cancel(1)
        bench.memory.bus.wait_until(lambda: bench.memory.bus.depth(control_queue) == 0)
        await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == ([], 0)


# -- cancelled while it runs -----------------------------------------------------------------------


async def test_a_cancellation_finds_the_worker_that_runs_the_request(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working(), bench.working(), bench.working():
        alice.send(*[wait_call(number, number) for number in range(9)])
        await bench.until(lambda: len(bench.ran) == 9)
        for number in range(0, 9, 2):
            alice.cancel(number)
        await bench.until(lambda: sorted(bench.cancelled) == [0, 2, 4, 6, 8])
        bench.gate.set()
        answers = [result_of(i.message)["who"] for i in await alice.receive(4)]
        await bench.memory.settled()

    assert sorted(answers) == [1, 3, 5, 7]
    assert alice.waiting_count() == 0


async def test_a_cancellation_that_another_worker_takes_is_passed_on(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working(max_in_flight=1):
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        # The first has no room, so the second takes what lies in the common queue.
        async with bench.working():
            alice.send(notification("notifications/cancelled", requestId=1))
            await bench.until(lambda: bench.cancelled == ["it"])
            await bench.memory.settled()

    assert alice.waiting_count() == 0


async def test_a_cancellation_by_another_client_stops_nothing(
    bench: Bench, alice: RawClient
) -> None:
    mallory = RawClient(bench.memory, "mallory")
    async with bench.working() as control_queue:
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        mallory.cancel(1)
        await bench.memory.bus.until(lambda: bench.memory.bus.depth(SERVER_QUEUE) == 1)
        await bench.is_read(control_queue)
        bench.gate.set()

        assert result_of(await alice.answer()) == {"who": "it"}
    assert bench.cancelled == []


async def test_a_tool_in_a_thread_runs_to_its_end_though_cancelled_and_is_not_answered(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    """Nobody can stop a thread: the request holds its lease and its slot until it is done."""
    app, entered, gate = MCPServer("app"), threading.Event(), threading.Event()

    @app.tool()
    def block() -> str:
        """Wait in a thread."""
        entered.set()
        gate.wait(PATIENCE_SECONDS)
        return "done"

    with anyio.fail_after(2 * PATIENCE_SECONDS):
        config = memory.server(max_in_flight=1, lease_seconds=1)
        async with hosting(lowlevel_of(app), memory.bus, config) as host:
            alice.send(tool_call(1, "block"))
            await memory.bus.until(entered.is_set)
            alice.cancel(1)
            control_queue = memory.control_queue(config)
            await memory.bus.until(lambda: memory.bus.depth(control_queue) == 0)
            assert (host.statistics().in_flight_count, memory.bus.depth(SERVER_QUEUE)) >= (1, 1)
            gate.set()
            await memory.settled()

    assert alice.waiting_count() == 0


# -- what comes afterwards -------------------------------------------------------------------------


async def test_a_cancelled_request_that_comes_again_does_not_run_again(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.working():
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        alice.cancel(1)
        await bench.until(lambda: bench.cancelled == ["it"])
        await bench.memory.settled()
        alice.send(wait_call(1))
        await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == (["it"], 0)


async def test_a_cancelled_request_of_a_worker_that_dies_is_not_run_by_another(
    bench: Bench, alice: RawClient
) -> None:
    plug = Plug(bench.memory.bus)
    async with bench.working(plug, lease_seconds=1):
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        async with bench.working() as control_queue:
            plug.pull()
            alice.cancel(1)
            await bench.is_read(control_queue)
            await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == (["it"], 0)


async def test_a_cancellation_that_comes_too_late_leaves_the_answer_and_the_next_request(
    bench: Bench, memory: MemoryDeployment
) -> None:
    """Of a client that has no connection, and numbers its requests from 1 each time it runs."""
    script = RawClient(memory)
    nameless = {"connection_id": None}
    bench.gate.set()
    async with bench.working():
        for sent_at in (100.0, 200.0):
            script.send(wait_call(1, sent_at), timestamp=sent_at, **nameless)
            assert result_of(await script.answer()) == {"who": sent_at}
            cancel = notification("notifications/cancelled", requestId=1)
            script.send(cancel, timestamp=sent_at + 1, **nameless)
            await memory.settled()

    assert bench.ran == [100.0, 200.0]


async def test_a_cancellation_that_comes_late_leaves_the_next_request_that_runs(
    bench: Bench, memory: MemoryDeployment
) -> None:
    """Of a client without a connection: workers pass its cancellations on, by a slower way."""
    script = RawClient(memory)
    nameless = {"connection_id": None}
    cancel = notification("notifications/cancelled", requestId=1)
    async with bench.working() as control_queue:
        script.send(wait_call(1, "next"), timestamp=200.0, **nameless)
        await bench.until(lambda: bench.ran == ["next"])
        script.send(cancel, timestamp=101.0, **nameless)
        await bench.until(lambda: memory.bus.depth(SERVER_QUEUE) == 1)
        await bench.is_read(control_queue)
        bench.gate.set()

        assert result_of(await script.answer()) == {"who": "next"}

    assert bench.cancelled == []


# -- what is remembered ----------------------------------------------------------------------------


def work(
    number: int, *, connection_id: str | None = "c" * 32, sent_at: float | None = None
) -> Work:
    """A request in nobody's hands."""
    request = tool_call(number, "echo")
    header = Header(client_id="alice", connection_id=connection_id, timestamp=sent_at)
    incoming = Incoming(request, header, 0)
    address = ReturnAddress.of(incoming)
    assert address is not None
    nothing: Any = None
    delivery = Delivery("receipt", "", {})
    return Work(request, incoming, address, (address.owner, str(number)), nothing, delivery)


def test_only_so_many_cancellations_are_remembered() -> None:
    tombstones = Tombstones()

    for number in range(TOMBSTONE_COUNT + 1):
        tombstones.add(work(number).key, None)

    covered = [tombstones.cover(work(number)) for number in (0, 1, TOMBSTONE_COUNT, 1)]
    assert covered == [False, True, True, False]


@pytest.mark.parametrize(
    ("connection_id", "sent_at", "cancelled_at", "is_covered"),
    [
        ("c" * 32, 2.0, 1.0, True),
        (None, 1.0, 1.0, True),
        (None, 2.0, 1.0, False),
        (None, None, 1.0, True),
        (None, 2.0, None, True),
    ],
)
def test_a_cancellation_covers_no_later_request_of_a_client_that_numbers_anew(
    connection_id: str | None, sent_at: float | None, cancelled_at: float | None, is_covered: bool
) -> None:
    tombstones = Tombstones()
    asked = work(1, connection_id=connection_id, sent_at=sent_at)
    tombstones.add(asked.key, cancelled_at)

    assert tombstones.cover(asked) is is_covered

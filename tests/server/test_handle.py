"""A server in a thread of its own."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
import pytest
from mcp.server.lowlevel.server import Server

from asyncmcp_nb.errors import BusDenied, BusUnavailable, ServeError
from asyncmcp_nb.server import handle as handle_module
from asyncmcp_nb.server.handle import ServerHandle
from asyncmcp_nb.server.identity import new_worker_id
from asyncmcp_nb.sns_sqs.depths import UNKNOWN
from asyncmcp_nb.wire import Outgoing
from tests.helpers import (
    DEAD_LETTERS,
    PATIENCE_SECONDS,
    SERVER_QUEUE,
    MemoryDeployment,
    Plug,
    RawClient,
    ToolContext,
    result_of,
    tool_call,
    tool_server,
)

Make = Callable[..., ServerHandle]


@pytest.fixture
def make(memory: MemoryDeployment) -> Generator[Make]:
    handles: list[ServerHandle] = []

    def build(server: Server[Any] | None = None, **settings: Any) -> ServerHandle:
        handle = ServerHandle(
            server or tool_server(), memory.bus, memory.server(), deployment="test", **settings
        )
        handles.append(handle)
        return handle

    yield build
    for handle in handles:
        handle.stop()


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def broken_server(*, starts: bool = False) -> Server[Any]:
    """A server whose lifespan fails, at its start or at its end."""

    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        if not starts:
            raise ExceptionGroup("several", [ValueError("no database"), ValueError("no cache")])
        yield {}
        raise ValueError("no end either")

    server = tool_server()
    server.lifespan = lifespan
    return server


def test_a_started_server_answers_from_a_thread_of_its_own(make: Make, alice: RawClient) -> None:
    handle = make().start()

    alice.send(tool_call(1, "echo", {"text": "日本"}))

    (incoming,) = alice.take()
    assert result_of(incoming.message) == {"text": "日本"}
    assert (handle.name, handle.deployment, handle.is_serving) == ("tools", "test", True)


def test_the_status_tells_how_it_is_doing(
    make: Make, alice: RawClient, memory: MemoryDeployment
) -> None:
    handle = make()
    assert handle.status.state == "starting"

    handle.start()
    alice.send(tool_call(1, "echo"))
    alice.take()
    memory.bus.wait_until(lambda: handle.status.statistics.answered_count == 1)

    status = handle.status
    assert (status.state, status.error, status.up_seconds >= 0) == ("serving", None, True)
    assert status.requests["PublishBatch"] >= 1
    assert re.fullmatch(
        r"<Server tools@test · serving · 0 in flight · (\d waiting · )?1 answered · "
        r"0 redelivered · 0 dead letters · up \d+ s>",
        repr(handle),
    )


def test_a_check_tells_how_full_the_queues_are_and_a_snapshot_asks_nobody(
    make: Make, alice: RawClient, memory: MemoryDeployment
) -> None:
    memory.bus.send(DEAD_LETTERS, Outgoing("{}", {}))
    handle = make()
    assert handle.check().queue == UNKNOWN
    handle.start()

    before = handle.snapshot()
    status = handle.check()

    assert (before.queue, before.dead_letters) == (UNKNOWN, UNKNOWN)
    assert (status.queue.waiting_count, status.dead_letters.waiting_count) == (0, 1)
    assert memory.bus.statistics().requests["GetQueueAttributes"] == 2


def test_a_server_that_may_not_measure_says_so_and_serves(
    make: Make, alice: RawClient, memory: MemoryDeployment
) -> None:
    for queue in (SERVER_QUEUE, DEAD_LETTERS):
        memory.bus.fail("measure", queue, BusDenied("no"))
    handle = make().start()

    status = handle.check()
    alice.send(tool_call(1, "echo"))

    assert str(status.queue) == "unknown (sqs:GetQueueAttributes is not allowed)"
    assert (status.state, status.error) == ("serving", None)
    assert result_of(alice.take()[0].message) == {}


def test_the_status_tells_that_the_queue_cannot_be_read(
    make: Make, memory: MemoryDeployment
) -> None:
    memory.bus.fail("receive", SERVER_QUEUE, *[BusUnavailable("no route to SQS")] * 20)

    handle = make().start()

    memory.bus.wait_until(lambda: handle.status.state == "queue unreachable")
    assert handle.status.error == "no route to SQS"
    assert str(handle.status).endswith(" · no route to SQS")


def test_a_stopped_server_lets_its_requests_finish_and_closes_its_bus(
    make: Make, alice: RawClient, memory: MemoryDeployment
) -> None:
    running, finish = threading.Event(), threading.Event()
    stopped: list[str] = []

    async def slow(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        running.set()
        await anyio.to_thread.run_sync(finish.wait, PATIENCE_SECONDS)
        return {"finished": True}

    handle = make(tool_server(slow=slow), on_stop=lambda: stopped.append("now")).start()
    alice.send(tool_call(1, "slow"))
    assert running.wait(PATIENCE_SECONDS)

    stopper = threading.Thread(target=handle.stop)
    stopper.start()
    memory.bus.wait_until(lambda: not handle.is_serving)
    finish.set()
    (incoming,) = alice.take()
    stopper.join(PATIENCE_SECONDS)

    assert result_of(incoming.message) == {"finished": True}
    assert (handle.status.state, stopped) == ("stopped", ["now"])
    assert repr(memory.bus).startswith("<MemoryBus closed")


def test_what_a_tool_that_blocks_the_loop_has_in_hand_goes_to_another_worker(
    make: Make, alice: RawClient, memory: MemoryDeployment
) -> None:
    running, finish = threading.Event(), threading.Event()

    async def block(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        running.set()
        finish.wait(PATIENCE_SECONDS)
        return {"by": "the first"}

    async def run(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return {"by": "the second"}

    first = make(tool_server(block=block)).start()
    alice.send(tool_call(1, "block"))
    assert running.wait(PATIENCE_SECONDS)
    first.stop(timeout=0.01)
    state = first.status.state
    # A bus for each, since the first closes its own at its end.
    config = memory.server()
    with ServerHandle(tool_server(block=run), Plug(memory.bus), config, deployment="test").start():
        (incoming,) = alice.take()
    finish.set()

    assert result_of(incoming.message) == {"by": "the second"}
    assert state == "stopping"


def test_stopping_twice_is_no_error(make: Make) -> None:
    handle = make().start()

    handle.stop()
    handle.stop()

    assert handle.status.state == "stopped"


def test_a_server_that_was_never_started_can_be_stopped(make: Make) -> None:
    make().stop()


def test_a_server_stops_at_the_end_of_its_context(make: Make) -> None:
    with make().start() as handle:
        assert handle.is_serving

    assert handle.status.state == "stopped"


async def test_a_server_stops_at_the_end_of_its_async_context(make: Make) -> None:
    async with make().start() as handle:
        assert handle.is_serving

    assert handle.status.state == "stopped"


def test_a_server_that_does_not_start_says_why(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    handle = make(broken_server())

    with pytest.raises(ServeError, match="tools did not start: ValueError: no database"):
        handle.start()

    assert (handle.status.state, handle.status.error) == ("failed", "ValueError: no database")
    assert "the server failed" in caplog.messages


def test_a_lifespan_that_exits_is_a_start_that_failed(make: Make) -> None:
    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        sys.exit(4)
        yield {}

    server = tool_server()
    server.lifespan = lifespan

    with pytest.raises(ServeError, match="tools did not start: SystemExit: 4"):
        make(server).start()


def test_a_server_that_takes_too_long_to_start_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle_module, "_START_SECONDS", 0.05)
    go_on = threading.Event()

    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        go_on.wait(PATIENCE_SECONDS)
        yield {}

    server = tool_server()
    server.lifespan = lifespan
    handle = make(server)

    with pytest.raises(ServeError, match="did not start within 0 s"):
        handle.start()
    go_on.set()


def test_a_server_that_fails_at_its_end_says_why(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    handle = make(broken_server(starts=True)).start()

    handle.stop()

    assert (handle.status.state, handle.status.error) == ("failed", "ValueError: no end either")


def test_a_worker_calls_itself_what_a_configuration_takes(memory: MemoryDeployment) -> None:
    names = {new_worker_id() for _ in range(10)}

    assert len(names) == 10
    assert {memory.server(worker_id=name).worker_id for name in names} == names


def test_a_tool_may_stop_its_own_server(make: Make, alice: RawClient) -> None:
    handles: list[ServerHandle] = []

    async def leave(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        handles[0].stop()
        return {"left": True}

    handles.append(make(tool_server(leave=leave)).start())
    alice.send(tool_call(1, "leave"))

    (incoming,) = alice.take()
    assert result_of(incoming.message) == {"left": True}

"""What is left after ``session.close()`` and ``server.stop()``, and at the end of a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from asyncmcp_nb import Deployment, connect, serve
from tests.helpers import eventually, no_threads_left, tool_server

PATIENCE_SECONDS = 30.0
"""Half a long poll."""
PROCESS_SECONDS = 50

# It serves, calls, and closes nothing.
LEAVING = """\
import sys
from asyncmcp_nb import Deployment, connect, serve
from tests.helpers import tool_server

deployment = Deployment.from_toml(sys.stdin.read())
server = serve(tool_server(), deployment)
session = connect(deployment, name="script").__enter__()
assert session.submit("echo", n=1).result(timeout=20).structured_content == {"n": 1}
print("leaving", flush=True)
"""


async def a_poll_waits(status: Any) -> None:
    """Wait until a receive was begun, so that closing meets one."""
    await eventually(lambda: status().requests.get("ReceiveMessage", 0) > 0)


@pytest.fixture
def no_threads() -> Iterator[None]:
    with no_threads_left():
        yield


@pytest.mark.usefixtures("no_threads")
async def test_at_the_embedded_broker_no_thread_outlives_session_and_server(
    moto_deployment: Deployment,
) -> None:
    server = serve(tool_server(), moto_deployment)
    session = await connect(moto_deployment)
    assert (await session.call("echo", n=1)).structured_content == {"n": 1}

    await session.close()
    server.stop()


@pytest.mark.usefixtures("no_threads")
async def test_nor_where_nothing_was_ever_sent(moto_deployment: Deployment) -> None:
    server = serve(tool_server(), moto_deployment)
    session = await connect(moto_deployment)
    await a_poll_waits(lambda: server.status)
    await a_poll_waits(lambda: session.status)

    await session.close()
    server.stop()


async def test_an_answer_that_comes_right_after_closing_is_there_for_the_next_session(
    broker_deployment: Deployment,
) -> None:
    session = await connect(broker_deployment, name="alice")
    call = session.submit("echo", n=1)
    await eventually(lambda: call.status == "sent")
    await session.close()

    with serve(tool_server(), broker_deployment) as server:
        await eventually(lambda: server.status.statistics.answered_count > 0)
        async with connect(broker_deployment, name="alice") as again:
            with anyio.fail_after(PATIENCE_SECONDS):
                result = await again.get(call.id)

    assert result.structured_content == {"n": 1}


async def test_connecting_that_is_given_up_leaves_the_name_free(
    moto_deployment: Deployment,
) -> None:
    with anyio.move_on_after(1.0) as scope:
        await connect(moto_deployment, name="alice", era="2025-11-25")
    assert scope.cancelled_caught

    async with connect(moto_deployment, name="alice") as session:
        assert session.name == "alice"


async def test_a_request_that_comes_right_after_stopping_is_there_for_the_next_server(
    broker_deployment: Deployment,
) -> None:
    stopped = serve(tool_server(), broker_deployment)
    await a_poll_waits(lambda: stopped.status)
    stopped.stop()

    async with connect(broker_deployment) as session:
        call = session.submit("echo", n=1)
        await eventually(lambda: call.status == "sent")
        with serve(tool_server(), broker_deployment), anyio.fail_after(PATIENCE_SECONDS):
            result = await call

    assert result.structured_content == {"n": 1}


@pytest.mark.timeout(PROCESS_SECONDS + 30)
def test_a_process_that_closes_nothing_ends_without_waiting_for_polls(
    broker_deployment: Deployment,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAVING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(broker_deployment.to_toml())
        process.stdin.close()
        said = process.stdout.readline()
        try:
            code = process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
        complaints = process.stderr.read()

    assert (said, code, complaints) == ("leaving\n", 0, "")

"""Connecting where a handshake is waited for, and whose servers are served by whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import anyio
import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.broker import open_bus
from asyncmcp_nb.errors import ConfigError, HandshakeTimedOut
from tests.helpers import HANDSHAKE, tool_server


def waiting() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type] # it is one


async def test_a_handshake_that_nobody_answers_ends_with_the_next_step(
    deployment: Deployment,
) -> None:
    before = waiting()

    with pytest.raises(HandshakeTimedOut) as caught:
        await connect(deployment, name="alice", era=HANDSHAKE, timeout=0.2)

    said = str(caught.value)
    assert f"no server of '{deployment.name}' answered the handshake within 0.2 s" in said
    assert "serve(app)" in said
    assert "connect(..., timeout=)" in said
    assert waiting() == before


async def test_after_a_handshake_that_nobody_answered_the_name_is_free(
    deployment: Deployment,
) -> None:
    with pytest.raises(HandshakeTimedOut):
        await connect(deployment, name="alice", era=HANDSHAKE, timeout=0.2)

    with serve(tool_server(), deployment):
        async with connect(deployment, name="alice", era=HANDSHAKE) as session:
            assert (await session.call("echo", n=1)).structured_content == {"n": 1}


def test_a_script_waits_no_longer_either(deployment: Deployment) -> None:
    with (
        pytest.raises(HandshakeTimedOut),
        connect(deployment, name="alice", era=HANDSHAKE, timeout=0.2),
    ):
        pass


async def test_whoever_stops_waiting_leaves_nothing_behind(deployment: Deployment) -> None:
    before = waiting()

    with anyio.move_on_after(0.5) as scope:
        await connect(deployment, name="alice", era=HANDSHAKE)

    assert scope.cancelled_caught
    with anyio.fail_after(5):
        while waiting() != before:
            await anyio.lowlevel.checkpoint()


async def test_of_the_other_package_it_says_what_its_server_needs(deployment: Deployment) -> None:
    theirs = replace(deployment, dialect="asyncmcp")

    with pytest.raises(HandshakeTimedOut) as caught:
        await connect(theirs, name="alice", era=HANDSHAKE, timeout=0.2)

    assert theirs.server_queue_url in str(caught.value)
    assert f":{deployment.name}-client-alice" in str(caught.value)


async def test_the_other_packages_servers_speak_the_handshake_era_only(
    deployment: Deployment,
) -> None:
    theirs = replace(deployment, dialect="asyncmcp")

    with pytest.raises(ConfigError, match=r"connect\(\.\.\., era='2025-11-25'\)"):
        await connect(theirs, name="alice")

    bus = open_bus(deployment)
    assert bus.measure(deployment.server_queue_url).waiting_count == 0
    bus.close()


@pytest.mark.parametrize("workers", [0, 2])
def test_our_servers_do_not_serve_in_the_place_of_the_other_packages(
    deployment: Deployment, workers: int
) -> None:
    theirs = replace(deployment, dialect="asyncmcp")
    app: Any = "tests.faults.app:app" if workers else tool_server()

    with pytest.raises(ConfigError, match="give the deployment the dialect 'asyncmcp-nb'"):
        serve(app, theirs, workers=workers)

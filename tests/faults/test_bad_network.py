"""Real requests over bad connections, on two implementations of SNS and SQS."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import pytest

from asyncmcp_nb import connect, serve
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session.session import Session
from tests.faults.crew import Runs
from tests.faults.proxy import KINDS, Proxy, Weather
from tests.helpers import ToolContext, tool_server

CUT_SECONDS = 10.0
PATIENCE_SECONDS = 90.0
"""A message that a broken poll took along stays invisible for a lease of 30 seconds."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@contextmanager
def counting_server(deployment: Deployment, runs: Runs) -> Generator[None]:
    """A server behind the network, whose tool counts its runs."""

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.add(arguments["n"])
        return arguments

    with serve(tool_server(count=count), deployment):
        yield


@asynccontextmanager
async def badly_connected(
    deployment: Deployment, runs: Runs
) -> AsyncGenerator[tuple[Proxy, Session]]:
    """A session and a server that have spoken over a proxy, which is still good."""
    with Proxy(deployment) as proxy, counting_server(proxy.deployment, runs):
        async with connect(proxy.deployment, name="alice") as session:
            await session.call("count", {"n": -1})
            yield proxy, session


async def test_a_connection_that_is_cut_for_ten_seconds_costs_time_and_nothing_else(
    broker_deployment: Deployment,
) -> None:
    runs = Runs()
    async with badly_connected(broker_deployment, runs) as (proxy, session):
        proxy.cut()
        calls = [session.submit("count", {"n": n}) for n in range(30)]
        with anyio.move_on_after(CUT_SECONDS):
            await calls[0]
        assert {call.status for call in calls} <= {Status.QUEUED, Status.SENT}
        proxy.mend()

        with anyio.fail_after(PATIENCE_SECONDS):
            answers = [(await call).structured_content for call in calls]

        assert answers == [{"n": n} for n in range(30)]
        assert session.log.counts() == {Status.DONE: 31}
    assert runs.repeated == {}


async def test_one_request_in_twenty_that_fails_is_noticed_by_nobody(
    broker_deployment: Deployment,
) -> None:
    runs = Runs()
    async with badly_connected(broker_deployment, runs) as (proxy, session):
        proxy.change(Weather(error_share=0.05))
        group = session.map("count", [{"n": n} for n in range(200)], max_in_flight=20)

        with anyio.fail_after(PATIENCE_SECONDS):
            await group

        answers = [(await call).structured_content for call in group]
        assert answers == [{"n": n} for n in range(200)]
        assert session.log.counts() == {Status.DONE: 201}
        proxy.change(Weather())
    assert sum(proxy.counts[kind] for kind in KINDS) > 0
    assert runs.repeated == {}


async def test_requests_and_answers_that_are_published_twice_count_once(
    broker_deployment: Deployment,
) -> None:
    runs = Runs()
    async with badly_connected(broker_deployment, runs) as (proxy, session):
        proxy.change(Weather(twice_share=1.0))
        group = session.map("count", [{"n": n} for n in range(50)])

        with anyio.fail_after(PATIENCE_SECONDS):
            await group

        answers = [(await call).structured_content for call in group]
        assert answers == [{"n": n} for n in range(50)]
        assert session.log.counts() == {Status.DONE: 51}
    assert proxy.counts["twice"] > 0
    assert runs.repeated == {}

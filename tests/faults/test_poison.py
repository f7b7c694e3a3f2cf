"""Messages that nobody can serve, straight into the queue and through the topic."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import anyio
import pytest

from asyncmcp_nb import connect, dead_letters, serve
from asyncmcp_nb.broker import open_bus
from asyncmcp_nb.bus.aws import AwsBus
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.wire import Outgoing
from tests.helpers import tool_server
from tests.poison import POISON

PATIENCE_SECONDS = 60.0
LETTERS_SECONDS = 30.0

SENDABLE = {name: form for name, form in POISON.items() if form[0] and form[1]}
"""SNS and SQS refuse a message without a body; one without any attribute passes the subscription's
filter on some implementations only."""

Give = Callable[[AwsBus, Deployment, Outgoing], object]


def straight(bus: AwsBus, deployment: Deployment, message: Outgoing) -> None:
    bus.send(deployment.server_queue_url, message)


def through_the_topic(bus: AwsBus, deployment: Deployment, message: Outgoing) -> None:
    assert list(bus.publish(deployment.request_topic_arn, [message])) == [None]


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.parametrize("give", [straight, through_the_topic])
async def test_poison_is_put_aside_with_its_reason_and_honest_calls_are_answered(
    broker_deployment: Deployment, give: Give
) -> None:
    bus = open_bus(broker_deployment)
    with serve(tool_server(), broker_deployment) as server:
        for body, attributes, _ in SENDABLE.values():
            await anyio.to_thread.run_sync(give, bus, broker_deployment, Outgoing(body, attributes))
        async with connect(broker_deployment, name="alice") as session:
            with anyio.fail_after(PATIENCE_SECONDS):
                answer = await session.call("echo", {"n": 1})
                reasons = await anyio.to_thread.run_sync(
                    partial(await_reasons, broker_deployment, len(SENDABLE))
                )

        assert answer.structured_content == {"n": 1}
        said = {name: reason for name, (_, _, reason) in SENDABLE.items()}
        missing = {name for name, reason in said.items() if not any(reason in r for r in reasons)}
        assert missing == set()
        assert server.status.statistics.parked_count == len(reasons) == len(SENDABLE)
    bus.close()


def await_reasons(deployment: Deployment, count: int) -> list[str]:
    """The reasons of this many dead letters, or of those that there are after a while."""
    found: dict[str, str] = {}
    deadline = time.monotonic() + LETTERS_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        for letter in dead_letters(deployment).list():
            found[letter.message_id] = letter.reason
    return list(found.values())

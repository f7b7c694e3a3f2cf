"""What is told of messages and of a server's end, and under which names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncmcp_nb import spans, telemetry
from asyncmcp_nb.bus import observed
from asyncmcp_nb.bus.observed import ObservedBus
from asyncmcp_nb.errors import BusClosed, BusDenied, BusUnavailable
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.session import tracing
from asyncmcp_nb.sns_sqs.leases import LeaseKeeper
from asyncmcp_nb.telemetry import OTHER, Few, operation_attributes
from asyncmcp_nb.wire import Outgoing
from tests.helpers import (
    DEAD_LETTERS,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    memory_deployment,
    tool_call,
    tool_server,
)
from tests.otel import Heard, listening

NAME = re.compile(r'"((?:asyncmcp_nb|error|gen_ai|jsonrpc|mcp|messaging|network|rpc)\.[a-z_.]+)"')


@pytest.fixture
def memory() -> Iterator[MemoryDeployment]:
    with memory_deployment() as made:
        yield made


@pytest.fixture
def heard() -> Iterator[Heard]:
    with listening() as found:
        yield found


def server(name: str) -> str:
    return f"asyncmcp_nb.server.{name}"


# -- the bus --------------------------------------------------------------------------------------


def test_requests_and_messages_are_told_by_operation_and_place(
    memory: MemoryDeployment, heard: Heard
) -> None:
    bus = ObservedBus(memory.bus)
    messages = [Outgoing("é" * 10, {"ClientId": "alice"}) for _ in range(3)]

    bus.publish(REQUESTS, messages)
    taken = bus.receive(SERVER_QUEUE, max_count=10, wait_seconds=0, lease_seconds=30)
    bus.extend(SERVER_QUEUE, [taken[0].receipt], 30)
    bus.ack(SERVER_QUEUE, [delivery.receipt for delivery in taken])
    bus.send(DEAD_LETTERS, messages[0])
    bus.measure(DEAD_LETTERS)

    took = "messaging.client.operation.duration"
    assert {
        name: heard.count(took, {"messaging.operation.name": name})
        for name in memory.bus.statistics().requests
    } == dict(memory.bus.statistics().requests)
    about = {"messaging.system": "memory", "messaging.destination.name": SERVER_QUEUE}
    assert heard.count("messaging.client.sent.messages", {"messaging.operation.type": "send"}) == 4
    assert heard.count("messaging.client.consumed.messages", about) == 3
    assert heard.count("asyncmcp_nb.acknowledged.messages", about) == 3
    assert heard.count("asyncmcp_nb.message.size", {"network.io.direction": "transmit"}) == 4
    assert heard.count("asyncmcp_nb.message.size", {"network.io.direction": "receive"}) == 3


def test_an_observed_bus_is_the_bus_that_it_observes(memory: MemoryDeployment) -> None:
    bus = ObservedBus(memory.bus)
    bus.send(SERVER_QUEUE, Outgoing("{}", {}))

    assert (repr(bus), bus.statistics()) == (repr(memory.bus), memory.bus.statistics())
    bus.close()
    with pytest.raises(BusClosed):
        memory.bus.measure(SERVER_QUEUE)


def test_what_fails_is_told_with_the_kind_of_failure(
    memory: MemoryDeployment, heard: Heard
) -> None:
    bus = ObservedBus(memory.bus)
    memory.bus.fail("publish", REQUESTS, BusUnavailable("away"))
    memory.bus.fail("send", DEAD_LETTERS, BusDenied("no"))

    with pytest.raises(BusUnavailable):
        bus.publish(REQUESTS, [Outgoing("{}", {})] * 2)
    with pytest.raises(BusDenied):
        bus.send(DEAD_LETTERS, Outgoing("{}", {}))

    sent, took = "messaging.client.sent.messages", "messaging.client.operation.duration"
    assert heard.count(sent, {"error.type": "BusUnavailable"}) == 2
    assert heard.count(took, {"error.type": "BusUnavailable"}) == 1
    assert heard.count(sent, {"error.type": "BusDenied"}) == 1
    assert heard.count("asyncmcp_nb.message.size") == 0


@pytest.mark.parametrize(
    ("target", "system", "name"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:base-requests", "aws.sns", "base-requests"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/base-server", "aws_sqs", "base-server"),
        ("http://127.0.0.1:4566/000000000000/base-server", "aws_sqs", "base-server"),
    ],
)
def test_places_are_told_without_the_account(
    memory: MemoryDeployment, heard: Heard, target: str, system: str, name: str
) -> None:
    memory.bus.create_topic(target)

    ObservedBus(memory.bus).publish(target, [Outgoing("{}", {})])

    about = {"messaging.system": system, "messaging.destination.name": name}
    assert heard.count("messaging.client.sent.messages", about) == 1
    assert not [point for point in heard.points() if "123456789012" in str(point)]


# -- a server's end -------------------------------------------------------------------------------


async def test_a_server_tells_what_it_answered_how_long_it_took_and_how_long_it_waited(
    memory: MemoryDeployment, heard: Heard
) -> None:
    alice = RawClient(memory)
    alice.send(tool_call(1, "echo"), timestamp=time.time() - 100)
    alice.send(tool_call(2, "echo"))

    async with hosting(tool_server(), memory.bus, memory.server()):
        await alice.receive(2)
        await memory.settled()

    about = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "echo"}
    assert heard.count("mcp.server.operation.duration", about) == 2
    assert heard.count(server("queue.wait"), about) == 1  # the other said no time
    assert heard.count(server("answered.requests")) == 2
    both = {"messaging.destination.name": SERVER_QUEUE}
    assert heard.count("messaging.client.consumed.messages", both) == 2
    assert heard.count("asyncmcp_nb.acknowledged.messages", both) == 2


async def test_a_server_tells_how_many_requests_it_has_in_hand(
    memory: MemoryDeployment, heard: Heard
) -> None:
    entered, gate = anyio.Event(), anyio.Event()

    async def wait(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        entered.set()
        await gate.wait()

    alice = RawClient(memory)
    before = heard.count(server("active_requests"))
    async with hosting(tool_server(wait=wait), memory.bus, memory.server()) as host:
        alice.send(tool_call(1, "wait"))
        await entered.wait()
        running = host.statistics()
        in_hand = heard.count(server("active_requests")) - before
        gate.set()
        await alice.receive()
        await memory.settled()

        assert in_hand == running.in_flight_count == 1
        assert running.oldest_in_flight_seconds is not None
        assert host.statistics().oldest_in_flight_seconds is None
    assert heard.count(server("active_requests")) - before == 0


async def test_a_server_tells_of_redelivered_parked_and_unsolicited_messages(
    memory: MemoryDeployment, heard: Heard
) -> None:
    alice = RawClient(memory)
    async with hosting(tool_server(), memory.bus, memory.server()) as host:
        for _ in range(2):
            alice.send(tool_call(1, "echo"))
            await alice.receive()
        memory.bus.publish(REQUESTS, [Outgoing("no JSON", {"ClientId": "alice"})])
        await memory.dead_letters(1)
        alice.send(tool_call(2, "echo"), method="another/method")
        refused = await alice.receive()
        await memory.settled()

        counts = host.statistics()
    assert len(refused) == 1
    assert heard.count(server("redelivered.requests")) == counts.redelivered_count == 1
    assert heard.count(server("parked.messages")) == counts.parked_count == 1
    assert heard.count("mcp.server.operation.duration", {"error.type": "-32600"}) == 1


def test_a_lease_that_is_lost_is_told(memory: MemoryDeployment, heard: Heard) -> None:
    keeper = LeaseKeeper(memory.bus, SERVER_QUEUE, lease_seconds=0.3)

    keeper.hold(["a receipt of nothing"], time.monotonic())

    memory.bus.wait_until(lambda: heard.count(server("lost.leases")) == 1)
    keeper.close()
    assert keeper.lost_count == 1


# -- names ----------------------------------------------------------------------------------------


def test_names_that_clients_make_up_are_told_apart_up_to_a_bound() -> None:
    few = Few(2)

    assert [few(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


def test_only_tool_calls_are_told_as_such() -> None:
    assert operation_attributes("tools/list") == {"mcp.method.name": "tools/list"}
    assert operation_attributes("tools/call", tool="t", error_type="timeout") == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "t",
        "error.type": "timeout",
    }


def test_every_name_that_is_told_is_in_the_guide() -> None:
    sources = [telemetry, spans, observed, tracing]
    told = {
        name
        for source in sources
        for name in NAME.findall(Path(str(source.__file__)).read_text("utf-8"))
    }
    guide = (Path(telemetry.__file__).parents[1] / "docs" / "guide.md").read_text("utf-8")

    assert "mcp.client.operation.duration" in told
    assert {name for name in told if f"`{name}`" not in guide} == set()

"""The client's streams, as the SDK uses them."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCResponse

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import BusUnavailable, PayloadTooLarge
from asyncmcp_nb.sns_sqs.client import bus_client, client_writer, deliver_to, open_streams
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox
from asyncmcp_nb.wire import Header, Incoming
from tests.helpers import (
    MODERN,
    PATIENCE_SECONDS,
    REQUESTS,
    MemoryDeployment,
    RawServer,
    notification,
    request,
    tool_call,
)


@pytest.fixture(params=anyio.get_available_backends())
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def server(memory: MemoryDeployment) -> RawServer:
    return RawServer(memory)


async def test_a_request_goes_out_and_its_answer_comes_in(
    memory: MemoryDeployment, server: RawServer
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_client(memory.bus, memory.client()) as (read, write):
            await write.send(SessionMessage(request(1, "ping")))
            (asked,) = server.take()
            server.answer(asked, {"text": "日本", "none": None}, sequence=0)
            item = await read.receive()

    assert isinstance(item, SessionMessage)
    assert asked.message == request(1, "ping")
    assert item.message == JSONRPCResponse(
        jsonrpc="2.0", id=1, result={"text": "日本", "none": None}
    )


async def test_writing_returns_when_the_topic_has_accepted_the_message(
    memory: MemoryDeployment,
) -> None:
    written = anyio.Event()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            bus_client(memory.bus, memory.client()) as (_, write),
            anyio.create_task_group() as tasks,
        ):

            async def send() -> None:
                await write.send(SessionMessage(request(1, "ping")))
                written.set()

            with memory.bus.hold("publish", REQUESTS):
                tasks.start_soon(send)
                await memory.bus.until(lambda: memory.bus.under_way["publish", REQUESTS] == 1)
                assert not written.is_set()
            await written.wait()


@pytest.mark.parametrize("deployed", [Faults(error_share=1)], indirect=True, ids=["down"])
async def test_a_broker_that_is_down_is_heard_of_within_the_time_to_retry(
    deployed: MemoryDeployment,
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(
            bus_client(deployed.bus, deployed.client(retry_seconds=0.2)), mode=MODERN
        ) as client:
            with pytest.raises(BusUnavailable, match="PublishBatch failed on demand"):
                await client.list_tools()


async def test_a_cancellation_that_cannot_be_published_raises_nothing(
    memory: MemoryDeployment,
) -> None:
    """Whoever cancels has given up already, and has no use for another error."""
    memory.bus.fail("publish", REQUESTS, *[BusUnavailable("down")] * 3)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_client(memory.bus, memory.client(retry_seconds=0)) as (_, write):
            await write.send(SessionMessage(notification("notifications/cancelled", requestId=1)))
            with pytest.raises(BusUnavailable):
                await write.send(SessionMessage(notification("notifications/other")))


async def test_a_message_that_is_too_large_raises_at_the_writer(memory: MemoryDeployment) -> None:
    noise = "".join(map(chr, range(0x4E00, 0x5E00)))
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_client(memory.bus, memory.client(message_limit_bytes=2048)) as (_, write):
            with pytest.raises(PayloadTooLarge):
                await write.send(SessionMessage(tool_call(1, "echo", {"text": noise})))

    assert memory.bus.started["publish", REQUESTS] == 0


async def test_a_call_whose_server_never_answers_ends_with_its_timeout(
    memory: MemoryDeployment, server: RawServer
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with Client(
            bus_client(memory.bus, memory.client()), mode=MODERN, read_timeout_seconds=0.1
        ) as client:
            with pytest.raises(MCPError, match=r"[Tt]imed out"):
                await client.list_tools()
        messages = server.take(2)

    assert [getattr(i.message, "method", None) for i in messages] == [
        "tools/list",
        "notifications/cancelled",
    ]


async def test_messages_of_others_are_never_delivered(
    memory: MemoryDeployment, server: RawServer
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_client(memory.bus, memory.client()) as (read, write):
            await write.send(SessionMessage(request(1, "ping")))
            (asked,) = server.take()
            server.answer(asked, {"for": "an earlier one"}, connection_id="b" * 32)
            server.say(asked, JSONRPCResponse(jsonrpc="2.0", id=2, result={}), request_id="2")
            server.say(asked, notification("note"), connection_id="b" * 32)
            server.answer(asked, {"for": "me"}, sequence=0)
            item = await read.receive()
            await memory.bus.until(lambda: memory.bus.depth("client-alice") == 0)

            assert isinstance(item, SessionMessage)
            assert item.message == JSONRPCResponse(jsonrpc="2.0", id=1, result={"for": "me"})
            assert len(read) == 0


async def test_leaving_sends_what_is_pending_and_ends_the_streams(
    memory: MemoryDeployment, server: RawServer
) -> None:
    async def send(write: Any, number: int) -> None:
        await write.send(SessionMessage(request(number, "ping")))

    async def read_to_the_end(read: Any) -> None:
        with pytest.raises(anyio.EndOfStream):
            await read.receive()

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            anyio.create_task_group() as tasks,
            bus_client(memory.bus, memory.client()) as (read, write),
        ):
            tasks.start_soon(read_to_the_end, read)
            for number in range(25):
                tasks.start_soon(send, write, number)
            await anyio.wait_all_tasks_blocked()

    assert len(server.take(25)) == 25


async def test_leaving_does_not_wait_for_the_long_poll(memory: MemoryDeployment) -> None:
    queue = "client-alice"
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_client(memory.bus, memory.client(poll_wait_seconds=20)):
            await memory.bus.until(lambda: memory.bus.under_way["receive", queue] == 1)

    assert memory.bus.under_way["receive", queue] == 1


async def test_the_streams_of_a_link_that_somebody_else_closes_are_a_transport_too(
    memory: MemoryDeployment, server: RawServer
) -> None:
    handoff = Handoff()
    mailbox: Mailbox[SessionMessage | Exception] = Mailbox(handoff)
    link = ClientLink(memory.bus, memory.client(), partial(deliver_to, mailbox))
    link.start()
    with anyio.fail_after(PATIENCE_SECONDS):
        async with open_streams(mailbox, client_writer(link, handoff)) as (read, write):
            await write.send(SessionMessage(request(1, "ping")))
            server.answer(server.take()[0], sequence=0)
            item = await read.receive()
    link.close()

    assert isinstance(item, SessionMessage)


async def test_of_what_a_slow_reader_leaves_only_notifications_are_lost() -> None:
    mailbox: Mailbox[SessionMessage | Exception] = Mailbox(Handoff(), limit_count=2)
    header = Header()

    for number in range(4):
        deliver_to(mailbox, Incoming(notification(f"note/{number}"), header, 1))
    for number in range(4):
        answer = JSONRPCResponse(jsonrpc="2.0", id=number, result={})
        deliver_to(mailbox, Incoming(answer, header, 1))

    assert len(mailbox) == 2 + 4

"""What the SDK's own suite does not see: over the host, and over ``Server.run`` on one stream."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult, JSONRPCResponse, TextContent

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import BusUnavailable, EncodeError, PayloadTooLarge
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import bus_client
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    PATIENCE_SECONDS,
    REQUESTS,
    MemoryDeployment,
    RawClient,
    ToolContext,
    error_of,
    initialize_request,
    plain_request,
    request,
    result_of,
    serving_stream,
    tool_call,
    tool_server,
)

Serve = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(params=["host", "stream"])
def serve(request: pytest.FixtureRequest, memory: MemoryDeployment) -> Serve:
    """Both ways to serve; settings go to the configuration."""

    def start(server: Server[Any], **settings: Any) -> AbstractAsyncContextManager[Any]:
        how = hosting if request.param == "host" else serving_stream
        return how(server, memory.bus, memory.server(**settings))

    return start


MODES = pytest.mark.parametrize("mode", [MODERN, "legacy"])

ODD_VALUES: list[Any] = [
    {"text": "naïve 日本語 🚀 \u2028 \x00 \\ \" '"},
    {"none": None, "nested": {"none": None, "list": [None, {}]}},
    {"big": 2**70, "negative": -(2**70), "small": 1e-300, "zero": 0, "yes": True},
    {"": "", "ключ": {"ключ": []}},
    {"deep": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]},
]


def connect(
    memory: MemoryDeployment, name: str = "alice", mode: str = MODERN, **more: Any
) -> Client:
    return Client(bus_client(memory.bus, memory.client(name, **more)), mode=mode)


def noise(count: int) -> str:
    """Text of any script that hardly compresses."""
    pick = random.Random(7)
    return "".join(chr(pick.randrange(0x4E00, 0x9FFF)) for _ in range(count))


# -- values ----------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("value", ODD_VALUES)
async def test_arguments_and_results_come_through_as_they_are(
    memory: MemoryDeployment, serve: Serve, mode: str, value: dict[str, Any]
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server()), connect(memory, mode=mode) as client:
            result = await client.call_tool("echo", value)

    assert result.structured_content == value


@MODES
async def test_200_kilobytes_come_through_in_both_directions(
    memory: MemoryDeployment, serve: Serve, mode: str
) -> None:
    text = noise(200 * 1024 // 3)

    async def back(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=arguments["text"])])

    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server(back=back)), connect(memory, mode=mode) as client:
            result = await client.call_tool("back", {"text": text})

    (content,) = result.content
    assert isinstance(content, TextContent)
    assert content.text == text


async def test_a_megabyte_that_compresses_comes_through(
    memory: MemoryDeployment, serve: Serve
) -> None:
    rows = [{"name": "row", "number": number} for number in range(30_000)]

    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server()), connect(memory) as client:
            result = await client.call_tool("echo", {"rows": rows})

    assert result.structured_content == {"rows": rows}


@pytest.mark.parametrize("request_id", [1, "1", 0, -1, 2**53, "日本", "🚀", "a b", "x" * 300])
async def test_an_id_comes_back_as_it_was_sent(
    memory: MemoryDeployment, serve: Serve, request_id: str | int
) -> None:
    alice = RawClient(memory)

    async with serve(tool_server()):
        alice.send(tool_call(request_id, "echo", {"a": 1}))
        answer = await alice.answer()

    assert (answer.id, type(answer.id)) == (request_id, type(request_id))
    assert result_of(answer) == {"a": 1}


# -- many clients ----------------------------------------------------------------------------------


async def test_two_clients_with_equal_ids_at_the_same_time_get_their_own_answers(
    memory: MemoryDeployment, serve: Serve
) -> None:
    together = Meeting(2)
    alice, bob = RawClient(memory, "alice"), RawClient(memory, "bob")

    async with serve(tool_server(meet=together.tool)):
        for client in (alice, bob):
            client.send(tool_call(1, "meet", {"who": client.name}, progressToken=1))
        answers = {client.name: await client.answer() for client in (alice, bob)}

    assert {name: result_of(answer) for name, answer in answers.items()} == {
        "alice": {"who": "alice"},
        "bob": {"who": "bob"},
    }
    assert [answer.id for answer in answers.values()] == [1, 1]


async def test_two_connections_of_one_client_with_equal_ids_get_their_own_answers(
    memory: MemoryDeployment, serve: Serve
) -> None:
    together = Meeting(2)
    first, second = RawClient(memory), RawClient(memory)

    async with serve(tool_server(meet=together.tool)):
        first.send(tool_call(1, "meet", {"who": "first"}))
        second.send(tool_call(1, "meet", {"who": "second"}))
        incoming = await first.receive(2)

    by_connection = {i.header.connection_id: result_of(i.message)["who"] for i in incoming}
    assert by_connection == {first.connection_id: "first", second.connection_id: "second"}


async def test_one_clients_cancellation_does_not_touch_anothers_request_of_the_same_id(
    memory: MemoryDeployment, serve: Serve
) -> None:
    together, go_on = Meeting(2), anyio.Event()
    cancelled: list[str] = []

    async def meet(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        try:
            await together.tool(ctx, arguments)
            await go_on.wait()
        except anyio.get_cancelled_exc_class():
            cancelled.append(arguments["who"])
            raise
        return arguments

    alice, bob = RawClient(memory, "alice"), RawClient(memory, "bob")

    async with serve(tool_server(meet=meet)):
        for client in (alice, bob):
            client.send(tool_call(1, "meet", {"who": client.name}))
        await together.wait()
        alice.cancel(1)
        await memory.bus.until(lambda: bool(cancelled))
        go_on.set()
        answer = await bob.answer()
        await memory.settled()

    assert (cancelled, result_of(answer)) == (["alice"], {"who": "bob"})
    assert alice.waiting_count() == 0


async def test_progress_goes_to_the_client_that_asked_under_its_own_token(
    memory: MemoryDeployment, serve: Serve
) -> None:
    together = Meeting(2)

    async def report(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await together.tool(ctx, arguments)
        await ctx.session.report_progress(0.5, 1.0, arguments["who"])
        return arguments

    alice, bob = RawClient(memory, "alice"), RawClient(memory, "bob")

    async with serve(tool_server(report=report)):
        alice.send(tool_call(1, "report", {"who": "alice"}, progressToken="token"))
        bob.send(tool_call(1, "report", {"who": "bob"}, progressToken=77))
        heard = {client.name: await client.receive(2) for client in (alice, bob)}

    for name, token in {"alice": "token", "bob": 77}.items():
        progress, answer = sorted(heard[name], key=lambda i: i.header.sequence or 0)
        assert getattr(progress.message, "params", None) == {
            "progressToken": token,
            "progress": 0.5,
            "total": 1.0,
            "message": name,
        }
        assert progress.header.request_id == "1"
        assert result_of(answer.message) == {"who": name}


async def test_hundreds_of_calls_of_four_clients_get_the_right_answers(
    memory: MemoryDeployment, serve: Serve
) -> None:
    wrong: list[Any] = []

    async def ask(client: Client, name: str, number: int) -> None:
        value = {"who": name, "number": number}
        result = await client.call_tool("echo", value)
        if result.structured_content != value:
            wrong.append((value, result.structured_content))

    async def be(name: str) -> None:
        async with connect(memory, name) as client, anyio.create_task_group() as tasks:
            for number in range(75):
                tasks.start_soon(ask, client, name, number)

    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with serve(tool_server()), anyio.create_task_group() as tasks:
            for name in ("alice", "bob", "carol", "dave"):
                tasks.start_soon(be, name)

    assert wrong == []


@pytest.mark.parametrize("deployed", [Faults(latency_seconds=0.02)], indirect=True)
async def test_under_load_a_call_costs_little_more_than_half_a_request(
    deployed: MemoryDeployment,
) -> None:
    """Publish, receive and delete in both directions, each shared by ten messages."""
    count = 1000
    config = deployed.client(ack_linger_seconds=0.25)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            hosting(tool_server(), deployed.bus, deployed.server(ack_linger_seconds=0.25)),
            bus_client(deployed.bus, config) as (read, write),
            anyio.create_task_group() as tasks,
        ):
            for number in range(count):
                tasks.start_soon(write.send, SessionMessage(tool_call(number, "echo")))
            for _ in range(count):
                await read.receive()
            await deployed.settled()
            await deployed.bus.until(lambda: deployed.bus.depth(config.sqs_queue_url) == 0)

    assert deployed.bus.statistics().request_count / count < 0.75


# -- time and failure ------------------------------------------------------------------------------


async def test_a_client_may_connect_and_submit_before_any_server_exists(
    memory: MemoryDeployment, serve: Serve
) -> None:
    results: list[Any] = []

    async def ask(client: Client) -> None:
        results.append((await client.call_tool("echo", {"early": True})).structured_content)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with connect(memory) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(ask, client)
            await memory.bus.until(lambda: memory.bus.depth("server") == 1)
            assert results == []
            async with serve(tool_server()):
                await memory.bus.until(lambda: results == [{"early": True}])


async def test_a_call_that_is_too_large_fails_at_the_caller_and_sends_nothing(
    memory: MemoryDeployment, serve: Serve
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server()), connect(memory, message_limit_bytes=4096) as client:
            with pytest.raises(PayloadTooLarge, match="above the limit of 4,096 bytes"):
                await client.call_tool("echo", {"text": noise(3000)})
            sent_count = memory.bus.started["publish", REQUESTS]
            result = await client.call_tool("echo", {"text": "short"})

    assert (sent_count, result.structured_content) == (0, {"text": "short"})


async def test_a_call_that_is_no_json_fails_at_the_caller_and_sends_nothing(
    memory: MemoryDeployment, serve: Serve
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server()), connect(memory) as client:
            with pytest.raises(EncodeError, match="cannot be written as JSON"):
                await client.call_tool("echo", {"text": "\ud800"})

    assert memory.bus.started["publish", REQUESTS] == 0


@MODES
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (noise(3000), "above the limit of 4,096 bytes"),
        ("\ud800", "cannot be written as JSON"),
    ],
)
async def test_a_result_that_cannot_be_sent_is_an_error_that_says_why(
    memory: MemoryDeployment, serve: Serve, mode: str, text: str, reason: str
) -> None:
    async def bad(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=text)])

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            serve(tool_server(bad=bad), message_limit_bytes=4096),
            connect(memory, mode=mode) as client,
        ):
            with pytest.raises(MCPError, match=reason):
                await client.call_tool("bad")
            result = await client.call_tool("echo", {"still": "here"})

    assert result.structured_content == {"still": "here"}


async def test_a_failure_to_publish_reaches_the_caller(
    memory: MemoryDeployment, serve: Serve
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serve(tool_server()), connect(memory, retry_seconds=0.2) as client:
            memory.bus.fail("publish", REQUESTS, *[BusUnavailable("no route to SNS")] * 20)
            with pytest.raises(BusUnavailable, match="no route to SNS"):
                await client.call_tool("echo", {})


# -- eras ------------------------------------------------------------------------------------------


async def test_one_host_serves_both_eras_at_the_same_time(memory: MemoryDeployment) -> None:
    together, results = Meeting(2), dict[str, Any]()

    async def ask(client: Client, name: str) -> None:
        results[name] = (await client.call_tool("meet", {"who": name})).structured_content

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            hosting(tool_server(meet=together.tool), memory.bus, memory.server()),
            connect(memory, "old", mode="legacy") as old,
            connect(memory, "new", mode=MODERN) as new,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(ask, old, "old")
            tasks.start_soon(ask, new, "new")
            await together.wait()
            assert old.session.protocol_version == HANDSHAKE
            assert new.session.protocol_version == MODERN

    assert results == {"old": {"who": "old"}, "new": {"who": "new"}}


async def test_a_stream_refuses_the_other_era_with_an_error(memory: MemoryDeployment) -> None:
    alice, bob = RawClient(memory, "alice"), RawClient(memory, "bob", protocol_version=HANDSHAKE)

    async with serving_stream(tool_server(), memory.bus, memory.server()):
        alice.send(request(1, "tools/list"))
        first = await alice.answer()
        bob.send(initialize_request(1))
        second = await bob.answer()

    assert isinstance(first, JSONRPCResponse)
    assert "the initialize handshake is not accepted" in error_of(second)


async def test_many_clients_of_the_handshake_era_share_a_stream(memory: MemoryDeployment) -> None:
    clients = [RawClient(memory, name, protocol_version=HANDSHAKE) for name in ("alice", "bob")]

    async with serving_stream(tool_server(), memory.bus, memory.server()):
        for client in clients:
            client.send(initialize_request(1))
            assert isinstance(await client.answer(), JSONRPCResponse)
        for client in clients:
            arguments = {"name": "echo", "arguments": {"who": client.name}}
            client.send(plain_request(2, "tools/call", arguments))
        answers = [result_of(await client.answer()) for client in clients]

    assert answers == [{"who": "alice"}, {"who": "bob"}]


class Meeting:
    """A tool that returns its arguments when so many calls of it run at the same time."""

    def __init__(self, count: int) -> None:
        self._missing_count = count
        self._complete = anyio.Event()

    async def tool(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self._missing_count -= 1
        if self._missing_count <= 0:
            self._complete.set()
        await self.wait()
        return arguments

    async def wait(self) -> None:
        with anyio.fail_after(PATIENCE_SECONDS):
            await self._complete.wait()

"""Clients without connection ids, such as those of the ``asyncmcp`` package, played by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.server.lowlevel.server import Server
from mcp_types import JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.addressing import worker_of
from asyncmcp_nb.wire import Header, Incoming
from tests.helpers import (
    HANDSHAKE,
    PATIENCE_SECONDS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    error_of,
    initialize_request,
    notification,
    plain_request,
    result_of,
    serving_stream,
    tool_server,
)

KEY = b"k" * 32
SHARED = "shared"


class Theirs(RawClient):
    """A client with a topic and a queue of its own, whose ids begin at 0 in each session."""

    def __init__(self, deployment: MemoryDeployment, topic: str, name: str = "theirs") -> None:
        super().__init__(deployment, name)
        self.topic = topic
        if topic != RESPONSES:
            deployment.bus.create_topic(topic)
            deployment.bus.create_queue(topic)
            deployment.bus.subscribe(topic, topic)

    @property
    def queue(self) -> str:
        return f"client-{self.name}" if self.topic == RESPONSES else self.topic

    def header(self, message: JSONRPCMessage, **changes: Any) -> Header:
        plain = {"connection_id": None, "protocol_version": None}
        return super().header(message, **(plain | changes))

    async def open(self) -> Incoming:
        """Shake hands; the answer."""
        self.session_id = None
        message = initialize_request(0)
        assert message.params is not None
        message.params["client_topic_arn"] = self.topic
        self.send(message)
        (incoming,) = await self.receive()
        self.session_id = incoming.header.session_id
        if isinstance(incoming.message, JSONRPCResponse):
            self.send(notification("notifications/initialized"))
        return incoming

    async def call(self, tool: str, **arguments: Any) -> Incoming:
        self.send(tool_request(1, tool, **arguments))
        (incoming,) = await self.receive()
        return incoming


def tool_request(request_id: int, tool: str, **arguments: Any) -> JSONRPCRequest:
    return plain_request(request_id, "tools/call", {"name": tool, "arguments": arguments})


Serve = Callable[..., AbstractAsyncContextManager[Host | None]]


@pytest.fixture(params=["host", "stream"])
def serve(request: pytest.FixtureRequest, memory: MemoryDeployment) -> Serve:
    """Both ways to serve."""

    @asynccontextmanager
    async def start(
        *allowed: str, server: Server[Any] | None = None, **settings: Any
    ) -> AsyncGenerator[Host | None]:
        app = server or tool_server()
        config = memory.server(allowed_reply_topics=allowed, **settings)
        with anyio.fail_after(PATIENCE_SECONDS):
            if request.param == "host":
                async with hosting(app, memory.bus, config, sealer=Sealer(KEY)) as host:
                    yield host
            else:
                async with serving_stream(app, memory.bus, config):
                    yield None

    return start


@pytest.fixture
def shared(memory: MemoryDeployment) -> str:
    """A queue that gets all that is published to the servers' own topic."""
    memory.bus.create_queue(SHARED)
    memory.bus.subscribe(RESPONSES, SHARED)
    return SHARED


async def test_answers_go_to_the_topic_that_the_session_was_opened_with(
    memory: MemoryDeployment, serve: Serve, shared: str
) -> None:
    client = Theirs(memory, "replies")
    async with serve("replies"):
        opened = await client.open()
        answer = await client.call("echo", n=1)

    assert isinstance(opened.message, JSONRPCResponse)
    assert client.session_id is not None
    assert result_of(answer.message) == {"n": 1}
    assert memory.bus.depth(shared) == 0


async def test_two_sessions_of_one_client_id_share_nothing(
    memory: MemoryDeployment, serve: Serve
) -> None:
    """Their ids are the same: 0 for the handshake, then 1."""
    one, two = Theirs(memory, "replies-1"), Theirs(memory, "replies-2")
    async with serve("replies-1", "replies-2"):
        await one.open()
        first = await one.call("echo", n=1)
        await two.open()
        answers = [await two.call("echo", n=2), await one.call("echo", n=1)]
        former = one.session_id
        await one.open()
        anew = await one.call("echo", n=3)

    assert result_of(first.message) == {"n": 1}
    assert [result_of(answer.message) for answer in answers] == [{"n": 2}, {"n": 1}]
    assert len({former, one.session_id, two.session_id}) == 3
    assert result_of(anew.message) == {"n": 3}


async def test_a_topic_that_is_not_allowed_gets_nothing_and_the_tool_does_not_run(
    memory: MemoryDeployment, serve: Serve, shared: str
) -> None:
    client = Theirs(memory, "elsewhere")
    listener = RawClient(memory, "theirs")
    async with serve("replies"):
        client.send(initialize_like("elsewhere"))
        (refused,) = await listener.receive()
        client.send(tool_request(1, "echo", n=1))
        (unopened,) = await listener.receive()

    assert "'elsewhere' is not allowed" in error_of(refused.message)
    assert "allowed_reply_topics" in error_of(refused.message)
    assert refused.header.session_id is None
    assert error_of(unopened.message)
    assert client.waiting_count() == 0
    assert all(topic != "elsewhere" for topic, _ in memory.bus.published)


def initialize_like(topic: str) -> JSONRPCRequest:
    message = initialize_request(0)
    assert message.params is not None
    message.params["client_topic_arn"] = topic
    return message


async def test_a_client_with_a_connection_is_held_to_the_same_list(
    memory: MemoryDeployment, serve: Serve
) -> None:
    client = RawClient(memory, "ours", protocol_version=HANDSHAKE)
    async with serve():
        client.send(initialize_like("elsewhere"))
        (refused,) = await client.receive()

    assert "'elsewhere' is not allowed" in error_of(refused.message)


@pytest.mark.parametrize("session_id", ["made-up", "A" * 64])
async def test_a_session_that_was_made_up_is_refused(
    memory: MemoryDeployment, serve: Serve, session_id: str
) -> None:
    listener = Theirs(memory, RESPONSES)
    async with serve("replies"):
        await Theirs(memory, "replies", "victim").open()
        listener.session_id = session_id
        answer = await listener.call("echo", n=1)

    assert "unknown session" in error_of(answer.message)
    assert "initialize again" in error_of(answer.message)


async def test_a_stolen_session_does_not_open_for_another_client(
    memory: MemoryDeployment, serve: Serve, shared: str
) -> None:
    victim, thief = Theirs(memory, "replies"), Theirs(memory, RESPONSES, "mallory")
    async with serve("replies"):
        await victim.open()
        thief.session_id = victim.session_id
        refused = await thief.call("echo", n=1)
        theirs = await victim.call("echo", n=2)

    assert "unknown session" in error_of(refused.message)
    assert result_of(theirs.message) == {"n": 2}
    assert victim.waiting_count() == 0


async def test_a_handshake_in_a_stolen_session_leads_the_victims_answers_nowhere_else(
    memory: MemoryDeployment, serve: Serve
) -> None:
    """The thief names the victim's client id as well, and a topic of its own."""
    victim, thief = Theirs(memory, "replies"), Theirs(memory, "elsewhere")
    async with serve("replies"):
        await victim.open()
        thief.send(initialize_like("elsewhere"), session_id=victim.session_id)
        (refused,) = await RawClient(memory, "theirs").receive()
        theirs = await victim.call("echo", n=2)

    assert "not allowed" in error_of(refused.message)
    assert result_of(theirs.message) == {"n": 2}
    assert thief.waiting_count() == 0


async def test_a_sealed_topic_that_is_no_longer_allowed_is_refused(
    memory: MemoryDeployment,
) -> None:
    client, listener = Theirs(memory, "replies"), RawClient(memory, "theirs")
    allowing = memory.server(allowed_reply_topics=("replies",))
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(), memory.bus, allowing, sealer=Sealer(KEY)):
            await client.open()
            await memory.settled()
        async with hosting(tool_server(), memory.bus, memory.server(), sealer=Sealer(KEY)) as host:
            client.send(tool_request(1, "echo", n=1))
            (refused,) = await listener.receive()
            client.send(notification("notifications/roots/list_changed"))
            await memory.bus.until(lambda: host.statistics().unsolicited_count == 1)

    assert "'replies' is not allowed" in error_of(refused.message)
    assert host.statistics().refused_topic_count == 2
    assert client.waiting_count() == 0


async def test_any_worker_with_the_key_serves_the_session(memory: MemoryDeployment) -> None:
    client = Theirs(memory, "replies")
    with anyio.fail_after(PATIENCE_SECONDS):
        for number in range(3):
            config = memory.server(allowed_reply_topics=("replies",))
            async with hosting(tool_server(), memory.bus, config, sealer=Sealer(KEY)):
                if number == 0:
                    await client.open()
                client.send(tool_request(number + 1, "echo", n=number))
                assert result_of(await client.answer()) == {"n": number}
                await memory.settled()


async def ask(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    reply = await ctx.session.elicit_form("?", {"type": "object", "properties": {}}, ctx.request_id)
    return {"action": reply.action}


async def test_a_question_goes_to_the_sessions_topic_and_only_its_client_answers(
    memory: MemoryDeployment, serve: Serve
) -> None:
    client, other = Theirs(memory, "replies"), Theirs(memory, "replies-2")
    async with serve("replies", "replies-2", server=tool_server(ask=ask)):
        await client.open()
        await other.open()
        client.send(tool_request(1, "ask"))
        (question,) = await client.receive()
        assert isinstance(question.message, JSONRPCRequest)
        answer_id = question.message.id
        other.send(JSONRPCResponse(jsonrpc="2.0", id=answer_id, result={"action": "decline"}))
        await memory.bus.until(lambda: memory.bus.depth(SERVER_QUEUE) == 1)
        client.send(JSONRPCResponse(jsonrpc="2.0", id=answer_id, result={"action": "accept"}))
        answer = await client.answer()

    assert result_of(answer) == {"action": "accept"}


async def test_an_answer_reaches_the_worker_that_asked_though_another_takes_it(
    memory: MemoryDeployment, serve: Serve
) -> None:
    """A worker that may do one thing at a time takes nothing while it asks."""
    client = Theirs(memory, "replies")
    async with serve("replies", server=tool_server(ask=ask), max_in_flight=1):
        await client.open()
        client.send(tool_request(1, "ask"))
        (question,) = await client.receive()
        assert isinstance(question.message, JSONRPCRequest)
        async with serve("replies", server=tool_server(ask=ask)):
            answer = JSONRPCResponse(
                jsonrpc="2.0", id=question.message.id, result={"action": "accept"}
            )
            client.send(answer)
            answered = await client.answer()

    assert worker_of(question.message.id) is not None
    assert result_of(answered) == {"action": "accept"}


async def test_a_cancellation_reaches_the_worker_that_runs_the_call_though_another_takes_it(
    memory: MemoryDeployment, serve: Serve
) -> None:
    client = Theirs(memory, "replies")
    entered, ended = anyio.Event(), anyio.Event()

    async def forever(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        entered.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with serve("replies", server=tool_server(forever=forever), max_in_flight=1):
        await client.open()
        client.send(tool_request(1, "forever"))
        await entered.wait()
        async with serve("replies"):
            client.send(notification("notifications/cancelled", requestId=1))
            await ended.wait()


async def test_what_such_a_client_gets_is_never_compressed(
    memory: MemoryDeployment, serve: Serve
) -> None:
    client = Theirs(memory, "replies")
    async with serve("replies", message_limit_bytes=4096):
        await client.open()
        client.send(tool_request(1, "echo", text="x" * 2_000))
        (answer,) = await client.receive()

    assert "reads neither compressed messages nor claim checks" in error_of(answer.message)
    assert answer.header.encoding is None


async def test_a_topic_of_anothers_is_given_no_more_than_new_topics_take(
    memory: MemoryDeployment, serve: Serve
) -> None:
    """The limit of the servers' own may have been raised; nobody has asked that of others."""
    own, shared = Theirs(memory, "replies"), Theirs(memory, RESPONSES, "two")
    large, runs = {"text": "x" * 150_000}, list[int]()

    async def count(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        runs.append(len(runs))
        return arguments

    server = tool_server(count=count)
    async with serve("replies", server=server, message_limit_bytes=2**20):
        await own.open()
        await shared.open()
        refused, given = [await client.call("echo", **large) for client in (own, shared)]
        with memory.bus.hold("publish", "replies"):
            for number in range(2, 8):
                own.send(tool_request(number, "count", text="x" * 50_000))
            await memory.bus.until(lambda: len(runs) == 6)
        answers = [await own.answer() for _ in range(6)]

    sizes = [sum(map(len, bodies)) for topic, bodies in memory.bus.published if topic == "replies"]
    assert "above the limit of 262,144 bytes" in error_of(refused.message)
    assert result_of(given.message) == large
    assert len(answers) == 6
    assert max(sizes) <= 262_144

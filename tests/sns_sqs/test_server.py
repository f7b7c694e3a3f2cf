"""The low-level server stream: many clients on one stream, each as if it were alone."""

from __future__ import annotations

import base64
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    CONNECTION_CLOSED,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import BusDenied, PayloadTooLarge
from asyncmcp_nb.sns_sqs import relay as relay_module
from asyncmcp_nb.sns_sqs.client import Streams, bus_client
from asyncmcp_nb.sns_sqs.server import bus_server
from tests.helpers import (
    PATIENCE_SECONDS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    error_of,
    notification,
    plain_request,
    request,
    tool_call,
)


class Stage:
    """The server's side of one stream; the test is the server."""

    def __init__(self, streams: Streams) -> None:
        self.read, self.write = streams

    async def hear(self) -> Any:
        item = await self.read.receive()
        assert isinstance(item, SessionMessage)
        return item.message

    async def say(self, message: JSONRPCMessage, *, about: Any = None) -> None:
        metadata = None if about is None else ServerMessageMetadata(related_request_id=about)
        await self.write.send(SessionMessage(message, metadata=metadata))

    async def answer(self, request_id: Any, **result: Any) -> None:
        await self.say(JSONRPCResponse(jsonrpc="2.0", id=request_id, result=result))


@asynccontextmanager
async def on_stage(memory: MemoryDeployment, **settings: Any) -> AsyncGenerator[Stage]:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with bus_server(memory.bus, memory.server(**settings)) as streams:
            yield Stage(streams)


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, "alice")


@pytest.fixture
def bob(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, "bob")


async def params_of(client: RawClient) -> Any:
    (incoming,) = await client.receive()
    return getattr(incoming.message, "params", None)


# -- requests and answers --------------------------------------------------------------------------


async def test_equal_ids_of_two_clients_are_different_on_the_stream(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        first = await stage.hear()
        bob.send(request(1, "ping"))
        second = await stage.hear()
        await stage.answer(second.id, who="bob")
        await stage.answer(first.id, who="alice")
        answers = [await client.answer() for client in (alice, bob)]
        await memory.settled()

    assert isinstance(first.id, str)
    assert first.id != second.id
    assert answers == [
        JSONRPCResponse(jsonrpc="2.0", id=1, result={"who": name}) for name in ("alice", "bob")
    ]


async def test_large_requests_and_answers_go_by_s3_on_the_stream_too(
    memory: MemoryDeployment,
) -> None:
    payloads = MemoryPayloads()
    text = base64.b64encode(random.Random(7).randbytes(300_000)).decode()
    asked = tool_call(1, "echo", {"text": text})
    client, server = memory.client("carol"), memory.server()
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            bus_server(memory.bus, server, payloads=payloads) as streams,
            bus_client(memory.bus, client, payloads=payloads) as (read, write),
        ):
            stage = Stage(streams)
            await write.send(SessionMessage(asked))
            heard = await stage.hear()
            await stage.answer(heard.id, text=text)
            answer = await read.receive()

    assert heard.params == asked.params
    assert isinstance(answer, SessionMessage)
    assert answer.message == JSONRPCResponse(jsonrpc="2.0", id=1, result={"text": text})
    assert payloads.statistics().requests == {"PutObject": 2, "GetObject": 2}


async def test_an_answer_to_nothing_is_dropped(memory: MemoryDeployment, alice: RawClient) -> None:
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        await stage.answer("r999")
        await stage.answer(heard.id)
        await stage.answer(heard.id)
        await memory.settled()

        assert (await alice.answer()).id == 1
        assert alice.waiting_count() == 0


async def test_an_error_is_an_answer_too(memory: MemoryDeployment, alice: RawClient) -> None:
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        error = ErrorData(code=CONNECTION_CLOSED, message="upstream is gone")
        await stage.say(JSONRPCError(jsonrpc="2.0", id=heard.id, error=error))

        assert error_of(await alice.answer()) == "upstream is gone"


async def test_a_request_broken_off_by_cancellation_is_handed_back_and_not_answered(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    """What a cancelled ``Server.run`` does: it says farewell while the cancellation unwinds."""
    farewell = ErrorData(code=CONNECTION_CLOSED, message="Connection closed")
    async with on_stage(memory, lease_seconds=3600) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True):
                    await stage.say(JSONRPCError(jsonrpc="2.0", id=heard.id, error=farewell))
                raise
    assert alice.waiting_count() == 0

    async with on_stage(memory) as stage:
        again = await stage.hear()
        await stage.answer(again.id)
        assert (await alice.answer()).id == 1


# -- progress, logs and tokens ---------------------------------------------------------------------


async def test_a_progress_token_is_the_streams_own_inside_and_the_clients_own_outside(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        alice.send(tool_call(1, "echo", progressToken="mine"))
        first = await stage.hear()
        bob.send(tool_call(1, "echo", progressToken=1))
        second = await stage.hear()
        for heard in (first, second):
            token = heard.params["_meta"]["progressToken"]
            assert token == heard.id
            await stage.say(notification("notifications/progress", progressToken=token, progress=1))

        assert await params_of(alice) == {"progressToken": "mine", "progress": 1}
        assert await params_of(bob) == {"progressToken": 1, "progress": 1}


async def test_a_request_without_a_token_gets_none(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with on_stage(memory) as stage:
        alice.send(plain_request(1, "ping"))
        heard = await stage.hear()

    assert heard.params == {}


async def test_what_is_said_about_a_request_goes_to_its_client_alone(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        for client in (alice, bob):
            client.send(request(1, "ping"))
        heard = [await stage.hear() for _ in range(2)]
        await stage.say(notification("notifications/message", data="x"), about=heard[0].id)
        await stage.say(JSONRPCNotification(jsonrpc="2.0", method="bare"), about=heard[0].id)
        for message in heard:
            await stage.answer(message.id)
        await memory.settled()

    assert sorted([alice.waiting_count(), bob.waiting_count()]) == [1, 3]


@pytest.mark.parametrize("kind", ["progress", "log", "question"])
async def test_what_is_said_about_a_request_after_its_answer_goes_to_nobody(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient, kind: str
) -> None:
    async with on_stage(memory) as stage:
        alice.send(tool_call(1, "echo", progressToken=5))
        heard = await stage.hear()
        bob.send(request(1, "ping"))
        other = await stage.hear()
        await stage.answer(heard.id)
        await alice.answer()
        match kind:
            case "progress":
                late = notification("notifications/progress", progressToken=heard.id, progress=1)
                await stage.say(late)
            case "log":
                await stage.say(notification("notifications/message"), about=heard.id)
            case _:
                await stage.say(plain_request(7, "roots/list"), about=heard.id)
                assert error_of(await stage.hear()) == "There is no client to ask"
        await stage.answer(other.id)
        (incoming,) = await bob.receive()
        await memory.settled()

    assert isinstance(incoming.message, JSONRPCResponse)
    assert (alice.waiting_count(), bob.waiting_count()) == (0, 0)


# -- what belongs to no request --------------------------------------------------------------------


async def test_a_notification_about_no_request_goes_to_every_client(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    changed = JSONRPCNotification(jsonrpc="2.0", method="notifications/tools/list_changed")
    async with on_stage(memory) as stage:
        for client in (alice, bob):
            client.send(request(1, "ping"))
            await stage.hear()
        await stage.say(changed)
        heard = [(await client.receive())[0] for client in (alice, bob)]

    assert [incoming.message for incoming in heard] == [changed, changed]
    assert [i.header.connection_id for i in heard] == [alice.connection_id, bob.connection_id]
    assert [i.header.request_id for i in heard] == [None, None]


async def test_before_any_client_came_a_notification_goes_nowhere_and_holds_nothing_up(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with on_stage(memory) as stage:
        await stage.say(
            JSONRPCNotification(jsonrpc="2.0", method="notifications/tools/list_changed")
        )
        alice.send(request(1, "ping"))
        await stage.answer((await stage.hear()).id)

        assert (await alice.answer()).id == 1


async def test_before_any_client_came_a_question_fails_at_once(memory: MemoryDeployment) -> None:
    async with on_stage(memory) as stage:
        await stage.say(plain_request(7, "roots/list"))
        refusal = await stage.hear()

    assert (refusal.id, error_of(refusal)) == (7, "There is no client to ask")


async def test_a_question_about_no_request_goes_to_the_client_that_spoke_last(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        for client in (alice, bob):
            client.send(request(1, "ping"))
            await stage.hear()
        await stage.say(plain_request(7, "roots/list"))
        (asked,) = await bob.receive()
        assert isinstance(asked.message, JSONRPCRequest)
        bob.send(JSONRPCResponse(jsonrpc="2.0", id=asked.message.id, result={"roots": []}))
        answer = await stage.hear()

    assert answer == JSONRPCResponse(jsonrpc="2.0", id=7, result={"roots": []})
    assert alice.waiting_count() == 0


async def test_a_withdrawn_question_is_withdrawn_at_the_client_that_has_it(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        for client in (bob, alice):
            client.send(request(1, "ping"))
            await stage.hear()
        await stage.say(plain_request(7, "roots/list"))
        (asked,) = await alice.receive()
        assert isinstance(asked.message, JSONRPCRequest)
        await stage.say(notification("notifications/cancelled", requestId=7, reason="late"))
        await stage.say(notification("notifications/cancelled", requestId=8))

        withdrawn = {"requestId": asked.message.id, "reason": "late"}
        assert await params_of(alice) == withdrawn
        assert (alice.waiting_count(), bob.waiting_count()) == (0, 0)


@pytest.mark.parametrize("bound", ["_CLIENT_COUNT", "_QUESTION_COUNT"])
async def test_what_is_remembered_has_a_bound(
    memory: MemoryDeployment,
    alice: RawClient,
    bob: RawClient,
    bound: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, bound, 1)
    async with on_stage(memory) as stage:
        for client in (alice, bob):
            client.send(request(1, "ping"))
            await stage.hear()
        await stage.say(plain_request(7, "roots/list"))
        await stage.say(plain_request(8, "roots/list"))
        await stage.say(notification("note"))
        asked = [i.message for i in await bob.receive(3) if isinstance(i.message, JSONRPCRequest)]
        for question in asked:
            bob.send(JSONRPCResponse(jsonrpc="2.0", id=question.id, result={}))
        answered = {(await stage.hear()).id}
        if bound == "_CLIENT_COUNT":
            answered.add((await stage.hear()).id)
        await memory.bus.until(lambda: memory.bus.depth(SERVER_QUEUE) == 2)

    assert answered == ({8} if bound == "_QUESTION_COUNT" else {7, 8})
    assert alice.waiting_count() == (1 if bound == "_QUESTION_COUNT" else 0)


# -- from the clients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        JSONRPCResponse(jsonrpc="2.0", id="q1:1", result={}),
        notification("notifications/cancelled", requestId=9),
        notification("notifications/progress", progressToken="q1:1", progress=1),
    ],
)
async def test_what_concerns_nothing_known_is_not_shown_to_the_server(
    memory: MemoryDeployment, alice: RawClient, message: JSONRPCMessage
) -> None:
    async with on_stage(memory) as stage:
        alice.send(message)
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        await memory.bus.until(lambda: memory.bus.depth(SERVER_QUEUE) == 1)

    assert heard.method == "ping"
    assert len(stage.read) == 0


@pytest.mark.parametrize("method", ["notifications/cancelled", "notifications/progress", "any"])
async def test_a_notification_that_names_no_request_is_shown_as_it_is(
    memory: MemoryDeployment, alice: RawClient, method: str
) -> None:
    async with on_stage(memory) as stage:
        alice.send(notification(method, reason="x"))

        assert await stage.hear() == notification(method, reason="x")


async def test_a_cancellation_is_shown_with_all_that_it_says(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    said: dict[str, Any] = {"reason": "late", "stream_id": "r1", "self": "me", "params": {}}
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        alice.send(notification("notifications/cancelled", requestId=1, **said))
        cancelled = await stage.hear()
        await memory.settled()

    assert cancelled == notification("notifications/cancelled", **said, requestId=heard.id)


async def test_a_cancellation_that_names_no_client_is_not_shown_to_the_server(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        cancel = notification("notifications/cancelled", requestId=1)
        alice.send(cancel, client_id=None, worker_id="*")
        alice.send(notification("after"), worker_id="*")
        after = await stage.hear()
        await stage.answer(heard.id)

        assert (after.method, (await alice.answer()).id) == ("after", 1)


async def test_a_listen_request_that_comes_while_the_stream_ends_is_not_lost(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with on_stage(memory, lease_seconds=3600) as stage:
        alice.send(request("listen-1", "subscriptions/listen"))
        # The loop stands still, so the request is taken from the queue but not yet shown.
        memory.bus.wait_until(lambda: memory.bus.started["receive", SERVER_QUEUE] == 2)
    assert len(stage.read) == 0

    async with on_stage(memory) as stage:
        assert (await stage.hear()).method == "subscriptions/listen"


async def test_a_cancellation_is_shown_under_the_streams_id_and_the_request_is_not_answered(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory) as stage:
        for client in (alice, bob):
            client.send(request(1, "ping"))
        ids = [(await stage.hear()).id for _ in range(2)]
        alice.cancel(1)
        cancel = await stage.hear()
        for stream_id in ids:
            await stage.answer(stream_id)
        await memory.settled()

    assert cancel.method == "notifications/cancelled"
    assert cancel.params["requestId"] in ids
    assert (alice.waiting_count(), bob.waiting_count()) == (0, 1)


async def test_a_subscription_has_the_name_that_its_client_gave_it(
    memory: MemoryDeployment, alice: RawClient, bob: RawClient
) -> None:
    async with on_stage(memory, max_in_flight=1) as stage:
        for client in (alice, bob):
            client.send(request("listen-1", "subscriptions/listen"))
            heard = await stage.hear()
            meta = {SUBSCRIPTION_ID_META_KEY: heard.id}
            await stage.say(notification("changed", _meta=meta), about=heard.id)
            await stage.answer(heard.id, _meta=meta)
        notes = [by_kind(await client.receive(2)) for client in (alice, bob)]
        await memory.settled()

    for note, answer in notes:
        assert note.params["_meta"] == {SUBSCRIPTION_ID_META_KEY: "listen-1"}
        assert answer.result["_meta"] == {SUBSCRIPTION_ID_META_KEY: "listen-1"}
        assert answer.id == "listen-1"


def by_kind(messages: list[Any]) -> tuple[Any, Any]:
    note, answer = sorted((i.message for i in messages), key=lambda m: hasattr(m, "id"))
    return note, answer


# -- failing to say --------------------------------------------------------------------------------


@pytest.mark.parametrize("related", [True, False])
async def test_what_cannot_be_published_raises_at_the_server(
    memory: MemoryDeployment, alice: RawClient, related: bool
) -> None:
    async with on_stage(memory) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()
        memory.bus.fail("publish", RESPONSES, BusDenied("no"))

        with pytest.raises(BusDenied):
            await stage.say(notification("note"), about=heard.id if related else None)


async def test_what_is_too_large_raises_at_the_server(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    noise = "".join(map(chr, range(0x4E00, 0x5E00)))
    async with on_stage(memory, message_limit_bytes=2048) as stage:
        alice.send(request(1, "ping"))
        heard = await stage.hear()

        with pytest.raises(PayloadTooLarge):
            await stage.say(notification("note", data=noise), about=heard.id)


async def test_leaving_the_stream_ends_it(memory: MemoryDeployment) -> None:
    async with on_stage(memory) as stage:
        pass

    with pytest.raises(anyio.EndOfStream):
        await stage.read.receive()

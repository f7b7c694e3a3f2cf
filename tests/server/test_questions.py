"""What a server says and asks while it works: 2025-era questions, progress, notifications."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskStatus
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    ListRootsRequest,
    ListRootsResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    NotificationParams,
    ToolListChangedNotification,
)

from asyncmcp_nb.errors import BusDenied, PayloadTooLarge
from asyncmcp_nb.server.exchange import Channel, Exchange, Notice, Question, Questions
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.addressing import worker_of
from asyncmcp_nb.sns_sqs.handoff import Handoff
from asyncmcp_nb.sns_sqs.server_link import ServerLink
from asyncmcp_nb.wire import Incoming
from tests.helpers import (
    HANDSHAKE,
    PATIENCE_SECONDS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    initialize_request,
    notification,
    plain_request,
    result_of,
    serving_stream,
    tool_call,
    tool_server,
)

ROOTS = {"roots": [{"uri": "file:///here"}]}

Serve = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(params=["host", "stream"])
def serve(request: pytest.FixtureRequest, memory: MemoryDeployment) -> Serve:
    """Both ways to serve."""

    @asynccontextmanager
    async def start(server: Server[Any], **settings: Any) -> AsyncGenerator[None]:
        how = hosting if request.param == "host" else serving_stream
        with anyio.fail_after(PATIENCE_SECONDS):
            async with how(server, memory.bus, memory.server(**settings)):
                yield

    return start


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, protocol_version=HANDSHAKE)


async def shake_hands(client: RawClient) -> None:
    client.send(initialize_request("init"))
    (incoming,) = await client.receive()
    assert isinstance(incoming.message, JSONRPCResponse)
    client.session_id = incoming.header.session_id
    client.send(notification("notifications/initialized"))


async def ask(
    ctx: ToolContext,
    *,
    timeout_seconds: float | None = None,
    progress: Any = None,
    about: Any = None,
) -> Any:
    """Ask the client for its roots, and say what came of it."""
    related = ctx.request_id if about is None else about
    try:
        result = await ctx.session.send_request(
            ListRootsRequest(),
            ListRootsResult,
            request_read_timeout_seconds=timeout_seconds,
            metadata=ServerMessageMetadata(related_request_id=related) if related else None,
            progress_callback=progress,
        )
    except MCPError as exc:
        return {"code": exc.error.code, "message": exc.error.message}
    return result.model_dump(mode="json", by_alias=True, include={"roots": {"__all__": {"uri"}}})


async def tool(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    return await ask(ctx)


def call(request_id: int, name: str = "tool", **meta: Any) -> JSONRPCRequest:
    return plain_request(request_id, "tools/call", {"name": name, "arguments": {}, "_meta": meta})


async def question_to(client: RawClient) -> JSONRPCRequest:
    (incoming,) = await client.receive()
    assert isinstance(incoming.message, JSONRPCRequest), incoming
    return incoming.message


def reply(
    client: RawClient, question: JSONRPCRequest, result: dict[str, Any] | None = None
) -> None:
    """Answer as a client does: to the worker that asked."""
    answer = JSONRPCResponse(jsonrpc="2.0", id=question.id, result=result or ROOTS)
    client.send(answer, worker_id=worker_of(question.id))


# -- questions -------------------------------------------------------------------------------------


async def test_a_tool_asks_its_client_and_gets_the_answer(serve: Serve, alice: RawClient) -> None:
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        reply(alice, question)
        answer = await alice.answer()

    assert question.method == "roots/list"
    assert isinstance(question.id, str)
    assert result_of(answer) == ROOTS


async def test_two_clients_that_are_asked_at_the_same_time_answer_for_themselves(
    serve: Serve, memory: MemoryDeployment
) -> None:
    clients = [RawClient(memory, name, protocol_version=HANDSHAKE) for name in ("alice", "bob")]

    async with serve(tool_server(tool=tool)):
        for client in clients:
            await shake_hands(client)
            client.send(call(1))
        questions = [await question_to(client) for client in clients]
        for client, question in reversed(list(zip(clients, questions, strict=True))):
            reply(client, question, {"roots": [{"uri": f"file:///{client.name}"}]})
        answers = [result_of(await client.answer()) for client in clients]

    assert questions[0].id != questions[1].id
    assert answers == [{"roots": [{"uri": f"file:///{c.name}"}]} for c in clients]


async def test_only_the_client_that_was_asked_can_answer(
    serve: Serve, memory: MemoryDeployment, alice: RawClient
) -> None:
    mallory = RawClient(memory, "mallory", protocol_version=HANDSHAKE)
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        reply(mallory, question, {"roots": [{"uri": "file:///etc"}]})
        reply(alice, question)
        answer = await alice.answer()

    assert result_of(answer) == ROOTS


async def test_a_second_answer_changes_nothing(serve: Serve, alice: RawClient) -> None:
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        reply(alice, question)
        reply(alice, question, {"roots": []})
        answer = await alice.answer()
        alice.send(call(2))
        reply(alice, await question_to(alice))
        again = await alice.answer()

    assert (result_of(answer), result_of(again)) == (ROOTS, ROOTS)


async def test_a_client_that_answers_with_an_error_raises_it_in_the_tool(
    serve: Serve, alice: RawClient
) -> None:
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        error = ErrorData(code=-1, message="User rejected")
        refusal = JSONRPCError(jsonrpc="2.0", id=question.id, error=error)
        alice.send(refusal, worker_id=worker_of(question.id))
        answer = await alice.answer()

    assert result_of(answer) == {"code": -1, "message": "User rejected"}


async def test_a_question_that_nobody_answers_in_time_is_withdrawn(
    serve: Serve, alice: RawClient
) -> None:
    async def hasty(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return await ask(ctx, timeout_seconds=0.1)

    async with serve(tool_server(hasty=hasty)):
        await shake_hands(alice)
        alice.send(call(1, "hasty"))
        question, *others = by_place(await alice.receive(3))

    withdrawal = next(m for m in others if isinstance(m, JSONRPCNotification))
    answer = next(m for m in others if isinstance(m, JSONRPCResponse))
    assert isinstance(question, JSONRPCRequest)
    assert withdrawal.method == "notifications/cancelled"
    assert (withdrawal.params or {})["requestId"] == question.id
    assert result_of(answer)["code"] == REQUEST_TIMEOUT


def by_place(messages: list[Incoming]) -> list[Any]:
    return [i.message for i in sorted(messages, key=lambda i: i.header.sequence or 0)]


async def test_cancelling_a_call_withdraws_the_question_that_it_waits_for(
    serve: Serve, alice: RawClient
) -> None:
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        alice.cancel(1)
        (withdrawal,) = await alice.receive()

    assert isinstance(withdrawal.message, JSONRPCNotification)
    assert withdrawal.message.method == "notifications/cancelled"
    assert (withdrawal.message.params or {})["requestId"] == question.id


async def test_progress_on_a_question_reaches_the_tool_that_asked(
    serve: Serve, memory: MemoryDeployment, alice: RawClient
) -> None:
    heard: list[Any] = []
    mallory = RawClient(memory, "mallory", protocol_version=HANDSHAKE)

    async def patient(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append((done, total, message))

        return await ask(ctx, progress=progress)

    async with serve(tool_server(patient=patient)):
        await shake_hands(alice)
        alice.send(call(1, "patient"))
        question = await question_to(alice)
        token, worker_id = (question.params or {})["_meta"]["progressToken"], worker_of(question.id)
        for client, params in (
            (mallory, {"progress": 9}),
            (alice, {"progress": "half"}),
            (alice, {"progress": 1, "total": 2, "message": "half"}),
            (alice, {"progress": 10**400}),
            (alice, {"progress": 3, "total": 10**400}),
            (alice, {"progress": 2.0}),
        ):
            message = notification("notifications/progress", progressToken=token, **params)
            client.send(message, worker_id=worker_id)
        await memory.bus.until(lambda: len(heard) == 3)
        reply(alice, question)
        answer = await alice.answer()

    assert token == question.id
    assert sorted(heard) == [(1.0, 2.0, "half"), (2.0, None, None), (3.0, None, None)]
    assert result_of(answer) == ROOTS


async def test_a_progress_callback_that_raises_does_not_end_the_server(
    serve: Serve, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    raised = anyio.Event()

    async def patient(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            raised.set()
            raise ZeroDivisionError

        return await ask(ctx, progress=progress)

    async with serve(tool_server(patient=patient)):
        await shake_hands(alice)
        alice.send(call(1, "patient"))
        question = await question_to(alice)
        message = notification("notifications/progress", progressToken=question.id, progress=1)
        alice.send(message, worker_id=worker_of(question.id))
        await raised.wait()
        reply(alice, question)
        answer = await alice.answer()

    assert result_of(answer) == ROOTS


async def test_progress_on_a_question_that_wants_none_is_ignored(
    serve: Serve, alice: RawClient
) -> None:
    async with serve(tool_server(tool=tool)):
        await shake_hands(alice)
        alice.send(call(1))
        question = await question_to(alice)
        message = notification("notifications/progress", progressToken=question.id, progress=1)
        alice.send(message, worker_id=worker_of(question.id))
        reply(alice, question)
        answer = await alice.answer()

    assert result_of(answer) == ROOTS


async def test_a_question_beside_any_request_reaches_the_client_too(
    serve: Serve, alice: RawClient
) -> None:
    async def aside(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return await ask(ctx, about=0)

    async with serve(tool_server(aside=aside)):
        await shake_hands(alice)
        alice.send(call(1, "aside"))
        (incoming,) = await alice.receive()
        assert isinstance(incoming.message, JSONRPCRequest)
        reply(alice, incoming.message)
        answer = await alice.answer()

    assert incoming.header.request_id is None
    assert result_of(answer) == ROOTS


async def test_a_notification_handler_may_ask_as_well(
    serve: Serve, memory: MemoryDeployment, alice: RawClient
) -> None:
    answers: list[Any] = []

    async def on_change(ctx: ToolContext, params: NotificationParams) -> None:
        await ctx.session.report_progress(1)
        await ctx.session.send_notification(ToolListChangedNotification(), related_request_id="any")
        answers.append(await ask(ctx, about="any"))

    server = tool_server()
    server.add_notification_handler(
        "notifications/roots/list_changed", NotificationParams, on_change
    )

    async with serve(server):
        await shake_hands(alice)
        alice.send(notification("notifications/roots/list_changed"))
        told, question = sorted(
            [i.message for i in await alice.receive(2)], key=lambda m: isinstance(m, JSONRPCRequest)
        )
        assert isinstance(question, JSONRPCRequest)
        reply(alice, question)
        await memory.bus.until(lambda: answers == [ROOTS])

    assert getattr(told, "method", None) == "notifications/tools/list_changed"


async def test_the_modern_era_has_no_questions(serve: Serve, memory: MemoryDeployment) -> None:
    async def curious(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        with pytest.raises(NoBackChannelError):
            await ctx.session.send_request(
                ListRootsRequest(),
                ListRootsResult,
                metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
            )
        return {"asked": False}

    alice = RawClient(memory)
    async with serve(tool_server(curious=curious)):
        alice.send(tool_call(1, "curious"))
        answer = await alice.answer()

    assert result_of(answer) == {"asked": False}


def test_a_question_takes_the_first_answer() -> None:
    question = Question("alice", None)

    question.settle({"first": True})
    question.settle({"second": True})

    assert question.outcome == {"first": True}


async def test_what_the_sdk_may_want_to_know_of_the_transport(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    arrivals: list[Any] = []
    link = ServerLink(memory.bus, memory.server(), lambda arrival: arrivals.append(arrival) is None)
    link.start()
    alice.send(call(7))
    await memory.bus.until(lambda: len(arrivals) == 1)
    handoff, questions = Handoff(), Questions(None)
    exchange = Exchange(arrivals[0], handoff, questions, may_ask=True)
    notice = Notice(Channel(link, arrivals[0].address, handoff=handoff, questions=questions))

    assert (exchange.request_id, exchange.message_metadata, exchange.is_detached) == (
        7,
        None,
        False,
    )
    assert exchange.transport == TransportContext(kind="sns-sqs", can_send_request=True)
    exchange.close()
    assert exchange.can_send_request is False
    await notice.progress(1)
    await anyio.to_thread.run_sync(link.close)
    assert alice.waiting_count() == 0


# -- the host's own --------------------------------------------------------------------------------


@asynccontextmanager
async def host(memory: MemoryDeployment, **tools: Any) -> AsyncGenerator[None]:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(**tools), memory.bus, memory.server()):
            yield


async def test_two_workers_get_the_answers_to_their_own_questions(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    workers = [memory.server(max_in_flight=6) for _ in range(2)]
    server, sealer = tool_server(tool=tool), Sealer(b"k" * 32)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            hosting(server, memory.bus, workers[0], sealer=sealer),
            hosting(server, memory.bus, workers[1], sealer=sealer),
        ):
            await shake_hands(alice)
            for number in range(12):
                alice.send(call(number))
            questions = [await question_to(alice) for _ in range(12)]
            for question in questions:
                reply(alice, question)
            answers = [result_of(await alice.answer()) for _ in range(12)]

    asked_by = Counter(worker_of(question.id) for question in questions)
    assert asked_by == {worker.worker_id: 6 for worker in workers}
    assert answers == [ROOTS] * 12


async def test_a_late_answer_to_a_workers_former_process_settles_nothing_in_the_next(
    serve: Serve, memory: MemoryDeployment, alice: RawClient
) -> None:
    worker = memory.server()
    same = {"worker_id": worker.worker_id, "control_queue_url": worker.control_queue_url}
    questions: list[JSONRPCRequest] = []
    answers: list[Any] = []
    for process in range(2):
        alice.session_id = None
        async with serve(tool_server(tool=tool), **same):
            await shake_hands(alice)
            alice.send(call(process))
            questions.append(await question_to(alice))
            reply(alice, questions[0], {"roots": []} if process else ROOTS)
            reply(alice, questions[-1])
            answers.append(result_of(await alice.answer()))

    assert {worker_of(question.id) for question in questions} == {worker.worker_id}
    assert questions[0].id != questions[1].id
    assert answers == [ROOTS, ROOTS]


async def test_a_question_that_cannot_be_published_fails_in_the_tool(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async def tool(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        memory.bus.fail("publish", RESPONSES, BusDenied("no"))
        with pytest.raises(BusDenied):
            await ask(ctx)
        return {"asked": False}

    async with host(memory, tool=tool):
        await shake_hands(alice)
        alice.send(call(1))
        answer = await alice.answer()

    assert result_of(answer) == {"asked": False}


async def test_after_its_request_ended_a_tool_can_neither_ask_nor_tell(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    contexts: list[ToolContext] = []

    async def tool(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        contexts.append(ctx)
        return {}

    async with host(memory, tool=tool):
        await shake_hands(alice)
        alice.send(call(1, progressToken=1))
        await alice.answer()
        (ctx,) = contexts
        with pytest.raises(NoBackChannelError):
            await ask_plainly(ctx)
        await ctx.session.report_progress(1)

    assert alice.waiting_count() == 0


async def ask_plainly(ctx: ToolContext) -> None:
    await ctx.session.send_request(
        ListRootsRequest(),
        ListRootsResult,
        metadata=ServerMessageMetadata(related_request_id=ctx.request_id),
    )


async def test_questions_that_are_pending_when_the_host_stops_are_answered_by_itself(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    outcomes: list[Any] = []

    async def stubborn(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        with anyio.CancelScope(shield=True):
            outcomes.append(await ask(ctx))
        return {}

    async with host(memory, stubborn=stubborn):
        await shake_hands(alice)
        alice.send(call(1, "stubborn"))
        await question_to(alice)

    assert outcomes == [{"code": CONNECTION_CLOSED, "message": "The server is stopping"}]


async def test_a_request_that_waits_for_its_client_is_handed_back_before_its_question_ends(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    bus = memory.bus
    ended: list[Any] = []
    ended_before: list[Any] = []

    async def tool(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        try:
            return await ask(ctx)
        finally:
            ended.append(ctx.request_id)

    async def look(*, task_status: TaskStatus[None]) -> None:
        with bus.hold("hand_back", SERVER_QUEUE):
            task_status.started()
            await bus.until(lambda: bus.under_way["hand_back", SERVER_QUEUE] == 1)
            await anyio.wait_all_tasks_blocked()
            ended_before.extend(ended)

    async with anyio.create_task_group() as tasks, host(memory, tool=tool):
        await shake_hands(alice)
        alice.send(call(1))
        await question_to(alice)
        await tasks.start(look)

    assert (ended_before, ended) == ([], [1])
    assert bus.depth(SERVER_QUEUE) == 1
    left = [i.message for i in await alice.receive(alice.waiting_count())]
    assert [m for m in left if isinstance(m, JSONRPCError)] == []


# -- what a server tells ---------------------------------------------------------------------------


async def tell(ctx: ToolContext, data: Any) -> None:
    params = LoggingMessageNotificationParams(level="info", data=data)
    await ctx.session.send_notification(
        LoggingMessageNotification(params=params), related_request_id=ctx.request_id
    )


async def test_a_tool_that_tells_much_waits_for_the_publisher(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    told: list[int] = []

    async def chatter(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        for number in range(200):
            await tell(ctx, number)
            told.append(number)
        return {}

    async with host(memory, chatter=chatter):
        await shake_hands(alice)
        with memory.bus.hold("publish", RESPONSES):
            alice.send(call(1, "chatter"))
            await memory.bus.until(lambda: len(told) == 64)
            await anyio.wait_all_tasks_blocked()
            assert len(told) == 64
        messages = by_place(await alice.receive(201))

    assert [(m.params or {})["data"] for m in messages[:-1]] == list(range(200))


async def test_a_notification_that_cannot_be_published_is_logged_and_the_tool_goes_on(
    memory: MemoryDeployment, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def chatter(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        memory.bus.fail("publish", RESPONSES, *[BusDenied("no")] * 3)
        for number in range(100):
            await tell(ctx, number)
        return {"done": True}

    async with host(memory, chatter=chatter):
        await shake_hands(alice)
        alice.send(call(1, "chatter"))
        while not isinstance(answer := (await alice.receive())[0].message, JSONRPCResponse):
            pass

    assert result_of(answer) == {"done": True}
    assert "a notification was not published: no" in caplog.messages


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("".join(map(chr, range(0x4E00, 0x5E00))), "above the limit"),
        ("\ud800", "cannot be written as JSON"),
    ],
)
async def test_a_notification_that_cannot_travel_is_logged_and_the_tool_goes_on(
    memory: MemoryDeployment,
    alice: RawClient,
    caplog: pytest.LogCaptureFixture,
    data: str,
    reason: str,
) -> None:
    async def chatter(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await tell(ctx, data)
        return {"done": True}

    config = memory.server(message_limit_bytes=2048)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(chatter=chatter), memory.bus, config):
            await shake_hands(alice)
            alice.send(call(1, "chatter"))
            answer = await alice.answer()

    assert result_of(answer) == {"done": True}
    assert any("notification was not sent" in m and reason in m for m in caplog.messages)


async def test_a_question_that_is_too_large_fails_in_the_tool(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async def tool(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        noise = "".join(map(chr, range(0x4E00, 0x5E00)))
        with pytest.raises(PayloadTooLarge):
            await ctx.session.elicit_form(
                noise, {"type": "object", "properties": {}}, ctx.request_id
            )
        return {"asked": False}

    config = memory.server(message_limit_bytes=2048)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(tool=tool), memory.bus, config):
            await shake_hands(alice)
            alice.send(call(1))
            answer = await alice.answer()

    assert result_of(answer) == {"asked": False}


async def test_a_notification_without_params_has_none_on_the_wire(
    serve: Serve, alice: RawClient
) -> None:
    async def change(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.send_notification(ToolListChangedNotification())
        return {}

    async with serve(tool_server(change=change)):
        await shake_hands(alice)
        alice.send(call(1, "change"))
        messages = [i.message for i in await alice.receive(2)]

    told = next(m for m in messages if isinstance(m, JSONRPCNotification))
    assert told == JSONRPCNotification(jsonrpc="2.0", method="notifications/tools/list_changed")


@pytest.mark.parametrize("token", [None, True, 1.5, [1]])
async def test_progress_without_a_usable_token_is_not_told(
    memory: MemoryDeployment, alice: RawClient, token: Any
) -> None:
    async def work(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.report_progress(1)
        return {}

    async with host(memory, work=work):
        await shake_hands(alice)
        alice.send(call(1, "work", **({} if token is None else {"progressToken": token})))
        await alice.answer()

    assert alice.waiting_count() == 0

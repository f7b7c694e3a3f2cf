"""A host at work: redelivery, deadlines, cancellation, shutdown."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp.server.lowlevel.server import Server
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    JSONRPCResponse,
    NotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.errors import BusDenied
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.meta import DEADLINE_KEY, deadline_text
from tests.helpers import (
    HANDSHAKE,
    PATIENCE_SECONDS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    Plug,
    RawClient,
    ToolContext,
    error_of,
    initialize_request,
    notification,
    plain_request,
    request,
    result_of,
    serving_stream,
    tool_call,
    tool_server,
)


class Bench:
    """Tools that note who ran, wait at a gate, and notice that they are cancelled."""

    def __init__(self, memory: MemoryDeployment) -> None:
        self.memory = memory
        self.ran: list[Any] = []
        self.cancelled: list[Any] = []
        self.at_once_count = 0
        self.most_at_once_count = 0
        self.gate = anyio.Event()
        self.host: Host | None = None
        self.control_queue = ""
        self.server = tool_server(note=self.note, wait=self.wait)

    async def note(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.ran.append(arguments.get("who"))
        return arguments

    async def wait(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        who = arguments.get("who")
        self.ran.append(who)
        self.at_once_count += 1
        self.most_at_once_count = max(self.most_at_once_count, self.at_once_count)
        try:
            await self.gate.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(who)
            raise
        finally:
            self.at_once_count -= 1
        return arguments

    @asynccontextmanager
    async def hosting(self, *, drain_seconds: float = 0.0, **settings: Any) -> AsyncGenerator[None]:
        """One more worker."""
        with anyio.fail_after(2 * PATIENCE_SECONDS):
            config = self.memory.server(**settings)
            self.control_queue = self.memory.control_queue(config)
            async with hosting(
                self.server, self.memory.bus, config, drain_seconds=drain_seconds
            ) as self.host:
                yield

    def statistics(self) -> ServerStatistics:
        """Of the latest host."""
        assert self.host is not None
        return self.host.statistics()

    async def until(self, holds: Callable[[], bool]) -> None:
        await self.memory.bus.until(holds)

    async def control_messages_are_read(self) -> None:
        """Wait until the latest host has read its control queue."""
        await self.until(lambda: self.memory.bus.depth(self.control_queue) == 0)


@pytest.fixture
async def bench(memory: MemoryDeployment) -> Bench:
    return Bench(memory)


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def wait_call(request_id: int, who: Any = "it", **meta: Any) -> Any:
    return tool_call(request_id, "wait", {"who": who}, **meta)


def note_call(request_id: int, who: Any = "it", **meta: Any) -> Any:
    return tool_call(request_id, "note", {"who": who}, **meta)


# -- its loop --------------------------------------------------------------------------------------


async def test_requests_that_come_together_hold_up_the_loop_one_at_a_time(
    bench: Bench, memory: MemoryDeployment, alice: RawClient
) -> None:
    turns = 0
    begun_at: list[int] = []

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async def begin(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        begun_at.append(turns)
        return arguments

    bench.server = tool_server(begin=begin)
    async with bench.hosting(), anyio.create_task_group() as tasks:
        tasks.start_soon(count_turns)
        alice.send(*[tool_call(number, "begin") for number in range(10)])
        # This loop does nothing until all ten are there.
        memory.bus.wait_until(lambda: bench.statistics().in_flight_count == 10)
        await alice.receive(10)
        tasks.cancel_scope.cancel()

    assert len(set(begun_at)) == 10


# -- redelivery ------------------------------------------------------------------------------------


async def test_a_request_delivered_again_while_it_runs_runs_once_and_is_answered_once(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting():
        alice.send(wait_call(1), wait_call(1))
        await bench.until(lambda: bench.statistics().redelivered_count == 1)
        bench.gate.set()
        answer = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, result_of(answer)) == (["it"], {"who": "it"})
    assert alice.waiting_count() == 0


async def test_a_request_delivered_again_after_it_ran_is_answered_again_without_a_run(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting():
        alice.send(note_call(1))
        first = await alice.answer()
        alice.send(note_call(1))
        second = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, second) == (["it"], first)


async def test_an_answer_that_could_not_be_published_is_sent_later_without_a_second_run(
    bench: Bench, alice: RawClient
) -> None:
    bench.memory.bus.fail("publish", RESPONSES, BusDenied("no"), BusDenied("no"))
    async with bench.hosting():
        alice.send(note_call(1))
        answer = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, result_of(answer)) == (["it"], {"who": "it"})


async def test_a_request_whose_worker_is_killed_is_answered_by_another(
    bench: Bench, alice: RawClient
) -> None:
    plug = Plug(bench.memory.bus)
    config = bench.memory.server(lease_seconds=1, retry_seconds=0)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(bench.server, plug, config):
            alice.send(wait_call(1))
            await bench.until(lambda: bench.ran == ["it"])
            plug.pull()
            async with bench.hosting():
                await bench.until(lambda: bench.ran == ["it", "it"])
                bench.gate.set()
                answer = await alice.answer()
                await bench.memory.settled()

    assert result_of(answer) == {"who": "it"}
    assert alice.waiting_count() == 0


async def test_a_request_outlasts_many_leases(bench: Bench, alice: RawClient) -> None:
    async with bench.hosting(lease_seconds=1), bench.hosting(lease_seconds=1):
        alice.send(wait_call(1))
        await bench.until(lambda: bench.memory.bus.started["extend", SERVER_QUEUE] >= 4)
        bench.gate.set()
        await alice.answer()
        await bench.memory.settled()

    assert bench.ran == ["it"]


async def test_a_tool_that_blocks_the_loop_keeps_its_request(alice: RawClient) -> None:
    memory = alice.deployment
    ran: list[int] = []

    async def block(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        ran.append(1)
        memory.bus.wait_until(lambda: memory.bus.started["extend", SERVER_QUEUE] >= 4)
        return {}

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(block=block), memory.bus, memory.server(lease_seconds=1)):
            alice.send(tool_call(1, "block"))
            await alice.answer()
            await memory.settled()

    assert ran == [1]


# -- poison ----------------------------------------------------------------------------------------


async def test_a_worker_goes_on_after_poison(bench: Bench, alice: RawClient) -> None:
    async with bench.hosting():
        for body in ("", "hello", "[]", "{}", '{"jsonrpc":"2.0","id":1,"method":"ping"}'):
            bench.memory.bus.send(SERVER_QUEUE, Outgoing(body, {}))
        alice.send(note_call(1))
        await alice.answer()
        letters = await bench.memory.dead_letters(5)
        await bench.memory.settled()

    assert bench.statistics().parked_count == 5
    assert {letter.attributes["DeadLetterReason"] for letter in letters} == {
        "body is not JSON",
        "body is not a JSON-RPC message",
        "a message without ClientId is nobody's",
    }


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (plain_request(1, "tools/list"), "Invalid request parameters"),
        (request(1, "no/such/method"), "Method not found"),
        (request(1, "tools/call", {"name": 7}), "Invalid request parameters"),
        (request(1, "initialize"), "Invalid request parameters"),
        (
            plain_request(
                1, "ping", {"_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01"}}
            ),
            "",
        ),
    ],
)
async def test_a_request_that_cannot_be_served_is_answered_with_an_error(
    bench: Bench, alice: RawClient, message: Any, reason: str
) -> None:
    async with bench.hosting():
        alice.send(message, protocol_version=None)
        answer = await alice.answer()
        alice.send(note_call(2))
        after = await alice.answer()

    assert answer.id == 1
    assert reason in error_of(answer)
    assert result_of(after) == {"who": "it"}


@pytest.mark.parametrize(
    ("era", "reason"), [("modern", "Internal server error"), ("handshake", "the tool is broken")]
)
async def test_a_handler_that_raises_is_answered_and_logged(
    alice: RawClient, era: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        raise ZeroDivisionError("the tool is broken")

    memory = alice.deployment
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(broken=broken), memory.bus, memory.server()):
            if era == "modern":
                alice.send(tool_call(1, "broken"))
            else:
                await shake_hands(alice)
                alice.send(plain_request(1, "tools/call", {"name": "broken", "arguments": {}}))
            answer = await alice.answer()

    assert error_of(answer) == reason
    assert "the handler of 'tools/call' raised" in caplog.messages


async def shake_hands(client: RawClient) -> None:
    """Open a session of the handshake era."""
    client.protocol_version = HANDSHAKE
    client.send(initialize_request("init"))
    (incoming,) = await client.receive()
    assert isinstance(incoming.message, JSONRPCResponse)
    client.session_id = incoming.header.session_id
    client.send(notification("notifications/initialized"))


# -- deadlines -------------------------------------------------------------------------------------


async def test_a_request_past_its_deadline_is_not_run(bench: Bench, alice: RawClient) -> None:
    late = {DEADLINE_KEY: deadline_text(time.time() - 1)}
    async with bench.hosting():
        alice.send(note_call(1, "late", **late), note_call(2, "in time"))
        answer = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, answer.id, alice.waiting_count()) == (["in time"], 2, 0)


async def test_a_deadline_that_passes_while_a_request_runs_cancels_it(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting():
        alice.send(wait_call(1, **{DEADLINE_KEY: deadline_text(time.time() + 1.5)}))
        await bench.until(lambda: bench.cancelled == ["it"])
        await bench.memory.settled()

    assert (bench.ran, alice.waiting_count()) == (["it"], 0)


async def test_a_request_before_its_deadline_is_served(bench: Bench, alice: RawClient) -> None:
    async with bench.hosting():
        alice.send(note_call(1, **{DEADLINE_KEY: deadline_text(time.time() + 3600)}))
        answer = await alice.answer()

    assert result_of(answer) == {"who": "it"}


# -- cancellation ----------------------------------------------------------------------------------


async def test_a_request_cancelled_while_it_runs_stops_and_is_not_answered(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting():
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        alice.cancel(1)
        await bench.until(lambda: bench.cancelled == ["it"])
        await bench.memory.settled()

    assert alice.waiting_count() == 0


async def test_a_request_that_finishes_although_it_was_cancelled_is_not_answered(
    alice: RawClient,
) -> None:
    memory, running = alice.deployment, anyio.Event()

    async def stubborn(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        running.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return {"done": "anyway"}

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(stubborn=stubborn), memory.bus, memory.server()):
            alice.send(tool_call(1, "stubborn"))
            await running.wait()
            alice.cancel(1)
            await memory.settled()

    assert alice.waiting_count() == 0


@pytest.mark.parametrize("request_id", [1, "1", "one"])
async def test_a_request_cancelled_before_it_came_never_runs(
    bench: Bench, alice: RawClient, request_id: str | int
) -> None:
    async with bench.hosting():
        alice.cancel(request_id)
        await bench.memory.settled()
        await bench.control_messages_are_read()
        alice.send(tool_call(request_id, "note", {"who": "dead"}), note_call(2, "alive"))
        answer = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, result_of(answer), alice.waiting_count()) == (["alive"], {"who": "alive"}, 0)


async def test_a_request_cancelled_while_it_waits_for_a_slot_never_runs(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(max_in_flight=1):
        alice.send(wait_call(1, "first"))
        await bench.until(lambda: bench.ran == ["first"])
        alice.send(wait_call(2, "second"))
        alice.cancel(2)
        await bench.control_messages_are_read()
        bench.gate.set()
        answer = await alice.answer()
        await bench.memory.settled()

    assert (bench.ran, answer.id, alice.waiting_count()) == (["first"], 1, 0)


async def test_a_cancellation_reaches_whichever_worker_runs_the_request(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(), bench.hosting(), bench.hosting():
        alice.send(*[wait_call(number, number) for number in range(9)])
        await bench.until(lambda: len(bench.ran) == 9)
        for number in range(0, 9, 2):
            alice.cancel(number)
        await bench.until(lambda: sorted(bench.cancelled) == [0, 2, 4, 6, 8])
        bench.gate.set()
        answers = [i.message for i in await alice.receive(4)]
        await bench.memory.settled()

    assert sorted(result_of(answer)["who"] for answer in answers) == [1, 3, 5, 7]
    assert alice.waiting_count() == 0


async def test_a_cancellation_of_another_connection_stops_nothing(
    bench: Bench, alice: RawClient
) -> None:
    mallory = RawClient(bench.memory, "mallory")
    async with bench.hosting():
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        mallory.cancel(1)
        await bench.control_messages_are_read()
        bench.gate.set()
        answer = await alice.answer()

    assert (result_of(answer), bench.cancelled) == ({"who": "it"}, [])


async def test_a_stream_server_never_starts_what_was_cancelled_before_it_came(
    bench: Bench, alice: RawClient
) -> None:
    late = {DEADLINE_KEY: deadline_text(time.time() - 1)}
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serving_stream(bench.server, bench.memory.bus, bench.memory.server()):
            alice.cancel(1)
            await bench.memory.settled()
            alice.send(note_call(1, "dead"), note_call(2, "late", **late), note_call(3, "alive"))
            answer = await alice.answer()
            await bench.memory.settled()

    assert (bench.ran, answer.id, alice.waiting_count()) == (["alive"], 3, 0)


# -- how much at a time ----------------------------------------------------------------------------


async def test_no_more_requests_run_at_a_time_than_the_bound(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(max_in_flight=3):
        alice.send(*[wait_call(number) for number in range(10)])
        await bench.until(lambda: bench.at_once_count == 3)
        assert bench.statistics().in_flight_count == 3
        bench.gate.set()
        await alice.receive(10)
        await bench.memory.settled()

    assert bench.most_at_once_count == 3


async def test_requests_beyond_the_bound_stay_in_the_queue_for_other_workers(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(max_in_flight=2):
        alice.send(*[wait_call(number, number) for number in range(4)])
        await bench.until(lambda: bench.at_once_count == 2)
        async with bench.hosting(max_in_flight=2):
            await bench.until(lambda: bench.at_once_count == 4)
            bench.gate.set()
            await alice.receive(4)

    assert sorted(bench.ran) == [0, 1, 2, 3]


def listening_server(bench: Bench) -> Server[Any]:
    server = bench.server

    async def listen(
        ctx: ToolContext, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        bench.ran.append("listen")
        await bench.gate.wait()
        return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

    server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
    return server


LISTEN = request(1, "subscriptions/listen", {"notifications": {"toolsListChanged": True}})


@pytest.mark.parametrize("kind", ["host", "stream"])
async def test_a_listen_stream_holds_neither_a_lease_nor_a_slot(
    bench: Bench, alice: RawClient, kind: str
) -> None:
    how = hosting if kind == "host" else serving_stream
    server, config = listening_server(bench), bench.memory.server(max_in_flight=1)
    with anyio.fail_after(PATIENCE_SECONDS):
        async with how(server, bench.memory.bus, config):
            alice.send(LISTEN)
            await bench.until(lambda: bench.ran == ["listen"])
            await bench.memory.settled()
            alice.send(note_call(2))
            served = await alice.answer()
            bench.gate.set()
            ended = await alice.answer()

    assert (served.id, ended.id) == (2, 1)
    assert isinstance(ended, JSONRPCResponse)


@pytest.mark.parametrize("kind", ["host", "stream"])
async def test_a_listen_stream_that_is_old_ends_in_good_order(
    bench: Bench, alice: RawClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its client may have been killed; one that was not listens anew."""
    monkeypatch.setattr("asyncmcp_nb.sns_sqs.listening.LONGEST_SECONDS", 0.2)
    how = hosting if kind == "host" else serving_stream
    with anyio.fail_after(PATIENCE_SECONDS):
        async with how(listening_server(bench), bench.memory.bus, bench.memory.server()):
            alice.send(LISTEN)
            ended = await alice.answer()
            alice.send(wait_call(2, 2))
            await bench.until(lambda: 2 in bench.ran)
            bench.gate.set()
            served = await alice.answer()

    assert isinstance(ended, JSONRPCResponse)
    assert ended.id == LISTEN.id
    assert ended.result["_meta"][SUBSCRIPTION_ID_META_KEY] == LISTEN.id
    assert served.id == 2


# -- shutdown --------------------------------------------------------------------------------------


async def test_a_host_that_stops_hands_its_unfinished_requests_to_another(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(lease_seconds=3600):
        alice.send(*[wait_call(number, number) for number in range(3)])
        await bench.until(lambda: len(bench.ran) == 3)
    assert bench.statistics().handed_back_count == 3
    assert sorted(bench.cancelled) == [0, 1, 2]

    bench.gate.set()
    async with bench.hosting():
        answers = [i.message for i in await alice.receive(3)]
        await bench.memory.settled()

    assert sorted(result_of(answer)["who"] for answer in answers) == [0, 1, 2]
    assert alice.waiting_count() == 0


async def test_a_host_that_stops_starts_nothing_that_it_has_taken_but_not_begun(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(lease_seconds=3600):
        alice.send(note_call(1))
        # The loop stands still, so the request is taken from the queue but not begun.
        bus = bench.memory.bus
        bus.wait_until(lambda: bench.statistics().in_flight_count == 1)
        bus.wait_until(lambda: bus.started["receive", SERVER_QUEUE] == 2)
        # Handing back takes a moment, in which the loop has nothing better to do than to begin it.
        bus.faults = Faults(latency_seconds=0.05)
    assert (bench.ran, bench.statistics().handed_back_count) == ([], 1)

    async with bench.hosting():
        await alice.answer()

    assert bench.ran == ["it"]


async def test_a_host_that_drains_lets_its_requests_finish(bench: Bench, alice: RawClient) -> None:
    async with (
        anyio.create_task_group() as tasks,
        bench.hosting(drain_seconds=PATIENCE_SECONDS),
    ):
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        # A host that drains begins no receive. The one that brings what is too late is under way.
        await bench.until(lambda: bench.memory.bus.under_way["receive", SERVER_QUEUE] == 1)
        tasks.start_soon(open_once_the_host_drains, bench)

    assert result_of(await alice.answer()) == {"who": "it"}
    assert (bench.cancelled, bench.statistics().handed_back_count) == ([], 0)
    assert bench.memory.bus.depth(SERVER_QUEUE) == 0


async def open_once_the_host_drains(bench: Bench) -> None:
    """Let the request finish once the host takes no others."""
    bus = bench.memory.bus
    RawClient(bench.memory, "bob").send(note_call(1, "too late"))
    await bench.until(lambda: bus.started["hand_back", SERVER_QUEUE] == 1)
    (late,) = bus.receive(SERVER_QUEUE, max_count=1, wait_seconds=5, lease_seconds=9)
    bus.ack(SERVER_QUEUE, [late.receipt])
    bench.gate.set()


async def test_a_drain_that_takes_too_long_ends_and_hands_back(
    bench: Bench, alice: RawClient
) -> None:
    async with bench.hosting(drain_seconds=0.1):
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])

    assert (bench.statistics().handed_back_count, alice.waiting_count()) == (1, 0)
    assert bench.memory.bus.depth(SERVER_QUEUE) == 1


async def test_a_drain_waits_for_no_listen_stream(bench: Bench, alice: RawClient) -> None:
    with anyio.fail_after(PATIENCE_SECONDS / 2):
        async with hosting(
            listening_server(bench), bench.memory.bus, bench.memory.server(), drain_seconds=3600
        ):
            alice.send(LISTEN)
            await bench.until(lambda: bench.ran == ["listen"])


async def test_a_stream_server_that_stops_hands_its_unfinished_requests_back(
    bench: Bench, alice: RawClient
) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with serving_stream(
            bench.server, bench.memory.bus, bench.memory.server(lease_seconds=3600)
        ):
            alice.send(wait_call(1))
            await bench.until(lambda: bench.ran == ["it"])
        bench.gate.set()
        async with serving_stream(bench.server, bench.memory.bus, bench.memory.server()):
            answer = await alice.answer()

    assert (bench.ran, result_of(answer)) == (["it", "it"], {"who": "it"})


async def test_leaving_a_host_ends_its_lifespan_after_its_requests(
    memory: MemoryDeployment,
) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncGenerator[dict[str, Any]]:
        events.append("start")
        yield {"pool": 7}
        events.append("stop")

    async def use(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        return {"pool": ctx.lifespan_context["pool"]}

    server = tool_server(use=use)
    server.lifespan = lifespan
    alice = RawClient(memory)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(server, memory.bus, memory.server()):
            alice.send(tool_call(1, "use"), tool_call(2, "use"))
            answers = [result_of(i.message) for i in await alice.receive(2)]
            events.append("served")

    assert (answers, events) == ([{"pool": 7}] * 2, ["start", "served", "stop"])


# -- notifications ---------------------------------------------------------------------------------


async def test_notifications_reach_their_handlers(memory: MemoryDeployment) -> None:
    heard: list[Any] = []

    async def hear(ctx: ToolContext, params: NotificationParams) -> None:
        heard.append((ctx.method, ctx.request_id))

    server = tool_server()
    server.add_notification_handler("notifications/roots/list_changed", NotificationParams, hear)
    alice = RawClient(memory)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(server, memory.bus, memory.server()):
            await shake_hands(alice)
            alice.send(notification("notifications/roots/list_changed"))
            await memory.bus.until(lambda: len(heard) == 1)
            await memory.settled()

    assert heard == [("notifications/roots/list_changed", None)]


async def test_a_control_message_that_names_no_client_is_ignored(
    bench: Bench, alice: RawClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "asyncmcp_nb")
    async with bench.hosting():
        alice.send(wait_call(1))
        await bench.until(lambda: bench.ran == ["it"])
        cancel = notification("notifications/cancelled", requestId=1)
        alice.send(cancel, client_id=None, worker_id="*")
        await bench.control_messages_are_read()
        bench.gate.set()
        answer = await alice.answer()

    assert result_of(answer) == {"who": "it"}
    assert "a message that names no client was ignored" in caplog.messages


async def test_a_notification_of_an_unknown_session_is_ignored(
    memory: MemoryDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "asyncmcp_nb")
    alice = RawClient(memory)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(), memory.bus, memory.server()):
            alice.send(notification("notifications/initialized"), session_id="made up")
            await memory.bus.until(lambda: any("was ignored" in m for m in caplog.messages))
            alice.send(tool_call(1, "echo"))
            await alice.answer()

"""``subscriptions/listen`` across workers: each event once, wherever it is published and heard."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import anyio
import pytest
from mcp.client import Client
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ServerEvent
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY, ResourceUpdated, ToolsListChanged
from mcp_types import (
    JSONRPCNotification,
    JSONRPCResponse,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from asyncmcp_nb.config import MIN_KEY_BYTES, read_key
from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.server.subscriptions import EVENT_METHOD
from asyncmcp_nb.sns_sqs.client import bus_client
from asyncmcp_nb.wire import encode
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import (
    MODERN,
    PATIENCE_SECONDS,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    notification,
    request,
    serving_stream,
    tool_call,
    tool_server,
)

URI: Final = "note://größe"
LISTEN: Final = request(
    "listen-1",
    "subscriptions/listen",
    {"notifications": {"toolsListChanged": True, "resourceSubscriptions": [URI]}},
)

MakeServer = Callable[[], Server[Any]]


def mcpserver() -> Server[Any]:
    """An app whose tool publishes, and which knows nothing of workers."""
    app = MCPServer("app")

    @app.tool()
    async def touch(uri: str, ctx: Context) -> str:
        """Say that a resource has changed."""
        await ctx.notify_resource_updated(uri)
        return uri

    return lowlevel_of(app)


def listening(server: Server[Any], handler: Any) -> Server[Any]:
    server.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, handler)
    return server


def on_bus(bus: Any) -> Server[Any]:
    """A low-level server whose tool publishes on this bus."""

    async def touch(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await bus.publish(ResourceUpdated(arguments["uri"]))
        return arguments

    return listening(tool_server(touch=touch), ListenHandler(bus))


def lowlevel() -> Server[Any]:
    return on_bus(InMemorySubscriptionBus())


class Worker:
    """A host with a queue of its own, so that a test says who gets what."""

    def __init__(self, memory: MemoryDeployment, server: Server[Any], **settings: Any) -> None:
        self.memory = memory
        self.server = server
        self.queue = f"server-{secrets.token_hex(4)}"
        memory.bus.create_queue(self.queue)
        self.config = memory.server(sqs_queue_url=self.queue, **settings)
        self.host: Host | None = None

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        async with hosting(self.server, self.memory.bus, self.config) as self.host:
            yield

    def send(self, client: RawClient, message: Any) -> None:
        keys = [read_key(reference) for reference in self.config.signing_keys]
        seal = KeyRing(keys).sealing("to-server") if keys else None
        outgoing = encode(message, client.header(message), limit_bytes=2**20, seal=seal)
        self.memory.bus.send(self.queue, outgoing)

    async def listen(self, name: str) -> RawClient:
        """A client that listens here."""
        client = RawClient(self.memory, name)
        self.send(client, LISTEN)
        assert await heard(client, 1) == ["notifications/subscriptions/acknowledged"]
        return client

    async def touch(self, uri: str = URI) -> None:
        """Let the tool of this worker publish, and wait until it has."""
        caller = RawClient(self.memory, f"caller-{self.queue}")
        self.send(caller, tool_call(1, "touch", {"uri": uri}))
        assert isinstance(await caller.answer(), JSONRPCResponse)

    def unsolicited_count(self) -> int:
        assert self.host is not None
        return self.host.statistics().unsolicited_count


@asynccontextmanager
async def at_work(*workers: Worker) -> AsyncGenerator[None]:
    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with AsyncExitStack() as stack:
            for worker in workers:
                await stack.enter_async_context(worker.working())
            yield


async def heard(client: RawClient, count: int) -> list[str]:
    """What comes to a client in so many messages, in order: methods, resources, and its end."""
    messages = sorted(await client.receive(count), key=lambda i: i.header.sequence or 0)
    return [_said(incoming.message) for incoming in messages]


def _said(message: Any) -> str:
    if isinstance(message, JSONRPCResponse):
        assert message.result["_meta"] == {SUBSCRIPTION_ID_META_KEY: LISTEN.id}
        return "the end"
    assert message.params["_meta"][SUBSCRIPTION_ID_META_KEY] == LISTEN.id
    return message.params.get("uri", message.method)


def passed_on_count(memory: MemoryDeployment) -> int:
    """Messages from worker to workers."""
    return sum(
        EVENT_METHOD in body
        for topic, bodies in memory.bus.published
        if topic == REQUESTS
        for body in bodies
    )


# -- what is heard ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mcpserver, lowlevel])
async def test_an_event_of_any_worker_is_heard_once_at_each(
    memory: MemoryDeployment, make: MakeServer
) -> None:
    workers = [Worker(memory, make()) for _ in range(3)]
    async with at_work(*workers):
        clients = [await workers[n].listen(f"client-{n}") for n in range(3)]
        for worker in workers:
            await worker.touch()
            assert [await heard(client, 1) for client in clients] == [[URI]] * 3

    # A worker that stops says all that it has to say, and then ends its streams.
    assert [await heard(client, 1) for client in clients] == [["the end"]] * 3
    assert [client.waiting_count() for client in clients] == [0, 0, 0]
    assert passed_on_count(memory) == 3


async def test_workers_that_share_one_app_hear_its_events_once(memory: MemoryDeployment) -> None:
    server = lowlevel()
    workers = [Worker(memory, server) for _ in range(2)]
    async with at_work(*workers):
        clients = [await workers[n].listen(f"client-{n}") for n in range(2)]
        await workers[0].touch()
        for worker in workers:
            control = memory.control_queue(worker.config)
            await memory.bus.until(lambda queue=control: memory.bus.depth(queue) == 0)

    assert [await heard(client, 2) for client in clients] == [[URI, "the end"]] * 2
    assert [client.waiting_count() for client in clients] == [0, 0]


async def test_signed_workers_hear_each_other(
    memory: MemoryDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_KEY", secrets.token_hex(MIN_KEY_BYTES))
    workers = [Worker(memory, lowlevel(), signing_keys=("env:EVENTS_KEY",)) for _ in range(2)]
    async with at_work(*workers):
        listener = await workers[1].listen("listener")
        await workers[0].touch()

        assert await heard(listener, 1) == [URI]


async def test_a_worker_that_verifies_hears_nothing_that_is_not_signed(
    memory: MemoryDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_KEY", secrets.token_hex(MIN_KEY_BYTES))
    stranger = Worker(memory, lowlevel())
    worker = Worker(memory, lowlevel(), signing_keys=("env:EVENTS_KEY",))
    async with at_work(stranger, worker):
        listener = await worker.listen("listener")
        await stranger.touch()
        await memory.dead_letters(1)

    assert await heard(listener, 1) == ["the end"]
    assert listener.waiting_count() == 0


# -- what is not -----------------------------------------------------------------------------------


async def test_whoever_listens_no_more_hears_nothing(memory: MemoryDeployment) -> None:
    workers = [Worker(memory, lowlevel()) for _ in range(2)]
    async with at_work(*workers):
        alice, bob = await workers[1].listen("alice"), await workers[1].listen("bob")
        alice.cancel(LISTEN.id)
        host = workers[1].host
        assert host is not None
        await memory.bus.until(lambda: host.statistics().stream_count == 1)
        await workers[0].touch()
        assert await heard(bob, 1) == [URI]

    assert alice.waiting_count() == 0


async def test_a_worker_that_has_stopped_passes_nothing_on(
    memory: MemoryDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    bus = InMemorySubscriptionBus()
    async with at_work(Worker(memory, on_bus(bus))):
        await bus.publish(ToolsListChanged())
        await memory.bus.until(lambda: passed_on_count(memory) == 1)

    await bus.publish(ToolsListChanged())

    assert (passed_on_count(memory), caplog.text) == (1, "")


class OwnBus(InMemorySubscriptionBus):
    """An app's own way to its other processes; here they are in one."""


class ForeignBus:
    """A bus that has nothing of the SDK's."""

    def __init__(self) -> None:
        self._inner = InMemorySubscriptionBus()

    async def publish(self, event: ServerEvent) -> None:
        await self._inner.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        return self._inner.subscribe(listener)


@pytest.mark.parametrize("make", [OwnBus, ForeignBus])
async def test_a_bus_of_the_apps_own_is_left_alone(
    memory: MemoryDeployment, make: Callable[[], Any]
) -> None:
    own = make()
    workers = [Worker(memory, on_bus(own)) for _ in range(2)]
    async with at_work(*workers, other := Worker(memory, lowlevel())):
        listener = await workers[1].listen("listener")
        await workers[0].touch()
        assert await heard(listener, 1) == [URI]
        await other.touch()

    assert await heard(listener, 1) == ["the end"]
    assert (passed_on_count(memory), listener.waiting_count()) == (1, 0)


async def test_an_app_that_serves_no_streams_takes_no_notice_of_events(
    memory: MemoryDeployment,
) -> None:
    workers = [Worker(memory, server) for server in (lowlevel(), tool_server())]
    async with at_work(*workers):
        await workers[0].touch()
        control = memory.control_queue(workers[1].config)
        await memory.bus.until(lambda: passed_on_count(memory) == 1)
        await memory.bus.until(lambda: memory.bus.depth(control) == 0)

    assert workers[1].unsolicited_count() == 0


CHANGED: Final[dict[str, Any]] = {"method": "notifications/tools/list_changed", "params": {}}

HOSTILE: Final[dict[str, tuple[Any, dict[str, Any]]]] = {
    "nothing": ({}, {}),
    "no origin": ({"event": CHANGED}, {}),
    "an origin that is no text": ({"origin": [1], "event": CHANGED}, {}),
    "no event": ({"origin": "x"}, {}),
    "an event that is none": ({"origin": "x", "event": [CHANGED]}, {}),
    "an unknown event": ({"origin": "x", "event": {"method": "rm", "params": {}}}, {}),
    "a method that is no text": ({"origin": "x", "event": {"method": {}, "params": {}}}, {}),
    "params that are none": ({"origin": "x", "event": {**CHANGED, "params": [1]}}, {}),
    "a resource without name": (
        {"origin": "x", "event": {"method": "notifications/resources/updated", "params": {}}},
        {},
    ),
    "a name that is no text": (
        {
            "origin": "x",
            "event": {"method": "notifications/resources/updated", "params": {"uri": [URI]}},
        },
        {},
    ),
    "a client's": ({"origin": "x", "event": CHANGED}, {"client_id": "mallory"}),
    "for the common queue": (
        {"origin": "x", "event": CHANGED},
        {"client_id": "mallory", "worker_id": None},
    ),
}


@pytest.mark.parametrize(("params", "header"), HOSTILE.values(), ids=HOSTILE)
async def test_what_only_claims_to_be_an_event_is_counted_and_heard_by_nobody(
    memory: MemoryDeployment, params: dict[str, Any], header: dict[str, Any]
) -> None:
    workers = [Worker(memory, lowlevel()) for _ in range(2)]
    memory.bus.subscribe(REQUESTS, workers[1].queue, {"WorkerId": [{"exists": False}]})
    mallory = RawClient(memory, "mallory")
    async with at_work(*workers):
        listener = await workers[1].listen("listener")
        said = {"client_id": None, "connection_id": None, "worker_id": "*", **header}
        mallory.send(notification(EVENT_METHOD, **params), **said)
        await memory.bus.until(lambda: workers[1].unsolicited_count() == 1)
        await workers[0].touch()
        assert await heard(listener, 1) == [URI]

    assert await heard(listener, 1) == ["the end"]
    assert listener.waiting_count() == 0


async def test_an_event_without_params_is_counted(memory: MemoryDeployment) -> None:
    worker = Worker(memory, lowlevel())
    async with at_work(worker):
        bare = JSONRPCNotification(jsonrpc="2.0", method=EVENT_METHOD)
        nobody = {"client_id": None, "connection_id": None, "worker_id": "*"}
        RawClient(memory).send(bare, **nobody)
        await memory.bus.until(lambda: worker.unsolicited_count() == 1)


async def test_an_event_too_large_for_the_topic_is_heard_at_home_and_its_loss_logged(
    memory: MemoryDeployment, caplog: pytest.LogCaptureFixture
) -> None:
    bus, seen = InMemorySubscriptionBus(), list[Any]()
    bus.subscribe(seen.append)
    async with at_work(Worker(memory, on_bus(bus))):
        await bus.publish(large := ResourceUpdated("x://" + "x" * 300_000))

    assert (seen, passed_on_count(memory)) == ([large], 0)
    assert "an event does not reach other workers" in caplog.text


# -- when a worker stops ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["host", "stream"])
async def test_a_worker_that_stops_ends_its_streams_so_that_clients_listen_at_another(
    memory: MemoryDeployment, kind: str
) -> None:
    how = hosting if kind == "host" else serving_stream
    buses = [InMemorySubscriptionBus() for _ in range(2)]
    client = Client(bus_client(memory.bus, memory.client()), mode=MODERN)
    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with client, AsyncExitStack() as stack:
            async with how(on_bus(buses[0]), memory.bus, memory.server()):
                first = client.listen(tools_list_changed=True)
                subscription = await stack.enter_async_context(first)
                await buses[0].publish(ToolsListChanged())
                events = [await anext(subscription)]
            events += [event async for event in subscription]
            async with how(on_bus(buses[1]), memory.bus, memory.server()):
                second = client.listen(tools_list_changed=True)
                subscription = await stack.enter_async_context(second)
                await buses[1].publish(ToolsListChanged())
                events.append(await anext(subscription))
                await stack.aclose()

    assert events == [ToolsListChanged()] * 2


async def test_a_stream_that_is_asked_for_while_a_worker_drains_is_left_to_another(
    memory: MemoryDeployment,
) -> None:
    gate, begun = anyio.Event(), anyio.Event()
    opened: list[str] = []

    async def wait(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        begun.set()
        await gate.wait()
        return arguments

    async def listen(ctx: ToolContext, params: Any) -> SubscriptionsListenResult:
        opened.append("stream")
        return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

    server, alice = listening(tool_server(wait=wait), listen), RawClient(memory)
    with anyio.fail_after(2 * PATIENCE_SECONDS):
        config = memory.server(lease_seconds=3600)
        async with anyio.create_task_group() as tasks:
            async with hosting(server, memory.bus, config, drain_seconds=60) as host:
                alice.send(tool_call(1, "wait"))
                await begun.wait()
                alice.send(LISTEN)
                # The loop stands still, so the stream is asked for before the drain, not opened.
                memory.bus.wait_until(lambda: host.statistics().in_flight_count == 2)
                tasks.start_soon(_open_once_it_drains, host, gate)
            assert (await alice.answer()).id == 1
        assert (opened, memory.bus.depth(SERVER_QUEUE)) == ([], 1)

        async with hosting(server, memory.bus, memory.server()):
            assert (await alice.answer()).id == LISTEN.id


async def _open_once_it_drains(host: Host, gate: anyio.Event) -> None:
    """Runs after the drain has begun, since that begins without waiting."""
    assert host.statistics().in_flight_count == 2
    gate.set()

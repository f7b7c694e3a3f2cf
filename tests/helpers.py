"""Small things that the tests of several rooms share.

``memory_deployment`` is a whole deployment on the in-process bus, ``RawClient`` a client made by
hand, ``tool_server`` a server of plain functions.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio
import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    CallToolRequestParams,
    CallToolResult,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)

from asyncmcp_nb.bus import Bus, BusStatistics, Delivery, Faults, MemoryBus, QueueDepth
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusClosed, BusError
from asyncmcp_nb.session.validation import warm_up
from asyncmcp_nb.sns_sqs.addressing import attribute_text, subject_of
from asyncmcp_nb.sns_sqs.server import bus_server
from asyncmcp_nb.wire import Header, Incoming, Outgoing, decode, encode
from asyncmcp_nb.wire.codec import Seal

REQUESTS: Final = "requests"
RESPONSES: Final = "responses"
SERVER_QUEUE: Final = "server"
DEAD_LETTERS: Final = "server-dlq"

MODERN: Final = "2026-07-28"
HANDSHAKE: Final = "2025-11-25"

PATIENCE_SECONDS: Final = 30.0
"""The most that a test waits for anything."""


class WatchedBus(MemoryBus):
    """A memory bus whose operations a test can wait for, hold up and break."""

    def __init__(self, faults: Faults | None = None, *, seed: int = 0) -> None:
        super().__init__(faults, seed=seed)
        self.started: Counter[tuple[str, str]] = Counter()
        """Operations by name and topic or queue, those held up included."""
        self.under_way: Counter[tuple[str, str]] = Counter()
        """Operations that have begun and not ended."""
        self.published: list[tuple[str, tuple[str, ...]]] = []
        """Each accepted publish request: its topic and the bodies."""
        self.accepted: list[Outgoing] = []
        """Each accepted message."""
        self._noted = threading.Condition()
        self._held: Counter[tuple[str, str]] = Counter()
        self._failures: dict[tuple[str, str], deque[Exception]] = {}

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        with self._watched("publish", topic):
            outcome = super().publish(topic, batch)
            self.published.append((topic, tuple(message.body for message in batch)))
            self.accepted += batch
            return outcome

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        with self._watched("receive", queue):
            return super().receive(
                queue, max_count=max_count, wait_seconds=wait_seconds, lease_seconds=lease_seconds
            )

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        with self._watched("ack", queue):
            return super().ack(queue, receipts)

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        # Handing back is an operation of its own, so that a test can tell it from keeping.
        with self._watched("extend" if lease_seconds else "hand_back", queue):
            return super().extend(queue, receipts, lease_seconds)

    def send(self, queue: str, message: Outgoing) -> None:
        with self._watched("send", queue):
            super().send(queue, message)

    def measure(self, queue: str) -> QueueDepth:
        with self._watched("measure", queue):
            return super().measure(queue)

    def fail(self, operation: str, target: str, *errors: Exception) -> None:
        """Let the next operations of this name fail, one with each error."""
        with self._noted:
            self._failures.setdefault((operation, target), deque()).extend(errors)

    @contextmanager
    def hold(self, operation: str, target: str) -> Generator[None]:
        """Hold up operations of this name while the context is open."""
        key = (operation, target)
        with self._noted:
            self._held[key] += 1
        try:
            yield
        finally:
            with self._noted:
                self._held[key] -= 1
                self._noted.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a predicate of any state holds; it is asked after each operation, and often.

        Raises:
            TimeoutError: It did not within ``PATIENCE_SECONDS``.
        """
        await anyio.to_thread.run_sync(self.wait_until, holds)

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """``until``, for a test without a loop."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._noted:
            while not holds():
                if time.monotonic() > deadline:
                    raise TimeoutError("what the test waits for did not happen")
                self._noted.wait(0.01)

    @contextmanager
    def _watched(self, operation: str, target: str) -> Generator[None]:
        key = (operation, target)
        with self._noted:
            self.started[key] += 1
            self.under_way[key] += 1
            self._noted.notify_all()
        try:
            with self._noted:
                self._noted.wait_for(lambda: not self._held[key], PATIENCE_SECONDS)
                if failures := self._failures.get(key):
                    raise failures.popleft()
            yield
        finally:
            with self._noted:
                self.under_way[key] -= 1
                self._noted.notify_all()


async def eventually(holds: Callable[[], bool], *, within_seconds: float = 30.0) -> None:
    """Wait until a predicate holds of which nobody tells: of a broker, or of another process.

    Raises:
        TimeoutError: It did not in time.
    """
    await anyio.to_thread.run_sync(_wait_eventually, holds, within_seconds)


def _wait_eventually(holds: Callable[[], bool], within_seconds: float) -> None:
    deadline, never = time.monotonic() + within_seconds, threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("what the test waits for did not happen")
        never.wait(0.02)


@dataclass(frozen=True, slots=True)
class MemoryDeployment:
    """Topics and queues on a memory bus, as ``provision`` makes them on AWS."""

    bus: WatchedBus

    def server(self, **settings: Any) -> SnsSqsTransportConfig:
        """What one more worker needs: a control queue of its own beside the common queue."""
        worker_id = secrets.token_hex(4)
        control = f"worker-{worker_id}"
        self.bus.create_queue(control)
        self.bus.subscribe(REQUESTS, control, {"WorkerId": [worker_id, "*"]})
        defaults: dict[str, Any] = {
            "sqs_queue_url": SERVER_QUEUE,
            "sns_topic_arn": RESPONSES,
            "dead_letter_queue_url": DEAD_LETTERS,
            "control_queue_url": control,
            "worker_id": worker_id,
            "request_topic_arn": REQUESTS,
            "ack_linger_seconds": 0.0,
        }
        return SnsSqsTransportConfig(**(defaults | settings))

    def control_queue(self, config: SnsSqsTransportConfig) -> str:
        """The queue of a worker's own."""
        assert config.control_queue_url is not None
        return config.control_queue_url

    def client(self, name: str = "alice", **settings: Any) -> SnsSqsTransportConfig:
        """What a client of this name needs; its queue keeps its messages between calls."""
        queue = f"client-{name}"
        self.bus.create_queue(queue)
        self.bus.subscribe(RESPONSES, queue, {"ClientId": [name]})
        defaults: dict[str, Any] = {
            "sqs_queue_url": queue,
            "sns_topic_arn": REQUESTS,
            "client_id": name,
            "ack_linger_seconds": 0.0,
        }
        return SnsSqsTransportConfig(**(defaults | settings))

    async def dead_letters(self, count: int) -> list[Delivery]:
        """Wait for this many dead letters and take them."""
        await self.bus.until(lambda: self.bus.depth(DEAD_LETTERS) >= count)
        return list(self.bus.receive(DEAD_LETTERS, max_count=10, wait_seconds=0, lease_seconds=30))

    async def settled(self) -> None:
        """Wait until no request is left in the server's queue, leased ones included."""
        await self.bus.until(lambda: self.bus.depth(SERVER_QUEUE) == 0)


class Plug:
    """One process's access to a bus. Pulling it is what ``kill -9`` is to the others on the bus."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._pulled = False

    @property
    def is_pulled(self) -> bool:
        """Whether the process is cut off."""
        return self._pulled

    def pull(self) -> None:
        """From now on nothing reaches the bus, and nothing comes back."""
        self._pulled = True

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        return self._live().publish(topic, batch)

    def receive(
        self, queue: str, *, max_count: int, wait_seconds: float, lease_seconds: float
    ) -> Sequence[Delivery]:
        taken = self._live().receive(
            queue, max_count=max_count, wait_seconds=wait_seconds, lease_seconds=lease_seconds
        )
        self._live()
        return taken

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        return self._live().ack(queue, receipts)

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        return self._live().extend(queue, receipts, lease_seconds)

    def send(self, queue: str, message: Outgoing) -> None:
        self._live().send(queue, message)

    def measure(self, queue: str) -> QueueDepth:
        return self._live().measure(queue)

    def statistics(self) -> BusStatistics:
        return self._bus.statistics()

    def close(self) -> None:
        self.pull()

    def _live(self) -> MemoryBus:
        if self._pulled:
            raise BusClosed("the plug is pulled")
        return self._bus


@contextmanager
def memory_deployment(
    faults: Faults | None = None, *, seed: int = 0
) -> Generator[MemoryDeployment]:
    """A deployment on a bus that is closed afterwards."""
    bus = WatchedBus(faults, seed=seed)
    for topic in (REQUESTS, RESPONSES):
        bus.create_topic(topic)
    bus.create_queue(DEAD_LETTERS)
    bus.create_queue(SERVER_QUEUE)
    bus.subscribe(REQUESTS, SERVER_QUEUE, {"WorkerId": [{"exists": False}]})
    try:
        yield MemoryDeployment(bus)
    finally:
        bus.close()


@contextmanager
def no_threads_left() -> Generator[None]:
    """Check that the threads of the transport that were started inside have ended soon after.

    Raises:
        AssertionError: Some go on, though all that started them was closed.
    """
    # The first session of a process imports the validator in a thread, which takes its time.
    warm_up()
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + PATIENCE_SECONDS
    started = [t for t in threading.enumerate() if t not in before]
    ours = [thread for thread in started if thread.name.startswith("asyncmcp-")]
    for thread in ours:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in ours if thread.is_alive()]
    assert left == []


# -- a client made by hand ------------------------------------------------------------------------


@dataclass(slots=True)
class RawClient:
    """Publishes any message under any header, and reads what comes back as it stands."""

    deployment: MemoryDeployment
    name: str = "alice"
    connection_id: str = field(default_factory=lambda: secrets.token_hex(16))
    protocol_version: str = MODERN
    session_id: str | None = None
    seal: Seal | None = None
    """Signs what it sends."""

    def __post_init__(self) -> None:
        self.deployment.client(self.name)

    @property
    def queue(self) -> str:
        return f"client-{self.name}"

    def header(self, message: JSONRPCMessage, **changes: Any) -> Header:
        """What this client's messages say beside their body."""
        subject = subject_of(message)
        return replace(
            Header(
                protocol_version=self.protocol_version,
                client_id=self.name,
                connection_id=self.connection_id,
                request_id=None if subject is None else attribute_text(subject),
                method=getattr(message, "method", None),
                session_id=self.session_id,
            ),
            **changes,
        )

    def send(self, *messages: JSONRPCMessage, **changes: Any) -> None:
        """Publish messages in one request, their headers changed as told."""
        batch = [self.write(message, **changes) for message in messages]
        self.deployment.bus.publish(REQUESTS, batch)

    def write(self, message: JSONRPCMessage, **changes: Any) -> Outgoing:
        """What ``send`` publishes."""
        header = self.header(message, **changes)
        return encode(message, header, limit_bytes=2**20, seal=self.seal)

    def cancel(self, request_id: str | int) -> None:
        """Cancel a request as a client does: to the common queue, and to every worker."""
        message = notification("notifications/cancelled", requestId=request_id)
        self.send(message)
        self.send(message, worker_id="*")

    def take(self, count: int = 1) -> list[Incoming]:
        """Wait for this many messages and take them for good.

        Raises:
            TimeoutError: Fewer came within ``PATIENCE_SECONDS``.
        """
        return _take(self.deployment.bus, self.queue, count)

    async def receive(self, count: int = 1) -> list[Incoming]:
        """``take``, for a test with a loop."""
        return await anyio.to_thread.run_sync(self.take, count)

    async def answer(self) -> JSONRPCResponse | JSONRPCError:
        """Wait for one message, an answer."""
        (incoming,) = await self.receive()
        assert isinstance(incoming.message, JSONRPCResponse | JSONRPCError)
        return incoming.message

    def waiting_count(self) -> int:
        """Messages that lie in this client's queue."""
        return self.deployment.bus.depth(self.queue)


def request(
    request_id: str | int, method: str, params: Mapping[str, Any] | None = None, **meta: Any
) -> JSONRPCRequest:
    """A 2026-era request; ``meta`` goes into its envelope."""
    envelope: dict[str, Any] = {
        PROTOCOL_VERSION_META_KEY: MODERN,
        CLIENT_CAPABILITIES_META_KEY: {},
        **meta,
    }
    return JSONRPCRequest(
        jsonrpc="2.0", id=request_id, method=method, params={**(params or {}), "_meta": envelope}
    )


def tool_call(
    request_id: str | int, tool: str, arguments: Any = None, **meta: Any
) -> JSONRPCRequest:
    """A 2026-era ``tools/call``."""
    return request(request_id, "tools/call", {"name": tool, "arguments": arguments or {}}, **meta)


def plain_request(
    request_id: str | int, method: str, params: dict[str, Any] | None = None
) -> JSONRPCRequest:
    """A 2025-era request: without an envelope."""
    return JSONRPCRequest(jsonrpc="2.0", id=request_id, method=method, params=params or {})


def initialize_request(request_id: str | int) -> JSONRPCRequest:
    """The 2025-era handshake."""
    params = {
        "protocolVersion": HANDSHAKE,
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    return plain_request(request_id, "initialize", params)


def notification(method: str, **params: Any) -> JSONRPCNotification:
    """A notification with these params."""
    return JSONRPCNotification(jsonrpc="2.0", method=method, params=params)


def result_of(answer: JSONRPCMessage) -> Any:
    """The structured content of a tool's result."""
    assert isinstance(answer, JSONRPCResponse), answer
    return answer.result["structuredContent"]


def error_of(answer: JSONRPCMessage) -> str:
    """The message of a JSON-RPC error."""
    assert isinstance(answer, JSONRPCError), answer
    return answer.error.message


# -- a server made by hand ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawServer:
    """Takes what clients sent from the common queue, and publishes any message to them."""

    deployment: MemoryDeployment
    seal: Seal | None = None
    """Signs what it sends."""

    def take(self, count: int = 1, queue: str = SERVER_QUEUE) -> list[Incoming]:
        """Wait for this many messages and take them for good.

        Raises:
            TimeoutError: Fewer came within ``PATIENCE_SECONDS``.
        """
        return _take(self.deployment.bus, queue, count)

    def say(self, asked: Incoming, message: JSONRPCMessage, **changes: Any) -> None:
        """Publish a message about a request, its header changed as told."""
        header = replace(asked.header, session_id=None, timestamp=None)
        outgoing = encode(message, replace(header, **changes), limit_bytes=2**20, seal=self.seal)
        self.deployment.bus.publish(RESPONSES, [outgoing])

    def answer(self, asked: Incoming, result: dict[str, Any] | None = None, **changes: Any) -> None:
        """Publish the result of a request."""
        assert isinstance(asked.message, JSONRPCRequest)
        message = JSONRPCResponse(jsonrpc="2.0", id=asked.message.id, result=result or {})
        self.say(asked, message, **changes)


def _take(bus: WatchedBus, queue: str, count: int) -> list[Incoming]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: list[Incoming] = []
    while len(found) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(found)} of {count} messages came: {found}")
        for delivery in bus.receive(
            queue, max_count=min(10, count - len(found)), wait_seconds=1, lease_seconds=30
        ):
            found.append(decode(delivery.body, delivery.attributes))
            bus.ack(queue, [delivery.receipt])
    return found


# -- a server of plain functions ------------------------------------------------------------------

ToolContext = ServerRequestContext[Any]
ToolFunction = Callable[[ToolContext, dict[str, Any]], Awaitable[Any]]
"""Takes the SDK's context and the arguments; returns the structured content, or a whole result."""


async def echo(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """The tool that gives back its arguments."""
    return arguments


def tool_server(**tools: ToolFunction) -> Server[Any]:
    """A low-level server whose tools hand through JSON as it is; ``echo`` is always there."""
    table: dict[str, ToolFunction] = {"echo": echo, **tools}

    async def list_tools(
        ctx: ToolContext, params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(
            tools=[Tool(name=name, input_schema={"type": "object"}) for name in table]
        )

    async def call_tool(ctx: ToolContext, params: CallToolRequestParams) -> CallToolResult:
        value = await table[params.name](ctx, params.arguments or {})
        if isinstance(value, CallToolResult):
            return value
        text = TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
        return CallToolResult(content=[text], structured_content=value)

    return Server("tools", on_list_tools=list_tools, on_call_tool=call_tool)


@asynccontextmanager
async def serving_stream(
    server: Server[Any], bus: Bus, config: SnsSqsTransportConfig
) -> AsyncGenerator[None]:
    """Serve over the low-level transport: ``Server.run`` on one stream for all clients."""
    async with bus_server(bus, config) as (read, write), anyio.create_task_group() as tasks:
        tasks.start_soon(server.run, read, write, server.create_initialization_options())
        try:
            yield
        finally:
            tasks.cancel_scope.cancel()

"""Several workers of one host that share their answers: duplicates, deaths, and a store that fails.

Each test runs with the store in memory and with the one in a file, which each worker opens for
itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup, TaskStatus
from mcp.server.lowlevel.server import Server
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    JSONRPCResponse,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from asyncmcp_nb.bus import Delivery, Faults
from asyncmcp_nb.errors import AnswerStoreError, BusClosed, BusError
from asyncmcp_nb.server.answer_file import SqliteAnswers
from asyncmcp_nb.server.handle import ServerHandle, Shared
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.sns_sqs.answers import AnswerStore, Claim, MemoryAnswers, Standing
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.inbox import MemoryInbox
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.wire import Incoming, Outgoing
from tests.helpers import (
    PATIENCE_SECONDS,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    Plug,
    RawClient,
    ToolContext,
    request,
    result_of,
    tool_call,
    tool_server,
)

LONG_LEASE = 3600.0
SHORT_LEASE = 1.0


class Line:
    """One worker's access to what is shared; it can be cut, and its heartbeat stopped."""

    def __init__(self, store: AnswerStore) -> None:
        self.store = store
        self.is_cut = False
        self.has_heartbeat = True

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        return self._reach().claim(worker, claims, now)

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        self._reach().keep(answers, now=now, until=until)

    def release(self, worker: str, keys: Sequence[str]) -> None:
        self._reach().release(worker, keys)

    def live(self, worker: str, until: float) -> None:
        if self.has_heartbeat:
            self._reach().live(worker, until)

    def close(self) -> None:
        self.store.close()

    def _reach(self) -> AnswerStore:
        if self.is_cut:
            raise AnswerStoreError("the line is cut")
        return self.store


class Socket(Plug):
    """A plug that can be pulled by what its worker does, or let its leases run out."""

    def __init__(self, bus: Any) -> None:
        super().__init__(bus)
        self.dies_at = ""
        self.extends = True
        self.on_death: Callable[[], None] = lambda: None

    def publish(self, topic: str, batch: Sequence[Outgoing]) -> Sequence[BusError | None]:
        self._come_to("publish")
        return super().publish(topic, batch)

    def ack(self, queue: str, receipts: Sequence[str]) -> Sequence[BusError | None]:
        if queue == SERVER_QUEUE:
            self._come_to("ack")
        return super().ack(queue, receipts)

    def extend(
        self, queue: str, receipts: Sequence[str], lease_seconds: float
    ) -> Sequence[BusError | None]:
        if not self.extends:
            return [None] * len(receipts)
        return super().extend(queue, receipts, lease_seconds)

    def _come_to(self, act: str) -> None:
        if act == self.dies_at:
            self.pull()
            self.on_death()
            raise BusClosed("killed")


class Worker:
    """A host of its own among others; its tools note who ran where."""

    def __init__(self, floor: Floor, name: str) -> None:
        self.name = name
        self.floor = floor
        self.line = Line(floor.open_store())
        self.socket = Socket(floor.memory.bus)
        self.socket.on_death = self.lose_line
        self.host: Host | None = None
        self._stopping = anyio.Event()
        self._stopped = anyio.Event()

    def lose_line(self) -> None:
        self.line.is_cut = True

    def kill(self) -> None:
        """What ``kill -9`` is to the others."""
        self.socket.pull()
        self.lose_line()

    async def serve(self, settings: dict[str, Any], *, task_status: TaskStatus[None]) -> None:
        config = self.floor.memory.server(retry_seconds=0, **settings)
        async with hosting(self.server(), self.socket, config, answers=self.line) as self.host:
            task_status.started()
            await self._stopping.wait()
        self._stopped.set()

    async def stop(self) -> None:
        """In an orderly way: what is unfinished is handed back."""
        self._stopping.set()
        await self._stopped.wait()

    def statistics(self) -> ServerStatistics:
        assert self.host is not None
        return self.host.statistics()

    def server(self) -> Server[Any]:
        async def note(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            self.floor.ran.append((self.name, arguments.get("who", "it")))
            return {"by": self.name, **arguments}

        async def wait(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
            self.floor.ran.append((self.name, arguments.get("who", "it")))
            await self.floor.gate.wait()
            return {"by": self.name, **arguments}

        async def listen(
            ctx: ToolContext, params: SubscriptionsListenRequestParams
        ) -> SubscriptionsListenResult:
            self.floor.ran.append((self.name, "listen"))
            await self.floor.gate.wait()
            return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

        made = tool_server(note=note, wait=wait)
        made.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
        return made


class Floor:
    """The workers of one host, and what they did."""

    def __init__(
        self, memory: MemoryDeployment, open_store: Callable[[], AnswerStore], tasks: TaskGroup
    ) -> None:
        self.memory = memory
        self.open_store = open_store
        self._tasks = tasks
        self.ran: list[tuple[str, Any]] = []
        self.gate = anyio.Event()
        self.workers: list[Worker] = []
        # Has a copy of each request, to be sent again.
        memory.bus.create_queue("copies")
        memory.bus.subscribe(REQUESTS, "copies", {"WorkerId": [{"exists": False}]})

    async def hire(self, name: str, **settings: Any) -> Worker:
        worker = Worker(self, name)
        self.workers.append(worker)
        await self._tasks.start(worker.serve, settings)
        return worker

    async def close(self) -> None:
        for worker in self.workers:
            await worker.stop()

    async def until(self, holds: Callable[[], bool]) -> None:
        await self.memory.bus.until(holds)

    async def copy(self) -> Outgoing:
        """A request that was sent, once more."""

        def take() -> Delivery:
            [copy] = self.memory.bus.receive(
                "copies", max_count=1, wait_seconds=PATIENCE_SECONDS, lease_seconds=LONG_LEASE
            )
            return copy

        copy = await anyio.to_thread.run_sync(take)
        return Outgoing(copy.body, copy.attributes)

    def send_again(self, copy: Outgoing) -> None:
        self.memory.bus.send(SERVER_QUEUE, copy)

    @property
    def runs(self) -> Counter[Any]:
        """How often each ran, wherever."""
        return Counter(who for _, who in self.ran)


@pytest.fixture(params=["memory", "file"])
async def floor(
    request: pytest.FixtureRequest, memory: MemoryDeployment, tmp_path: Path
) -> AsyncGenerator[Floor]:
    shared = MemoryAnswers()
    path = tmp_path / "answers.sqlite"
    is_file = request.param == "file"
    with anyio.fail_after(3 * PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            made = Floor(memory, lambda: SqliteAnswers(path) if is_file else shared, tasks)
            yield made
            await made.close()


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


# -- duplicates ------------------------------------------------------------------------------------


async def test_of_calls_that_come_twice_each_runs_once_and_gets_its_answer(
    floor: Floor, alice: RawClient
) -> None:
    floor.memory.bus.faults = Faults(duplicate_share=1.0, reorder=True, delay_seconds=0.2)
    for name in ("one", "two", "three"):
        await floor.hire(name)

    for number in range(0, 100, 10):
        alice.send(*[tool_call(n, "note", {"who": n}) for n in range(number, number + 10)])
    answers: dict[Any, Any] = {}
    while len(answers) < 100:
        for incoming in await alice.receive():
            assert isinstance(incoming.message, JSONRPCResponse)
            answers[incoming.message.id] = result_of(incoming.message)["who"]
    await floor.memory.settled()

    assert floor.runs == Counter(range(100))
    assert answers == {number: number for number in range(100)}
    # How they share the work is theirs; that several do is what makes duplicates meet.
    assert len({name for name, _ in floor.ran}) > 1
    again = [
        w.statistics().duplicate_count + w.statistics().redelivered_count for w in floor.workers
    ]
    assert sum(again) >= 100


async def test_a_duplicate_of_what_another_worker_runs_is_dropped(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", max_in_flight=1)
    alice.send(tool_call(1, "wait"))
    await floor.until(lambda: floor.ran == [("one", "it")])
    two = await floor.hire("two")

    floor.send_again(await floor.copy())
    await floor.until(lambda: two.statistics().duplicate_count == 1)
    await floor.until(lambda: floor.memory.bus.depth(SERVER_QUEUE) == 1)
    floor.gate.set()
    answer = await alice.answer()
    await floor.memory.settled()

    assert (floor.ran, result_of(answer)) == ([("one", "it")], {"by": "one"})
    assert alice.waiting_count() == 0
    assert one.statistics().redelivered_count == two.statistics().redelivered_count == 0


async def test_what_one_worker_answered_another_answers_again_without_a_run(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one")
    alice.send(tool_call(1, "note"))
    first = await alice.receive()
    await floor.memory.settled()
    await one.stop()
    two = await floor.hire("two")

    floor.send_again(await floor.copy())
    second = await alice.receive()
    await floor.memory.settled()

    assert ([i.message for i in second], floor.ran) == (
        [i.message for i in first],
        [("one", "it")],
    )
    assert [i.header for i in second] == [i.header for i in first]
    assert two.statistics().redelivered_count == 1


async def test_a_cancelled_request_that_comes_again_to_a_worker_that_was_not_there_never_runs(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one")
    alice.send(tool_call(1, "wait"))
    await floor.until(lambda: floor.ran == [("one", "it")])
    copy = await floor.copy()
    alice.cancel(1)
    await floor.memory.settled()
    await one.stop()
    two = await floor.hire("two")

    floor.send_again(copy)
    await floor.until(lambda: two.statistics().redelivered_count == 1)
    await floor.memory.settled()

    assert (floor.ran, alice.waiting_count()) == ([("one", "it")], 0)


LISTEN = request(1, "subscriptions/listen", {"notifications": {"toolsListChanged": True}})


async def test_a_listen_stream_runs_in_one_worker_only(floor: Floor, alice: RawClient) -> None:
    await floor.hire("one", max_in_flight=1)
    alice.send(LISTEN)
    await floor.until(lambda: floor.ran == [("one", "listen")])
    copy = await floor.copy()
    # Its only slot is taken, so what comes now comes to the other.
    alice.send(tool_call(2, "wait"))
    await floor.until(lambda: floor.runs["it"] == 1)
    two = await floor.hire("two")

    floor.send_again(copy)
    await floor.until(lambda: two.statistics().duplicate_count == 1)
    floor.gate.set()
    await alice.receive(2)
    await floor.memory.settled()

    assert floor.runs == {"listen": 1, "it": 1}


# -- workers that die ------------------------------------------------------------------------------


async def test_a_request_of_a_killed_worker_runs_in_another_though_its_duplicate_was_dropped(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", lease_seconds=SHORT_LEASE, max_in_flight=1)
    alice.send(tool_call(1, "wait"))
    await floor.until(lambda: floor.ran == [("one", "it")])
    two = await floor.hire("two")
    floor.send_again(await floor.copy())
    await floor.until(lambda: two.statistics().duplicate_count == 1)

    one.kill()
    await floor.until(lambda: len(floor.ran) == 2)
    floor.gate.set()
    answer = await alice.answer()
    await floor.memory.settled()

    assert floor.ran == [("one", "it"), ("two", "it")]
    assert (result_of(answer), alice.waiting_count()) == ({"by": "two"}, 0)


async def test_an_answer_that_was_kept_and_not_published_is_sent_by_another_worker(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", lease_seconds=SHORT_LEASE)
    one.socket.dies_at = "publish"
    alice.send(tool_call(1, "note"))
    await floor.until(lambda: one.line.is_cut)

    await floor.hire("two")
    answer = await alice.answer()
    await floor.memory.settled()

    assert (floor.ran, result_of(answer)) == ([("one", "it")], {"by": "one"})
    assert alice.waiting_count() == 0


async def test_an_answer_that_was_published_by_a_worker_killed_then_is_sent_again_without_a_run(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", lease_seconds=SHORT_LEASE)
    one.socket.dies_at = "ack"
    alice.send(tool_call(1, "note"))
    first = await alice.answer()

    await floor.hire("two")
    second = await alice.answer()
    await floor.memory.settled()

    assert (floor.ran, second) == ([("one", "it")], first)


async def test_a_listen_stream_of_a_killed_worker_may_be_asked_for_again(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", lease_seconds=SHORT_LEASE)
    alice.send(LISTEN)
    await floor.until(lambda: floor.ran == [("one", "listen")])
    await floor.memory.settled()
    one.kill()
    await floor.hire("two")

    copy = await floor.copy()
    while len(floor.ran) < 2:
        floor.send_again(copy)
        await floor.memory.settled()
    floor.gate.set()

    assert (await alice.answer()).id == 1
    assert floor.ran == [("one", "listen"), ("two", "listen")]


# -- workers that stop, freeze, or lose their lease ------------------------------------------------


async def test_a_worker_that_stops_leaves_its_requests_to_others_at_once(
    floor: Floor, alice: RawClient
) -> None:
    one = await floor.hire("one", lease_seconds=LONG_LEASE)
    alice.send(tool_call(1, "wait"))
    await floor.until(lambda: floor.ran == [("one", "it")])
    two = await floor.hire("two", lease_seconds=LONG_LEASE)

    await one.stop()
    await floor.until(lambda: len(floor.ran) == 2)
    floor.gate.set()
    answer = await alice.answer()
    await floor.memory.settled()

    assert (floor.ran[1], result_of(answer)) == (("two", "it"), {"by": "two"})
    assert two.statistics().duplicate_count == 0


class Caller:
    """A client's end with an inbox that counts what comes twice."""

    def __init__(self, memory: MemoryDeployment) -> None:
        self.delivered: list[Incoming] = []
        self.inbox = MemoryInbox("a" * 32)
        self.link = ClientLink(
            memory.bus,
            memory.client("bob"),
            self.delivered.append,
            inbox=self.inbox,
            connection_id="a" * 32,
        )

    def __enter__(self) -> Caller:
        self.link.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.link.close()

    def call(self, tool: str) -> None:
        self.link.post(tool_call(1, tool), lambda _: None)


async def test_the_work_of_a_worker_that_no_longer_says_it_lives_is_taken_over(
    floor: Floor,
) -> None:
    with Caller(floor.memory) as bob:
        one = await floor.hire("one", lease_seconds=SHORT_LEASE, max_in_flight=1)
        bob.call("wait")
        await floor.until(lambda: floor.ran == [("one", "it")])
        one.line.has_heartbeat = False
        await floor.hire("two", max_in_flight=1)

        copy = await floor.copy()
        while len(floor.ran) < 2:
            floor.send_again(copy)
            # Dropped as long as the first worker counts as living.
            await floor.until(
                lambda: floor.memory.bus.depth(SERVER_QUEUE) == 1 or len(floor.ran) == 2
            )
        floor.gate.set()
        await floor.memory.settled()
        await floor.until(lambda: bob.inbox.duplicate_count == 1)

    assert floor.ran == [("one", "it"), ("two", "it")]
    assert [result_of(incoming.message)["by"] in {"one", "two"} for incoming in bob.delivered] == [
        True
    ]


async def test_a_request_whose_lease_was_lost_runs_in_the_worker_that_the_queue_gives_it_to(
    floor: Floor,
) -> None:
    """The first may be cut off from the queue; nobody else can tell."""
    with Caller(floor.memory) as bob:
        one = await floor.hire("one", lease_seconds=SHORT_LEASE, max_in_flight=1)
        one.socket.extends = False
        bob.call("wait")
        await floor.until(lambda: floor.ran == [("one", "it")])

        two = await floor.hire("two", max_in_flight=1)
        await floor.until(lambda: len(floor.ran) == 2)
        floor.gate.set()
        await floor.memory.settled()
        await floor.until(lambda: bob.inbox.duplicate_count == 1)

    assert floor.ran == [("one", "it"), ("two", "it")]
    assert (len(bob.delivered), two.statistics().duplicate_count) == (1, 0)


# -- a store that fails ----------------------------------------------------------------------------


async def test_without_what_is_shared_workers_go_on_and_say_so(
    floor: Floor, alice: RawClient
) -> None:
    floor.memory.bus.faults = Faults(duplicate_share=1.0)
    for name in ("one", "two"):
        (await floor.hire(name, lease_seconds=SHORT_LEASE)).lose_line()

    alice.send(*[tool_call(number, "note") for number in range(10)])
    answered: set[Any] = set()
    while len(answered) < 10:
        answered |= {getattr(i.message, "id", None) for i in await alice.receive()}
    await floor.memory.settled()

    assert answered == set(range(10))
    await floor.until(
        lambda: [str(w.statistics().last_error) for w in floor.workers] == ["the line is cut"] * 2
    )


def test_a_server_without_what_is_shared_serves_and_its_status_says_why(
    memory: MemoryDeployment, tmp_path: Path
) -> None:
    (tmp_path / "answers").write_text("no folder")
    answers = SqliteAnswers(tmp_path / "answers" / "answers.sqlite")
    handle = ServerHandle(
        tool_server(),
        memory.bus,
        memory.server(),
        deployment="test",
        shared=Shared(answers=answers),
    )
    alice = RawClient(memory)

    with handle.start():
        alice.send(tool_call(1, "echo", {"a": 1}))
        [incoming] = alice.take()
        status = handle.status

    assert result_of(incoming.message) == {"a": 1}
    assert status.state == "serving"
    assert "check the permissions of the folder" in str(status.error)

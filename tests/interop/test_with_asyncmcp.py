"""The ``asyncmcp`` package as published: its client with our servers, ours with its server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from mcp_types import ElicitResult

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import CallTimedOut, PayloadTooLarge
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session import Session
from asyncmcp_nb.sns_sqs.server import sns_sqs_server
from tests.helpers import HANDSHAKE
from tests.interop.asyncmcp_env import Program
from tests.interop.conftest import Place
from tests.interop.our_server import app
from tests.interop.test_its_own import ODD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PATIENCE_SECONDS = 30.0

Serve = Callable[[Deployment], AbstractContextManager[Any]]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what another process does, which no event here tells."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


@contextmanager
def serving_stream(place: Place, deployment: Deployment) -> Generator[None]:
    """The low-level transport: one stream for all clients."""
    config = SnsSqsTransportConfig(
        sqs_queue_url=deployment.server_queue_url,
        sns_topic_arn=deployment.response_topic_arn,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        allowed_reply_topics=deployment.allowed_reply_topics,
    )

    async def run(started: threading.Event, ending: list[anyio.Event]) -> None:
        ending.append(anyio.Event())
        async with (
            sns_sqs_server(config, place.sqs, place.sns) as (read, write),
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(app.run, read, write, app.create_initialization_options())
            started.set()
            await ending[0].wait()
            tasks.cancel_scope.cancel()

    with start_blocking_portal() as portal:
        started, ending = threading.Event(), list[anyio.Event]()
        done = portal.start_task_soon(run, started, ending)
        assert started.wait(PATIENCE_SECONDS)
        try:
            yield
        finally:
            portal.call(ending[0].set)
            done.result(PATIENCE_SECONDS)


@pytest.fixture(params=["thread", "processes", "stream"])
def serving(request: pytest.FixtureRequest, place: Place) -> Serve:
    """Each way to serve."""
    match request.param:
        case "thread":
            return lambda deployment: serve(app, deployment)
        case "processes":
            return lambda deployment: serve("tests.interop.our_server:app", deployment, workers=2)
        case _:
            return lambda deployment: serving_stream(place, deployment)


class Seat:
    """A topic of a client's own, and the queue that it feeds."""

    def __init__(self, place: Place, name: str, *, raw: bool = True) -> None:
        self._place = place
        self.topic = place.topic(f"{name}-replies")
        self.queue = place.queue(f"{name}-queue", self.topic, raw=raw)

    def client(self, *calls: tuple[str, dict[str, Any]], **plan: Any) -> Any:
        return self._place.their_client(
            *calls, queue_url=self.queue, reply_topic_arn=self.topic, **plan
        )


def allowing(deployment: Deployment, *seats: Seat) -> Deployment:
    return replace(deployment, allowed_reply_topics=tuple(seat.topic for seat in seats))


# -- its client, our servers -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "wrapped"])
def test_its_client_uses_our_tools(
    place: Place, deployment: Deployment, serving: Serve, raw: bool
) -> None:
    seat = Seat(place, "theirs", raw=raw)

    with (
        serving(allowing(deployment, seat)),
        seat.client(
            ("echo", ODD),
            ("add", {"a": 2, "b": 3}),
            ("fail", {"why": "bad ☃"}),
            ("steps", {"count": 2}),
            ("ask", {"question": "well?"}),
        ) as client,
    ):
        hello, listed, echo, add, fail, steps, ask = client.rest()

    assert hello == {"version": "2025-11-25", "server": "tools"}
    assert "echo" in listed["tools"]
    assert echo["structured"] == ODD
    assert add["structured"] == {"sum": 5}
    assert fail == {"tool": "fail", "error": "bad ☃"}
    assert (steps["progress"], steps["logs"]) == (
        [[1.0, 2.0, None], [2.0, 2.0, None]],
        ["step 0", "step 1"],
    )
    assert ask["structured"] == {"action": "accept", "content": {"answer": "well? yes"}}


def test_two_of_its_clients_with_the_same_ids_get_their_own_answers(
    place: Place, deployment: Deployment, serving: Serve
) -> None:
    seats = {name: Seat(place, name) for name in ("one", "two")}
    sums: dict[str, list[int]] = {}

    with serving(allowing(deployment, *seats.values())), ExitStack() as stack:
        clients: dict[str, Program] = {}
        for base, (name, seat) in enumerate(seats.items()):
            calls = [("add", {"a": 100 * base, "b": n}) for n in range(8)]
            running = seat.client(*calls, client_id=name, pause=True)
            clients[name] = stack.enter_context(running)
        for client in clients.values():
            assert client.next() is not None
            assert client.next() == {"paused": True}
        for client in clients.values():
            client.go_on()
        for name, client in clients.items():
            _, *answers = client.rest()
            sums[name] = [answer["structured"]["sum"] for answer in answers]

    assert sums == {"one": list(range(8)), "two": [100 + n for n in range(8)]}


def test_a_second_session_of_one_client_gets_no_answers_of_the_first(
    place: Place, deployment: Deployment, serving: Serve
) -> None:
    seat = Seat(place, "theirs")
    sums: list[int] = []

    with serving(allowing(deployment, seat)):
        for a, b in ((10, 20), (1, 1)):
            with seat.client(("add", {"a": a, "b": b})) as client:
                _, _, answer = client.rest()
                sums.append(answer["structured"]["sum"])

    assert sums == [30, 2]


def test_its_client_may_name_the_shared_topic_and_filter_by_its_name(
    place: Place, deployment: Deployment, serving: Serve
) -> None:
    topic = deployment.response_topic_arn
    queue = place.queue("theirs", topic, filter_policy={"ClientId": ["theirs"]})

    with (
        serving(deployment),
        place.their_client(
            ("ask", {"question": "you?"}), queue_url=queue, reply_topic_arn=topic
        ) as client,
    ):
        _, _, ask = client.rest()

    assert ask["structured"]["content"] == {"answer": "you? yes"}


def test_a_topic_that_is_not_allowed_gets_nothing_and_the_refusal_is_said_where_it_may_be(
    place: Place, deployment: Deployment, serving: Serve
) -> None:
    seat = Seat(place, "theirs")
    shared = place.queue("shared", deployment.response_topic_arn)

    with (
        serving(replace(deployment, allowed_reply_topics=(f"{seat.topic}-not",))),
        seat.client(("add", {"a": 1, "b": 1}), patience_seconds=4) as client,
    ):
        (ended,) = client.rest()
        (refusal,) = taken(place, shared, wait_seconds=20)

    assert "Timed out" in ended["ended_by"]
    assert refusal["ClientId"] == "theirs"
    assert seat.topic in refusal["body"]["error"]["message"]
    assert "allowed_reply_topics" in refusal["body"]["error"]["message"]
    assert taken(place, seat.queue) == []


def test_the_answer_to_a_question_reaches_the_worker_that_asked(
    place: Place, deployment: Deployment
) -> None:
    seat = Seat(place, "theirs")
    where = allowing(deployment, seat)
    questions = [("ask", {"question": f"{n}?"}) for n in range(3)]

    # While a worker asks it takes nothing more, so the other one gets the answer.
    with (
        serve(app, where, max_in_flight=1),
        serve(app, where, max_in_flight=1),
        seat.client(*questions) as client,
    ):
        _, _, *asked = client.rest()

    answers = [answer["structured"]["content"]["answer"] for answer in asked]
    assert answers == ["0? yes", "1? yes", "2? yes"]


def test_an_answer_that_its_client_could_not_read_becomes_an_error(
    place: Place, deployment: Deployment, serving: Serve
) -> None:
    seat = Seat(place, "theirs")

    with (
        serving(allowing(deployment, seat)),
        seat.client(("text", {"length": 300_000}), ("text", {"length": 20})) as client,
    ):
        _, _, large, small = client.rest()

    assert "above the limit" in large["error"]
    assert len(small["structured"]["text"]) == 20


def taken(place: Place, queue_url: str, wait_seconds: int = 0) -> list[dict[str, Any]]:
    """What lies in a queue: attributes and the body."""
    found = place.sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        WaitTimeSeconds=wait_seconds,
    )
    return [
        {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        | {"body": json.loads(message["Body"])}
        for message in found.get("Messages", [])
    ]


# -- our client, its server ------------------------------------------------------------------------


@pytest.fixture
def theirs(deployment: Deployment) -> Deployment:
    """The same topics and queues, where servers of the other package answer."""
    return replace(deployment, dialect="asyncmcp")


@pytest.fixture
def its_server(place: Place, theirs: Deployment) -> Iterator[Program]:
    with place.their_server(theirs.server_queue_url) as server:
        assert server.next() == {"ready": True}
        yield server


async def accept(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"answer": f"{params.message} ja"})


async def use_all_tools(session: Session, base: int) -> None:
    tools = await session.list_tools()
    assert sorted(tool.name for tool in tools) == ["add", "ask", "echo", "fail", "slow", "steps"]

    assert (await session.call("echo", ODD)).structured_content == ODD
    calls = [session.submit("add", a=base, b=n) for n in range(20)]
    sums = [(await call).structured_content for call in calls]
    assert sums == [{"sum": base + n} for n in range(20)]
    assert (await session.call("fail", why="bad ☃")).is_error
    steps = session.submit("steps", count=3)
    assert (await steps).structured_content == {"steps": 3}
    assert steps.progress == 1.0
    answer = await session.call("ask", question=f"{base}?")
    assert answer.structured_content == {
        "action": "accept",
        "content": {"answer": f"{base}? ja"},
    }
    assert session.status.unsolicited_count == 0


async def test_two_sessions_at_a_time_use_its_tools(
    theirs: Deployment, its_server: Program
) -> None:
    async def use(name: str, base: int) -> None:
        async with connect(
            theirs, name=name, era=HANDSHAKE, elicitation_callback=accept
        ) as session:
            await use_all_tools(session, base)

    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use, "ann", 100)
            tasks.start_soon(use, "bob", 200)


async def test_a_cancelled_call_is_cancelled_at_its_server(
    theirs: Deployment, its_server: Program
) -> None:
    async with connect(theirs, name="ann", era=HANDSHAKE) as session:
        call = session.submit("slow", seconds=60)
        ran = await anyio.to_thread.run_sync(its_server.next)
        call.cancel()
        said = await anyio.to_thread.run_sync(its_server.next)
        after = await session.call("add", a=1, b=2)

    assert ran == {"ran": "slow", "arguments": {"seconds": 60}}
    assert said == {"cancelled": "slow"}
    assert call.status is Status.CANCELLED
    assert after.structured_content == {"sum": 3}


async def test_an_answer_finds_its_call_after_reconnecting(
    theirs: Deployment, its_server: Program
) -> None:
    async with connect(theirs, name="ann", era=HANDSHAKE) as session:
        call = session.submit("slow", seconds=2)
        assert await anyio.to_thread.run_sync(its_server.next) is not None

    async with connect(theirs, name="ann", era=HANDSHAKE) as later:
        with anyio.fail_after(PATIENCE_SECONDS):
            result = await later.get(call.id)
            # Of the same id in the session of now.
            other = await later.call("add", a=1, b=1)
            deliveries = later.get(call.id).record.deliveries

    assert result.structured_content == {"slept": 2}
    assert other.structured_content == {"sum": 2}
    assert deliveries == 1


async def test_what_its_server_could_not_read_is_not_sent(
    theirs: Deployment, its_server: Program
) -> None:
    async with connect(theirs, name="ann", era=HANDSHAKE) as session:
        with pytest.raises(PayloadTooLarge, match="above the limit"):
            await session.call("echo", text="x" * 300_000)
        assert (await session.call("echo", text="x")).structured_content == {"text": "x"}

    assert its_server.next() == {"ran": "echo", "arguments": {"text": "x"}}


async def test_a_server_that_was_restarted_knows_no_session_and_a_new_one_helps(
    place: Place, theirs: Deployment
) -> None:
    with place.their_server(theirs.server_queue_url) as first:
        assert await anyio.to_thread.run_sync(first.next) == {"ready": True}
        session = await connect(theirs, name="ann", era=HANDSHAKE)
        before = await session.call("add", a=1, b=1)
    with place.their_server(theirs.server_queue_url) as second:
        assert await anyio.to_thread.run_sync(second.next) == {"ready": True}
        with pytest.raises(CallTimedOut):
            await session.call("add", a=1, b=2, timeout=3)
        async with connect(theirs, name="ann", era=HANDSHAKE) as later:
            after = await later.call("add", a=1, b=3)

    assert session.is_closed
    assert before.structured_content == {"sum": 2}
    assert after.structured_content == {"sum": 4}

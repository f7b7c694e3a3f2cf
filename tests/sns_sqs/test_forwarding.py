"""What other software sends to any worker reaches the worker that it is for, and goes no round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import BusDenied
from asyncmcp_nb.sns_sqs.forwarding import onward
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.server_link import Arrival, ServerLink
from asyncmcp_nb.wire import Header, Incoming, Outgoing, encode
from asyncmcp_nb.wire.attributes import to_attributes
from asyncmcp_nb.wire.claim_check import Pointer, pointer_body
from tests.helpers import (
    DEAD_LETTERS,
    REQUESTS,
    MemoryDeployment,
    notification,
    plain_request,
)

HERE, THERE = "0" * 8, "1" * 8
THEIRS = Header(client_id="theirs", session_id="s1")


def response(request_id: Any, **result: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=request_id, result=result)


PROGRESS = notification("notifications/progress", progressToken=f"w{THERE}:1", progress=1)
CANCEL = notification("notifications/cancelled", requestId=7)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        (response(f"w{THERE}:1"), THERE),
        (response(f"w{HERE}:1"), None),
        (response("qtoken:1"), None),
        (response(5), None),
        (PROGRESS, THERE),
        (CANCEL, "*"),
        (notification("notifications/initialized"), None),
        (plain_request(f"w{THERE}:1", "ping"), None),
    ],
)
def test_answers_go_to_the_worker_that_asked_and_cancellations_to_all(
    message: JSONRPCMessage, other: str | None
) -> None:
    assert onward(Incoming(message, THEIRS, 1), HERE) == other


@pytest.mark.parametrize("worker_id", [HERE, "*"])
@pytest.mark.parametrize("message", [response(f"w{THERE}:1"), PROGRESS, CANCEL])
def test_what_was_passed_on_is_not_passed_on_again(message: JSONRPCMessage, worker_id: str) -> None:
    header = Header(client_id="theirs", worker_id=worker_id)

    assert onward(Incoming(message, header, 1), "2" * 8) is None


@pytest.mark.parametrize("message", [response(f"w{THERE}:1"), PROGRESS])
def test_what_a_client_of_ours_says_is_addressed_already(message: JSONRPCMessage) -> None:
    header = Header(client_id="ours", connection_id="a" * 32)

    assert onward(Incoming(message, header, 1), HERE) is None


class Worker:
    """A server's end that notes what it delivers."""

    def __init__(
        self,
        memory: MemoryDeployment,
        *,
        is_idle: bool,
        payloads: MemoryPayloads | None = None,
        **settings: Any,
    ) -> None:
        self.config = memory.server(**settings)
        self.arrivals: list[Arrival] = []
        checks = None if payloads is None else ClaimChecks(store=payloads)
        self.link = ServerLink(memory.bus, self.config, self._take, claim_checks=checks)
        self.link.start()
        if is_idle:
            self.link.stop_receiving()

    def _take(self, arrival: Arrival) -> bool:
        self.arrivals.append(arrival)
        return True


Hire = Callable[..., Worker]


@pytest.fixture
def hire(memory: MemoryDeployment) -> Iterator[Hire]:
    """Makes workers; one that is idle takes nothing from the common queue."""
    workers: list[Worker] = []

    def make(*, is_idle: bool = False, **settings: Any) -> Worker:
        workers.append(Worker(memory, is_idle=is_idle, **settings))
        return workers[-1]

    yield make
    for worker in workers:
        worker.link.close()


def say(memory: MemoryDeployment, message: JSONRPCMessage) -> None:
    memory.bus.publish(REQUESTS, [encode(message, THEIRS, limit_bytes=2**20)])


def published_count(memory: MemoryDeployment) -> int:
    return sum(len(bodies) for _, bodies in memory.bus.published)


def messages_of(worker: Worker) -> list[JSONRPCMessage]:
    return [arrival.message for arrival in worker.arrivals if isinstance(arrival, Incoming)]


async def test_an_answer_taken_by_another_worker_reaches_the_one_that_asked(
    memory: MemoryDeployment, hire: Hire
) -> None:
    asker, taker = hire(is_idle=True), hire()
    answer = response(f"w{asker.config.worker_id}:1", ok=True)

    say(memory, answer)
    await memory.bus.until(lambda: len(asker.arrivals) == 1)
    await memory.settled()

    assert messages_of(asker) == [answer]
    (arrival,) = asker.arrivals
    assert isinstance(arrival, Incoming)
    assert (arrival.header.client_id, arrival.header.session_id) == ("theirs", "s1")
    assert taker.arrivals == []


async def test_a_cancellation_reaches_every_worker_and_is_passed_on_once(
    memory: MemoryDeployment, hire: Hire
) -> None:
    idle, taker = [hire(is_idle=True), hire(is_idle=True)], hire()

    say(memory, CANCEL)
    for worker in idle:
        await memory.bus.until(lambda worker=worker: len(worker.arrivals) == 1)
    await memory.bus.until(lambda: len(taker.arrivals) == 2)
    await memory.settled()

    assert [messages_of(worker) for worker in (*idle, taker)] == [[CANCEL], [CANCEL], [CANCEL] * 2]
    assert published_count(memory) == 2


async def test_where_the_common_queue_gets_all_messages_nothing_goes_round(
    memory: MemoryDeployment, hire: Hire
) -> None:
    memory.bus.create_queue("unfiltered")
    memory.bus.subscribe(REQUESTS, "unfiltered")
    hire(sqs_queue_url="unfiltered")

    say(memory, CANCEL)
    say(memory, response(f"w{THERE}:1"))
    await memory.bus.until(lambda: published_count(memory) == 4)
    await memory.bus.until(lambda: memory.bus.depth("unfiltered") == 0)

    assert published_count(memory) == 4


async def test_an_answer_that_cannot_be_passed_on_stays_in_the_queue(
    memory: MemoryDeployment, hire: Hire
) -> None:
    asker, taker = hire(is_idle=True), hire(lease_seconds=1.0)

    say(memory, response(f"w{asker.config.worker_id}:1"))
    memory.bus.fail("publish", REQUESTS, BusDenied("no"))
    await memory.bus.until(lambda: len(asker.arrivals) == 1)
    await memory.settled()

    assert len(messages_of(asker)) == 1
    assert taker.arrivals == []


async def test_an_answer_that_came_by_s3_is_passed_on_as_it_is(
    memory: MemoryDeployment, hire: Hire
) -> None:
    payloads = MemoryPayloads()
    asker = hire(is_idle=True, payloads=payloads)
    hire(payloads=payloads)
    answer = response(f"w{asker.config.worker_id}:1", ok=True)
    content = answer.model_dump_json(by_alias=True, exclude_unset=True).encode()
    payloads.put("asyncmcp/1", content)

    attributes = to_attributes(replace(THEIRS, payload_bytes=len(content)))
    pointer = pointer_body(Pointer(payloads.bucket, "asyncmcp/1"))
    memory.bus.publish(REQUESTS, [Outgoing(pointer, attributes)])
    await memory.bus.until(lambda: len(asker.arrivals) + memory.bus.depth(DEAD_LETTERS) == 1)

    assert messages_of(asker) == [answer]


async def test_a_cancellation_that_came_compressed_is_passed_on_readable(
    memory: MemoryDeployment, hire: Hire
) -> None:
    idle, _ = hire(is_idle=True), hire()
    cancel = notification("notifications/cancelled", requestId=7, reason="x" * 2_000)

    compressed = encode(cancel, replace(THEIRS, connection_id="a" * 32), limit_bytes=1024)
    memory.bus.publish(REQUESTS, [compressed])
    await memory.bus.until(lambda: len(idle.arrivals) + memory.bus.depth(DEAD_LETTERS) >= 1)

    assert compressed.body != encode(cancel, THEIRS, limit_bytes=2**20).body
    assert messages_of(idle) == [cancel]


async def test_an_answer_that_grows_too_large_on_the_way_ends_its_question(
    memory: MemoryDeployment, hire: Hire
) -> None:
    asker = hire(is_idle=True)
    hire(message_limit_bytes=1024)
    question = f"w{asker.config.worker_id}:1"

    say(memory, response(question, text="x" * 2_000))
    await memory.bus.until(lambda: len(asker.arrivals) == 1)

    (message,) = messages_of(asker)
    assert isinstance(message, JSONRPCError)
    assert message.id == question
    assert "above the limit" in message.error.message


async def test_without_a_request_topic_a_worker_keeps_to_itself(
    memory: MemoryDeployment, hire: Hire
) -> None:
    taker = hire(request_topic_arn=None)

    say(memory, CANCEL)
    say(memory, response(f"w{THERE}:1"))
    await memory.bus.until(lambda: len(taker.arrivals) == 2)
    await memory.settled()

    kinds = [type(message) for message in messages_of(taker)]
    assert kinds == [JSONRPCNotification, JSONRPCResponse]
    assert published_count(memory) == 2


def test_a_request_is_never_passed_on() -> None:
    request = JSONRPCRequest(jsonrpc="2.0", id=f"w{THERE}:1", method="tools/call")

    assert onward(Incoming(request, THEIRS, 1), HERE) is None

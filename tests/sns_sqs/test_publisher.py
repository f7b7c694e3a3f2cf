"""Where a server publishes, and where it never does."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest
from mcp_types import JSONRPCResponse

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import BusClosed, BusDenied, BusError, BusNotFound
from asyncmcp_nb.sns_sqs.answers import Claim, Kept, MemoryAnswers
from asyncmcp_nb.sns_sqs.claims import Claims
from asyncmcp_nb.sns_sqs.messages import ClaimChecks, Messages
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.publisher import Posting, Publisher
from asyncmcp_nb.wire import Header
from tests.helpers import REQUESTS, RESPONSES, MemoryDeployment

OTHER, FORBIDDEN = "replies-of-other-software", "a-topic-of-a-third-party"
HEADER = Header(client_id="alice", connection_id="ab" * 16)


class Desk:
    """A publisher, what it was asked to send, and what became of that."""

    def __init__(self, memory: MemoryDeployment, **settings: Any) -> None:
        self.bus = memory.bus
        self.payloads = MemoryPayloads()
        for topic in (OTHER, FORBIDDEN):
            self.bus.create_topic(topic)
        config = memory.server(
            allowed_reply_topics=(OTHER,), request_topic_arn=REQUESTS, **settings
        )
        checks = ClaimChecks(store=self.payloads)
        self.messages = Messages(memory.bus, config, outbound="to-client", claim_checks=checks)
        self.answers = MemoryAnswers()
        self.claims = Claims(self.answers, lease_seconds=30, keep_seconds=60)
        self.publisher = Publisher(self.messages, config, self.claims, pace=Pace(0.0))
        self.outcomes: list[BusError | None] = []

    def posting(self, number: int = 1, text: str = "", answers: str | None = None) -> Posting:
        message = JSONRPCResponse(jsonrpc="2.0", id=number, result={"text": text})
        return Posting(self.messages.write(message, HEADER, RESPONSES), answers)

    def submit(self, topic: str, posting: Posting | None = None) -> None:
        self.publisher.submit(topic, posting or self.posting(), self.outcomes.append)

    def await_outcomes(self, count: int) -> list[BusError | None]:
        self.bus.wait_until(lambda: len(self.outcomes) >= count)
        return self.outcomes

    def kept(self, key: str) -> Any:
        return self.answers.claim("another", [Claim(key, "m")], time.time())[0]


@pytest.fixture
def desk(memory: MemoryDeployment) -> Generator[Desk]:
    made = Desk(memory, message_limit_bytes=2048)
    yield made
    made.publisher.close(5.0)
    made.claims.close()


@pytest.mark.parametrize("topic", [RESPONSES, OTHER, REQUESTS])
def test_topics_that_the_server_was_told_of_are_published_to(desk: Desk, topic: str) -> None:
    desk.submit(topic)

    assert desk.await_outcomes(1) == [None]
    assert [published for published, _ in desk.bus.published] == [topic]


@pytest.mark.parametrize("topic", [FORBIDDEN, "", "*", RESPONSES + "x", OTHER[:-1], OTHER.upper()])
def test_no_other_topic_is_published_to_whoever_names_it(desk: Desk, topic: str) -> None:
    with pytest.raises(BusDenied, match="not among allowed_reply_topics; nothing was sent"):
        desk.submit(topic)

    desk.publisher.close(1.0)
    assert (desk.bus.published, desk.outcomes) == ([], [])


def test_topics_do_not_wait_for_each_other(desk: Desk) -> None:
    with desk.bus.hold("publish", OTHER):
        desk.submit(OTHER)
        desk.submit(RESPONSES)

        assert desk.await_outcomes(1) == [None]
        assert [topic for topic, _ in desk.bus.published] == [RESPONSES]

    desk.await_outcomes(2)


def test_an_answer_is_kept_before_anybody_can_see_it(desk: Desk) -> None:
    posting = desk.posting(answers="alice 1")
    with desk.bus.hold("publish", RESPONSES):
        desk.submit(RESPONSES, posting)
        desk.bus.wait_until(lambda: desk.bus.under_way["publish", RESPONSES] == 1)

        assert desk.kept("alice 1") == Kept(posting.outgoing)

    desk.await_outcomes(1)


def test_what_is_no_answer_is_not_kept(desk: Desk) -> None:
    desk.submit(RESPONSES)

    desk.await_outcomes(1)
    assert desk.kept("alice 1") is None


def test_an_answer_that_cannot_be_put_into_s3_is_neither_kept_nor_published(desk: Desk) -> None:
    desk.payloads.close()
    text = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3000))
    desk.submit(RESPONSES, desk.posting(text=text, answers="alice 1"))

    (error,) = desk.await_outcomes(1)
    assert isinstance(error, BusClosed)
    assert (desk.kept("alice 1"), desk.bus.published) == (None, [])


def test_an_error_of_a_topic_reaches_whoever_published(desk: Desk) -> None:
    gone = BusNotFound("the topic is gone")
    desk.bus.fail("publish", OTHER, gone)

    desk.submit(OTHER)

    assert desk.await_outcomes(1) == [gone]


def test_closing_sends_what_is_pending_to_every_topic(desk: Desk) -> None:
    for topic in (RESPONSES, OTHER):
        for number in range(15):
            desk.submit(topic, desk.posting(number))

    desk.publisher.close(5.0)

    assert desk.outcomes == [None] * 30


def test_a_closed_publisher_refuses_by_the_way_of_every_other_error(desk: Desk) -> None:
    desk.publisher.close(1.0)

    for topic in (RESPONSES, OTHER):
        desk.submit(topic)

    assert [type(outcome) for outcome in desk.outcomes] == [BusClosed, BusClosed]


def test_to_a_fifo_topic_one_request_is_made_at_a_time(memory: MemoryDeployment) -> None:
    """Two at a time would overtake each other."""
    memory.bus.create_topic("responses.fifo")
    memory.bus.faults = Faults(latency_seconds=0.01)
    desk = Desk(memory, sns_topic_arn="responses.fifo")
    with desk.bus.hold("publish", "responses.fifo"):
        for number in range(35):
            desk.submit("responses.fifo", desk.posting(number))
        desk.bus.wait_until(lambda: desk.bus.under_way["publish", "responses.fifo"] == 1)
    desk.publisher.close(5.0)
    desk.claims.close()

    bodies = [body for _, batch in desk.bus.published for body in batch]
    assert bodies == [desk.posting(number).outgoing.body for number in range(35)]
    assert desk.outcomes == [None] * 35

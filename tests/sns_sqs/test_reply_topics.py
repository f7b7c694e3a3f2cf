"""Which topic a message's answers go to: pure, but for what is remembered of sessions."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from mcp_types import JSONRPCMessage

from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.reply_topics import Destination, MemorySessions, ReplyTopics
from asyncmcp_nb.sns_sqs.statistics import Tally
from asyncmcp_nb.wire import Header, Incoming
from tests.helpers import initialize_request, notification, plain_request

OWN = "arn:aws:sns:eu-west-1:123456789012:demo-responses"
ALLOWED = "arn:aws:sns:eu-west-1:123456789012:replies"
THEIRS = Header(client_id="theirs")


class Place:
    """A server's reply topics, and what is counted."""

    def __init__(self, *allowed: str) -> None:
        self.sessions = MemorySessions()
        self.tally = Tally()
        config = SnsSqsTransportConfig(
            sqs_queue_url="server", sns_topic_arn=OWN, allowed_reply_topics=allowed
        )
        self._topics = ReplyTopics(config, self.tally, self.sessions)

    def find(self, message: JSONRPCMessage, header: Header = THEIRS) -> Destination:
        return self._topics.find(Incoming(message, header, 1))


def naming(topic: Any, **meta: Any) -> JSONRPCMessage:
    message = initialize_request(0)
    assert message.params is not None
    message.params |= {"client_topic_arn": topic} if topic else {"_meta": meta}
    return message


@pytest.mark.parametrize("message", [naming(ALLOWED), naming(None, clientTopicArn=ALLOWED)])
def test_a_handshake_may_name_a_topic_that_is_allowed(message: JSONRPCMessage) -> None:
    assert Place(ALLOWED).find(message) == Destination(ALLOWED)


@pytest.mark.parametrize("message", [naming(OWN), naming(None), initialize_request(0)])
def test_the_servers_own_topic_needs_no_permission(message: JSONRPCMessage) -> None:
    assert Place().find(message) == Destination()


@pytest.mark.parametrize(
    "topic",
    [
        f"{ALLOWED}2",
        ALLOWED[:-1],
        ALLOWED.upper(),
        f" {ALLOWED}",
        f"{ALLOWED}\n",
        f"{ALLOWED}/../x",
        "arn:aws:sns:eu-west-1:999999999999:replies",
        "*",
        "https://elsewhere.example/topic",
        "x" * 100_000,
    ],
    ids=lambda topic: str(topic)[:40],
)
def test_any_other_topic_is_refused_counted_and_logged(
    topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(ALLOWED, "arn:aws:sns:eu-west-1:123456789012:*")

    with caplog.at_level(logging.WARNING):
        found = place.find(naming(topic))

    assert found.topic is None
    assert found.refusal is not None
    assert "add it to the deployment's allowed_reply_topics" in found.refusal
    assert len(found.refusal) < 500
    assert place.tally["refused_topic"] == 1
    assert [len(record.getMessage().splitlines()) for record in caplog.records] == [1]
    assert "theirs" in caplog.text


def test_only_a_handshake_names_a_topic() -> None:
    call = plain_request(1, "tools/call", {"client_topic_arn": "elsewhere"})
    notice = notification("notifications/initialized", client_topic_arn="elsewhere")

    assert [Place().find(message) for message in (call, notice)] == [Destination()] * 2


def test_a_session_keeps_the_topic_that_its_handshake_named() -> None:
    place = Place(ALLOWED)
    session_id = place.sessions.open(THEIRS, ALLOWED)
    header = Header(client_id="theirs", session_id=session_id)

    assert place.find(plain_request(1, "ping"), header) == Destination(ALLOWED)


@pytest.mark.parametrize(
    "thief", [{"client_id": "mallory"}, {"connection_id": "a" * 32}], ids=["client", "connection"]
)
def test_a_session_of_another_client_leads_nowhere(thief: dict[str, Any]) -> None:
    place = Place(ALLOWED)
    session_id = place.sessions.open(THEIRS, ALLOWED)
    header = replace(THEIRS, session_id=session_id, **thief)

    assert place.find(plain_request(1, "ping"), header) == Destination()
    assert not place.sessions.knows(header)


def test_a_topic_that_is_no_longer_allowed_is_refused_in_open_sessions() -> None:
    place = Place()
    session_id = place.sessions.open(THEIRS, ALLOWED)

    found = place.find(plain_request(1, "ping"), Header(client_id="theirs", session_id=session_id))

    assert found.refusal is not None


def test_sessions_that_were_not_used_for_longest_are_forgotten_first() -> None:
    sessions = MemorySessions(limit_count=2)
    opened = [Header(client_id="theirs", session_id=sessions.open(THEIRS, None)) for _ in range(2)]
    assert sessions.knows(opened[0])

    sessions.open(THEIRS, None)

    assert [sessions.knows(header) for header in opened] == [True, False]
    assert sessions.knows(THEIRS)

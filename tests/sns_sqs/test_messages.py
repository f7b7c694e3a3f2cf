"""What one end writes and reads: signatures, claim checks, and what FIFO queues want."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from asyncmcp_nb.bus import Delivery, Faults
from asyncmcp_nb.bus.payloads import MemoryPayloads
from asyncmcp_nb.errors import (
    BusDenied,
    BusError,
    BusUnavailable,
    ConfigError,
    DecodeError,
    PayloadTooLarge,
)
from asyncmcp_nb.sns_sqs.messages import ClaimChecks, Messages, lone_ordering
from asyncmcp_nb.wire import Header, Incoming, Ordering, Outgoing
from asyncmcp_nb.wire.claim_check import Pointer, pointer_body, read_pointer
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import (
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    initialize_request,
    notification,
    request,
    tool_call,
)

CONNECTION = "ab" * 16
HEADER = Header(client_id="alice", connection_id=CONNECTION)
KEY = b"k" * 32
FIFO = "requests.fifo"


def noise(size_bytes: int) -> str:
    """Text that does not compress below three quarters of its length."""
    return base64.b64encode(random.Random(7).randbytes(size_bytes * 3 // 4)).decode()


LARGE = tool_call(1, "echo", {"text": noise(5000)})


class Ends:
    """A client's and a server's end of one deployment, and the bucket between them."""

    def __init__(self, memory: MemoryDeployment, **settings: Any) -> None:
        self.bus = memory.bus
        self.payloads = MemoryPayloads()
        self.settings: dict[str, Any] = {"message_limit_bytes": 2048, **settings}
        self.memory = memory
        self.client = self.end("to-server")
        self.server = self.end("to-client")

    def end(self, outbound: Any, *, has_bucket: bool = True, **settings: Any) -> Messages:
        claim_checks = ClaimChecks(store=self.payloads) if has_bucket else None
        config = self.memory.client(**(self.settings | settings))
        return Messages(self.bus, config, outbound=outbound, claim_checks=claim_checks)

    def write(self, message: JSONRPCMessage) -> Outgoing:
        """What the client publishes, its payload put aside."""
        outgoing = self.client.write(message, HEADER, REQUESTS)
        assert list(self.client.publish(REQUESTS, [outgoing])) == [None]
        return outgoing


@pytest.fixture
def ends(memory: MemoryDeployment) -> Ends:
    return Ends(memory)


@pytest.fixture
def signing(memory: MemoryDeployment, monkeypatch: pytest.MonkeyPatch) -> Ends:
    monkeypatch.setenv("THE_KEY", KEY.decode())
    return Ends(memory, signing_keys=("env:THE_KEY",))


def arrived(outgoing: Outgoing, **changes: Any) -> Delivery:
    return replace(Delivery("r1", outgoing.body, outgoing.attributes), **changes)


def reason_of(end: Messages, delivery: Delivery) -> str:
    with pytest.raises(DecodeError) as caught:
        end.read(delivery)
    return caught.value.reason


# -- claim checks ----------------------------------------------------------------------------------


def test_a_large_message_goes_by_s3_and_comes_back_as_it_was(ends: Ends) -> None:
    outgoing = ends.write(LARGE)

    incoming = ends.server.read(arrived(outgoing))

    assert incoming.message == LARGE
    assert ends.payloads.keys() == [read_pointer(outgoing.body).key]
    assert ends.bus.depth(SERVER_QUEUE) == 1


def test_a_payload_is_in_s3_before_anybody_can_point_to_it(ends: Ends) -> None:
    large, small = (ends.client.write(m, HEADER, REQUESTS) for m in (LARGE, request(2, "ping")))
    there: list[list[str]] = []

    def before(ready: Sequence[int]) -> None:
        there.append([*ends.payloads.keys(), *map(str, ready), str(ends.bus.depth(SERVER_QUEUE))])

    ends.client.publish(REQUESTS, [large, small], before=before)

    assert there == [[read_pointer(large.body).key, "0", "1", "0"]]


def test_what_cannot_be_put_aside_is_not_published_and_holds_up_nobody_else(ends: Ends) -> None:
    batch = [ends.client.write(m, HEADER, REQUESTS) for m in (LARGE, request(2, "ping"))]
    published: list[Sequence[int]] = []
    ends.payloads.faults = Faults(error_share=1.0)

    failed, fine = ends.client.publish(REQUESTS, batch, before=published.append)

    assert (type(failed), fine) == (BusUnavailable, None)
    assert (published, ends.bus.depth(SERVER_QUEUE)) == ([[1]], 1)
    assert ends.client.payload_error is failed


def test_where_nothing_can_be_put_aside_no_request_is_made(ends: Ends) -> None:
    ends.payloads.close()
    outgoing = ends.client.write(LARGE, HEADER, REQUESTS)

    outcomes = ends.client.publish(REQUESTS, [outgoing, outgoing])

    assert [isinstance(outcome, BusError) for outcome in outcomes] == [True, True]
    assert ends.bus.started["publish", REQUESTS] == 0


def test_an_end_says_whether_it_can_use_s3(ends: Ends) -> None:
    outgoing = ends.write(LARGE)
    ends.payloads.faults = Faults(error_share=1.0)
    with pytest.raises(BusUnavailable) as caught:
        ends.server.read(arrived(outgoing))
    error = ends.server.payload_error

    ends.payloads.faults = Faults()
    ends.server.read(arrived(outgoing))

    assert (error, ends.server.payload_error) == (caught.value, None)


def test_without_a_bucket_a_large_message_is_refused_by_who_would_send_it(ends: Ends) -> None:
    with pytest.raises(PayloadTooLarge, match=r"claim_check_bucket, or raise the topic's Maximum"):
        ends.end("to-server", has_bucket=False).write(LARGE, HEADER, REQUESTS)


def test_without_a_bucket_a_pointer_is_refused_by_who_gets_it(ends: Ends) -> None:
    server = ends.end("to-client", has_bucket=False)

    reason = reason_of(server, arrived(ends.write(LARGE)))

    assert reason == "claim check: this end has no claim_check_bucket"


def test_a_payload_that_has_expired_is_told_from_one_that_cannot_be_fetched_now(
    ends: Ends,
) -> None:
    outgoing = ends.write(LARGE)
    ends.payloads.expire(read_pointer(outgoing.body).key)

    assert "no longer in S3" in reason_of(ends.server, arrived(outgoing))
    assert ends.server.payload_error is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (pointer_body(Pointer("elsewhere", "k")), "not in this deployment's claim_check_bucket"),
        (pointer_body(Pointer("payloads", "../k")), "control characters, or segments of dots"),
        ("{}", "not a pointer"),
        ("hello", "not JSON"),
    ],
)
def test_nothing_is_fetched_from_where_a_reader_has_no_business(
    ends: Ends, body: str, reason: str
) -> None:
    pointer = arrived(ends.write(LARGE), body=body)

    assert reason in reason_of(ends.server, pointer)
    assert "GetObject" not in ends.payloads.statistics().requests


def test_a_pointer_inside_a_notification_is_followed(ends: Ends) -> None:
    outgoing = ends.write(LARGE)

    incoming = ends.server.read(Delivery("r1", notified(outgoing.body, outgoing.attributes), {}))

    assert incoming.message == LARGE


# -- signatures ------------------------------------------------------------------------------------


def notified(body: str, attributes: Mapping[str, str]) -> str:
    """As SNS delivers it where delivery is not raw."""
    named = {name: {"Type": "String", "Value": value} for name, value in attributes.items()}
    return json.dumps({"Type": "Notification", "Message": body, "MessageAttributes": named})


def test_each_end_reads_what_the_other_has_signed(signing: Ends) -> None:
    asked = signing.client.write(request(1, "ping"), HEADER, REQUESTS)
    answer = signing.server.write(JSONRPCResponse(jsonrpc="2.0", id=1, result={}), HEADER, "t")

    assert signing.server.read(arrived(asked)).message == request(1, "ping")
    assert isinstance(signing.client.read(arrived(answer)).message, JSONRPCResponse)
    wrapped = Delivery("r1", notified(asked.body, asked.attributes), {})
    assert signing.server.read(wrapped).message == request(1, "ping")


@pytest.mark.parametrize("text", ["small", "x" * 5000, noise(5000)])
def test_a_signed_message_is_within_its_limit_however_it_goes(signing: Ends, text: str) -> None:
    message = tool_call(1, "echo", {"text": text})
    outgoing = signing.write(message)

    assert outgoing.size_bytes <= 2048
    assert signing.server.read(arrived(outgoing)).message == message


def test_a_message_that_is_not_signed_is_refused_where_keys_are_set(
    ends: Ends, signing: Ends
) -> None:
    assert reason_of(signing.server, arrived(ends.write(LARGE))) == "message is not signed"
    assert ends.server.read(arrived(signing.write(request(1, "ping")))).message == request(
        1, "ping"
    )


def test_an_end_does_not_read_what_it_has_signed_itself(signing: Ends) -> None:
    reflected = signing.write(request(1, "ping"))

    assert "goes the other way" in reason_of(signing.client, arrived(reflected))


def test_a_signature_around_which_somebody_wrapped_another_message_does_not_verify(
    signing: Ends,
) -> None:
    honest = signing.write(request(1, "ping"))
    other = Delivery("r1", notified('{"jsonrpc":"2.0","method":"x"}', honest.attributes), {})

    assert "does not verify" in reason_of(signing.server, other)


def test_nothing_is_fetched_for_a_stranger(ends: Ends, signing: Ends) -> None:
    pointer = arrived(ends.write(LARGE))
    theirs = signing.write(LARGE)
    moved = pointer_body(Pointer("payloads", "of-somebody-else"))

    assert reason_of(signing.server, pointer) == "message is not signed"
    assert "does not verify" in reason_of(signing.server, arrived(theirs, body=moved))
    assert "GetObject" not in signing.payloads.statistics().requests


def test_a_payload_that_was_changed_in_s3_is_refused(signing: Ends) -> None:
    outgoing = signing.write(LARGE)
    signing.payloads.put(read_pointer(outgoing.body).key, b'{"jsonrpc":"2.0","method":"x"}')

    assert "not the one that was sent" in reason_of(signing.server, arrived(outgoing))


def test_a_pointer_without_a_digest_proves_nothing_of_its_payload(signing: Ends) -> None:
    key = read_pointer(signing.write(LARGE).body).key
    attributes = {"MessageType": "jsonrpc", "ExtendedPayloadSize": "1"}
    body = pointer_body(Pointer("payloads", key))
    made = KeyRing([KEY]).sign("to-server", body, attributes)

    assert reason_of(signing.server, Delivery("r1", body, made)) == (
        "the payload in S3 is not signed"
    )
    assert "GetObject" not in signing.payloads.statistics().requests


def test_keys_are_read_from_where_they_are_named(
    memory: MemoryDeployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THE_KEY", KEY.decode())
    (tmp_path / "key").write_bytes(KEY)
    writer = Ends(memory, signing_keys=("env:THE_KEY",))

    reader = Ends(memory, signing_keys=(f"file:{tmp_path}/key",))

    asked = arrived(writer.write(request(1, "ping")))
    assert reader.server.read(asked).message == request(1, "ping")


@pytest.mark.parametrize("reference", ["env:NOBODY_SET_THIS", "file:/nowhere/key"])
def test_a_key_that_is_not_there_is_named_at_once(memory: MemoryDeployment, reference: str) -> None:
    with pytest.raises(ConfigError, match=reference):
        Ends(memory, signing_keys=(reference,))


# -- FIFO ------------------------------------------------------------------------------------------


def ordering_of(end: Messages, message: JSONRPCMessage, header: Header = HEADER) -> Ordering:
    ordering = end.write(message, header, FIFO).ordering
    assert ordering is not None
    return ordering


def answer(request_id: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=request_id, result={"random": random.random()})


def test_a_standard_topic_wants_no_order(ends: Ends) -> None:
    assert ends.client.write(request(1, "ping"), HEADER, REQUESTS).ordering is None


def test_a_request_is_the_same_however_often_it_is_sent(ends: Ends) -> None:
    first, again, other = (
        ordering_of(ends.client, tool_call(n, "echo", {"time": time}))
        for n, time in ((1, 1), (1, 2), (2, 1))
    )

    assert first == again
    assert first.group_id == other.group_id == CONNECTION
    assert first.deduplication_id != other.deduplication_id


def test_an_answer_is_the_same_whoever_gives_it(ends: Ends) -> None:
    workers = [ends.end("to-client") for _ in range(2)]
    failure = JSONRPCError(jsonrpc="2.0", id=1, error=ErrorData(code=1, message="no"))

    answers = [
        *(ordering_of(worker, answer(1)) for worker in workers),
        ordering_of(workers[0], failure),
    ]

    assert len(set(answers)) == 1
    assert ordering_of(workers[0], answer(2)) != answers[0]
    assert ordering_of(workers[0], answer("1")) != answers[0]


def test_messages_of_two_connections_or_directions_are_never_the_same(ends: Ends) -> None:
    other = replace(HEADER, connection_id="cd" * 16)
    ids = {
        ordering_of(end, message, header).deduplication_id
        for end in (ends.client, ends.server)
        for message in (request(1, "ping"), answer(1))
        for header in (HEADER, other)
    }

    assert len(ids) == 8


@pytest.mark.parametrize("method", ["notifications/progress", "notifications/message"])
def test_a_notification_is_never_the_same_as_another(ends: Ends, method: str) -> None:
    """Two workers that run one request side by side count alike."""
    message = notification(method, progressToken=1, progress=0)
    header = replace(HEADER, request_id="1", sequence=0)

    first, second = (ordering_of(ends.server, message, header) for _ in range(2))

    assert first.group_id == second.group_id == CONNECTION
    assert first.deduplication_id != second.deduplication_id


@pytest.mark.parametrize("message", [initialize_request(0), answer(0), request(1, "ping")])
def test_of_software_without_connection_ids_no_two_messages_are_the_same(
    ends: Ends, message: JSONRPCMessage
) -> None:
    """Each of its sessions counts from the same number."""
    header = Header(client_id="bob")

    first, second = (ordering_of(ends.client, message, header) for _ in range(2))

    assert first.group_id == second.group_id == "bob"
    assert first.deduplication_id != second.deduplication_id


def test_errors_about_nothing_that_was_read_are_not_the_same(ends: Ends) -> None:
    error = JSONRPCError(jsonrpc="2.0", id=None, error=ErrorData(code=1, message="no"))

    assert ordering_of(ends.server, error) != ordering_of(ends.server, error)


@pytest.mark.parametrize(
    "message",
    [
        answer("w0a1b2c3d:1"),
        notification("notifications/cancelled", requestId=1),
        notification("notifications/progress", progressToken="w0a1b2c3d:1", progress=1),
    ],
)
def test_what_is_for_a_request_that_runs_does_not_queue_behind_it(
    ends: Ends, message: JSONRPCMessage
) -> None:
    asked = ordering_of(ends.client, tool_call(1, "slow"))

    assert ordering_of(ends.client, message).group_id != asked.group_id
    assert ordering_of(ends.server, message).group_id == CONNECTION


def test_what_must_come_in_order_is_in_one_group(ends: Ends) -> None:
    messages = [initialize_request(0), notification("notifications/initialized"), request(1, "x")]

    groups = {ordering_of(ends.client, message).group_id for message in messages}

    assert groups == {CONNECTION}


@pytest.mark.parametrize("kind", ["request", "answer", "notification"])
def test_ids_are_what_aws_takes(ends: Ends, kind: str) -> None:
    """Up to 128 of its characters, whatever a JSON-RPC id looks like."""
    message = {
        "request": request("日本 🚀" * 40, "x"),
        "answer": answer("日本 🚀" * 40),
        "notification": notification("日本 🚀"),
    }[kind]

    for header in (HEADER, Header(client_id="x" * 80), Header()):
        ordering = ordering_of(ends.client, message, header)
        for text in (ordering.group_id, ordering.deduplication_id):
            assert text.isascii()
            assert 1 <= len(text) <= 128
            assert " " not in text


def test_a_message_put_straight_into_a_queue_waits_for_nobody() -> None:
    first, second = (lone_ordering("dead-letters.fifo") for _ in range(2))

    assert lone_ordering("dead-letters") is None
    assert first is not None
    assert second is not None
    assert first.group_id != second.group_id


def test_a_repeated_message_keeps_what_it_says(ends: Ends) -> None:
    """What is sent again later is the message as it was written first, not a new one."""
    outgoing = ends.client.write(LARGE, HEADER, FIFO)

    for _ in range(2):
        assert list(ends.client.publish(REQUESTS, [outgoing])) == [None]

    assert len(ends.payloads.keys()) == 1
    assert isinstance(ends.server.read(arrived(outgoing)), Incoming)


def test_a_denied_bucket_does_not_hide_what_sns_says(ends: Ends) -> None:
    outgoing = ends.client.write(LARGE, HEADER, REQUESTS)
    ends.bus.fail("publish", REQUESTS, BusDenied("no"))

    with pytest.raises(BusDenied):
        ends.client.publish(REQUESTS, [outgoing])

    assert ends.client.payload_error is None

"""What a message of a dead-letter queue says of itself, whoever wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mcp_types import JSONRPCRequest

from asyncmcp_nb.broker.letters import Letter, Letters
from asyncmcp_nb.broker.raw_letters import REASON_ATTRIBUTE, RawLetter, obstacle
from asyncmcp_nb.sns_sqs import parking
from asyncmcp_nb.wire import Header, encode
from asyncmcp_nb.wire.meta import DEADLINE_KEY

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
PARAMS = {"name": "add", "arguments": {"a": 1}}
CALL = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": PARAMS}
CONNECTION = "0123456789abcdef" * 2


def raw(body: str, *, received: int = 1, moved: bool = False, **attributes: str) -> RawLetter:
    system = {
        "SentTimestamp": str(round(NOW.timestamp() * 1000)),
        "ApproximateReceiveCount": str(received),
    }
    if moved:
        system["DeadLetterQueueSourceArn"] = "arn:aws:sqs:eu-west-1:123456789012:demo-server"
    return RawLetter(
        {
            "MessageId": "11111111-2222-3333-4444-555555555555",
            "ReceiptHandle": "r",
            "Body": body,
            "Attributes": system,
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        }
    )


def letter(body: str, **options: Any) -> Letter:
    return raw(body, **options).read(10)


def call_until(deadline: datetime | str) -> str:
    text = deadline if isinstance(deadline, str) else deadline.isoformat()
    params = {**PARAMS, "_meta": {DEADLINE_KEY: text}}
    return json.dumps({**CALL, "params": params})


def test_the_reason_is_read_where_workers_write_it() -> None:
    assert REASON_ATTRIBUTE == parking.REASON_ATTRIBUTE


def test_a_letter_says_what_was_asked_by_whom_and_why_it_is_here() -> None:
    found = letter(
        json.dumps(CALL), received=3, ClientId="alice", DeadLetterReason="failed 6 times"
    )

    assert (found.reason, found.receive_count, found.sent_at) == ("failed 6 times", 3, NOW)
    assert (found.method, found.tool, found.request_id) == ("tools/call", "add", "7")
    assert (found.client_id, found.attributes) == ("alice", {"ClientId": "alice"})
    assert found.message == CALL
    assert found.size_bytes == len(json.dumps(CALL)) + len("ClientIdStringalice") + len(
        "DeadLetterReasonStringfailed 6 times"
    )


def test_what_cannot_be_decoded_is_kept_as_it_is_with_what_its_attributes_say() -> None:
    found = letter("{half", Method="tools/list", RequestId="9", ClientId="alice")

    assert (found.message, found.body) == (None, "{half")
    assert (found.method, found.tool, found.request_id) == ("tools/list", None, "9")


def test_a_compressed_message_is_read() -> None:
    message = JSONRPCRequest.model_validate({**CALL, "params": {"name": "add", "pad": "x" * 2000}})
    packed = encode(message, Header(connection_id=CONNECTION), limit_bytes=1024)

    found = letter(packed.body, **packed.attributes)

    assert found.body == packed.body
    assert found.tool == "add"
    assert found.message is not None
    assert found.message["params"]["pad"] == "x" * 2000


def test_a_message_inside_a_notification_of_sns_is_read() -> None:
    attributes = {"ClientId": {"Type": "String", "Value": "alice"}}
    notification = {
        "Type": "Notification",
        "Message": json.dumps(CALL),
        "MessageAttributes": attributes,
    }

    found = letter(json.dumps(notification), DeadLetterReason="later")

    assert (found.tool, found.client_id, found.reason) == ("add", "alice", "later")


def test_a_pointer_to_s3_is_shown_as_it_is() -> None:
    pointer = '["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3Key": "k"}]'

    found = letter(pointer, ExtendedPayloadSize="300000", Method="tools/call")

    assert (found.method, found.message) == ("tools/call", None)
    assert '"s3Key": "k"' in str(found)


@pytest.mark.parametrize(
    ("received", "moved", "most", "reason"),
    [
        (11, False, 10, "received 10 times without an answer"),
        # Looking at it counts as well.
        (15, False, 10, "received 10 times without an answer"),
        (1, True, 10, "received 10 times without an answer"),
        (1, True, None, "received too often without an answer"),
        (10, False, 10, "no reason was given"),
        (99, False, None, "no reason was given"),
    ],
)
def test_what_no_worker_gave_a_reason_for_says_how_it_came_here(
    received: int, moved: bool, most: int | None, reason: str
) -> None:
    assert raw("x", received=received, moved=moved).read(most).reason == reason


def test_secrets_are_cut_short_wherever_they_would_be_shown() -> None:
    signature = "A" * 43
    session = "S" * 300

    found = letter(
        json.dumps(CALL),
        SessionId=session,
        Delivery=f"c={CONNECTION};q=0;s=12345678.{signature}",
    )

    assert found.attributes["SessionId"] == "SSSSSSSSSSSS…"
    assert found.attributes["Delivery"] == f"c={CONNECTION};q=0;s=12345678…"
    for text in (repr(found), str(found), repr(Letters((found,), 1))):
        assert "A" * 5 not in text
        assert "S" * 13 not in text


def test_a_letter_is_one_line_and_printing_it_shows_all() -> None:
    found = letter(json.dumps(CALL), ClientId="alice", DeadLetterReason="failed\n6 times")

    assert repr(found) == (
        "<Letter 11111111-2222-3333-4444-555555555555: tools/call add from alice, "
        f"2026-01-31 12:00:00 UTC, {found.size_bytes} B, received once: failed 6 times>"
    )
    assert str(found).splitlines() == [
        "id        11111111-2222-3333-4444-555555555555",
        "reason    failed 6 times",
        "sent      2026-01-31 12:00:00 UTC",
        "received  once, this look included",
        "request   tools/call add",
        "its id    7",
        "client    alice",
        f"size      {found.size_bytes} B",
        "  ClientId  alice",
        "",
        *json.dumps(CALL, indent=2).splitlines(),
    ]


def test_letters_are_a_table_with_aligned_columns() -> None:
    first = letter(json.dumps(CALL), ClientId="alice", DeadLetterReason="failed 6 times")
    second = letter("{half", received=12, DeadLetterReason="body is not JSON")

    shown = repr(Letters((first, second), 250)).splitlines()

    assert shown == [
        "2 of about 250 dead letters",
        "ID                                    SENT (UTC)           RECEIVED  METHOD          "
        "CLIENT   SIZE  REASON",
        "11111111-2222-3333-4444-555555555555  2026-01-31 12:00:00         1  tools/call add  "
        "alice   156 B  failed 6 times",
        "11111111-2222-3333-4444-555555555555  2026-01-31 12:00:00        12  -               "
        "-        43 B  body is not JSON",
    ]


@pytest.mark.parametrize(
    ("count", "total", "words"),
    [(0, 0, "no dead letters"), (1, 1, "1 dead letter"), (0, 3, "0 of about 3 dead letters")],
)
def test_the_counts_are_said_in_words(count: int, total: int, words: str) -> None:
    assert repr(Letters((letter("x"),) * count, total)).splitlines()[0] == words


def test_letters_are_a_sequence() -> None:
    one, two = letter("1"), letter("2")
    found = Letters((one, two), 2)

    assert (len(found), found[0], found[-1:], list(found)) == (2, one, (two,), [one, two])


HOSTILE = st.text(st.characters(), max_size=60)


@example("\ud800", "\ud800")
@given(HOSTILE | st.builds(json.dumps, st.recursive(HOSTILE | st.integers(), st.lists)), HOSTILE)
def test_no_message_breaks_the_list_or_writes_on_the_terminal(body: str, text: str) -> None:
    found = letter(body, ClientId=text, Method=text, DeadLetterReason=text, Delivery=text)

    assert len(repr(found).splitlines()) == 1
    assert len(repr(Letters((found,), 1)).splitlines()) == 3
    for shown in (repr(found), str(found), repr(Letters((found,), 1))):
        assert "\x1b" not in shown
        assert shown.encode().decode() == shown


def test_a_tools_name_cannot_write_on_the_terminal() -> None:
    hostile = json.dumps({**CALL, "params": {"name": "\x1b]0;owned\x07\u202e", "arguments": {}}})

    assert "tools/call \\u001b]0;owned\\u0007\\u202e" in repr(letter(hostile))


def test_a_large_body_is_shown_in_part() -> None:
    for body in ("x" * 1_000_000, json.dumps(["y" * 1_000_000]), "[" * 100_000):
        assert len(str(letter(body))) < 25_000


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-23:00", "never", ""])
def test_a_deadline_that_is_no_time_is_none(text: str) -> None:
    assert letter(call_until(text)).deadline is None


def test_what_a_server_would_drop_again_is_told_apart() -> None:
    late = letter(call_until(NOW))
    in_time = letter(call_until(NOW + timedelta(seconds=1)))

    assert late.deadline == NOW
    assert obstacle(late, NOW) == (
        "its deadline passed at 2026-01-31 12:00:00 UTC: workers would drop it"
    )
    assert "deadline  2026-01-31 12:00:00 UTC (passed)" in str(late)
    assert obstacle(in_time, NOW) is None
    assert obstacle(letter("{half"), NOW) is None
    assert "control message" in str(obstacle(letter("{half", WorkerId="*"), NOW))


def test_the_fifo_group_of_a_message_is_its_connection() -> None:
    alone = RawLetter({**raw("x").message, "Attributes": {"MessageGroupId": "alone"}})

    assert raw("x", Delivery=f"c={CONNECTION};q=0").group_id == CONNECTION
    assert raw("x", Delivery="c=half").group_id == raw("x").message_id
    assert alone.group_id == "alone"


def test_letters_of_the_same_content_are_known_by_it() -> None:
    def digest(body: str, **attributes: str) -> str:
        return raw(body, moved=False, received=1, **attributes).digest

    assert digest("x", ClientId="a", DeadLetterReason="b") == digest("x", ClientId="a")
    assert digest("x", ClientId="a") != digest("x", ClientId="b")
    assert digest("x") != digest("y")

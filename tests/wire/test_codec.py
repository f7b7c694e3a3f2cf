"""JSON-RPC messages as bodies with attributes."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import (
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.errors import DecodeError, EncodeError, PayloadTooLarge
from asyncmcp_nb.wire import Header, Outgoing, codec, decode, encode
from asyncmcp_nb.wire.claim_check import Pointer, read_pointer
from asyncmcp_nb.wire.codec import MAX_INFLATED_BYTES
from asyncmcp_nb.wire.signing import KeyRing

HEADER = Header(client_id="alice", connection_id="ab" * 16, method="tools/call", timestamp=1.0)
LIMIT = 256 * 1024
RING = KeyRing([b"k" * 32])
SEAL = RING.sealing("to-server")
GZIP_IN_BASE64 = "H4sI"
BAD_ID = "body is not a JSON-RPC message: its id is neither text nor an integer"

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)
# An id that is null stands only in an error: the SDK's own answer to what it could not read.
ids = st.integers(-(2**70), 2**70) | texts
messages = st.one_of(
    st.builds(JSONRPCRequest, jsonrpc=st.just("2.0"), id=ids, method=texts, params=objects),
    st.builds(JSONRPCNotification, jsonrpc=st.just("2.0"), method=texts, params=objects),
    st.builds(JSONRPCResponse, jsonrpc=st.just("2.0"), id=ids, result=objects),
    st.builds(
        JSONRPCError,
        jsonrpc=st.just("2.0"),
        id=st.none() | ids,
        error=st.builds(ErrorData, code=st.integers(-(2**31), 2**31), message=texts, data=values),
    ),
)


def response(value: Any) -> JSONRPCResponse:
    return JSONRPCResponse(jsonrpc="2.0", id=1, result={"value": value})


def noise(size_bytes: int) -> str:
    """Text that does not compress below three quarters of its length."""
    return base64.b64encode(random.Random(7).randbytes(size_bytes * 3 // 4)).decode()


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


# -- there and back --------------------------------------------------------------------------------


@given(messages)
def test_a_message_comes_back_as_it_was(message: JSONRPCMessage) -> None:
    outgoing = encode(message, HEADER, limit_bytes=LIMIT)
    incoming = decode(outgoing.body, outgoing.attributes)

    assert incoming.message == message
    assert type(getattr(incoming.message, "id", None)) is type(getattr(message, "id", None))
    assert incoming.header == HEADER
    assert incoming.size_bytes == outgoing.size_bytes


@given(messages)
def test_the_body_is_exactly_what_the_sdks_transports_write(message: JSONRPCMessage) -> None:
    outgoing = encode(message, HEADER, limit_bytes=LIMIT)

    assert outgoing.body == message.model_dump_json(by_alias=True, exclude_unset=True)


@pytest.mark.parametrize("request_id", [1, "1", 0, "", "0x1f", "日本", -3, 2**63])
def test_an_id_keeps_its_type_in_the_body(request_id: str | int) -> None:
    message = JSONRPCRequest(jsonrpc="2.0", id=request_id, method="ping")

    body = encode(message, HEADER, limit_bytes=LIMIT).body

    assert json.loads(body) == {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def test_null_and_text_of_any_script_stand_in_the_body_as_they_are() -> None:
    body = encode(
        response({"none": None, "text": "naïve 日本語 🚀"}), HEADER, limit_bytes=LIMIT
    ).body

    assert body == (
        '{"jsonrpc":"2.0","id":1,"result":{"value":{"none":null,"text":"naïve 日本語 🚀"}}}'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_cannot_hold_becomes_null_as_in_the_sdk(value: float) -> None:
    body = encode(response(value), HEADER, limit_bytes=LIMIT).body

    assert json.loads(body)["result"] == {"value": None}


def nested(depth_count: int) -> Any:
    return [nested(depth_count - 1)] if depth_count else []


@pytest.mark.parametrize(
    "value",
    ["\ud800", {"a": "x\udfff"}, nested(300), 10**4300],
    ids=["half a pair", "half a pair inside", "deep", "long"],
)
def test_what_no_reader_takes_is_refused_before_it_is_sent(value: Any) -> None:
    with pytest.raises(EncodeError, match="cannot be written as JSON"):
        encode(response(value), HEADER, limit_bytes=LIMIT)


@given(st.integers(190, 205), st.integers(4_295, 4_305))
def test_what_nests_or_counts_far_is_refused_or_comes_back(depth: int, digits: int) -> None:
    for message in (response(nested(depth)), response(10**digits)):
        try:
            outgoing = encode(message, HEADER, limit_bytes=LIMIT)
        except EncodeError:
            continue
        assert decode(outgoing.body, outgoing.attributes).message == message


@pytest.mark.parametrize("request_id", ["x" * 1_025, 10**1_025], ids=["text", "integer"])
def test_an_id_that_leaves_no_room_for_an_error_is_refused_on_both_sides(
    request_id: str | int,
) -> None:
    message = JSONRPCRequest(jsonrpc="2.0", id=request_id, method="ping")

    with pytest.raises(EncodeError, match="id is longer than 1,024 characters"):
        encode(message, HEADER, limit_bytes=LIMIT)
    with pytest.raises(DecodeError, match="id is longer than 1,024 characters"):
        decode(message.model_dump_json(exclude_unset=True), {})


# -- size ------------------------------------------------------------------------------------------


def test_a_message_at_the_limit_goes_as_it_is() -> None:
    message = response("x" * 5000)
    size = encode(message, HEADER, limit_bytes=LIMIT).size_bytes

    assert encode(message, HEADER, limit_bytes=size).body.startswith("{")


def test_a_message_above_the_limit_is_compressed() -> None:
    message = response("x" * 5000)
    size = encode(message, HEADER, limit_bytes=LIMIT).size_bytes

    outgoing = encode(message, HEADER, limit_bytes=size - 1)

    assert outgoing.size_bytes < size
    assert outgoing.attributes["Delivery"].endswith(";e=gzip")
    assert decode(outgoing.body, outgoing.attributes).message == message


def test_compressing_twice_gives_the_same_bytes() -> None:
    outgoing = [encode(response("x" * 5000), HEADER, limit_bytes=1024) for _ in range(2)]

    assert outgoing[0] == outgoing[1]


def test_what_no_compression_helps_is_refused_with_size_limit_and_settings() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        encode(response(noise(4000)), HEADER, limit_bytes=2048)

    assert str(caught.value) == (
        "message of 4,179 bytes is above the limit of 2,048 bytes; send less, give the deployment "
        "a claim_check_bucket, or raise the topic's MaximumMessageSize (up to 1 MiB)"
    )
    assert (caught.value.size_bytes, caught.value.limit_bytes) == (4179, 2048)


def test_the_size_read_is_that_on_the_wire_not_that_of_the_content() -> None:
    outgoing = encode(response("x" * 50_000), HEADER, limit_bytes=4096)

    assert decode(outgoing.body, outgoing.attributes).size_bytes == outgoing.size_bytes < 4096


@pytest.mark.parametrize("header", [HEADER, Header()], ids=["delivery", "no delivery"])
def test_the_signature_counts_to_the_byte(header: Header) -> None:
    message = response("x" * 5000)
    size = encode(message, header, limit_bytes=LIMIT, seal=SEAL).size_bytes

    at, above = (encode(message, header, limit_bytes=size - n, seal=SEAL) for n in (0, 1))

    assert (at.size_bytes, at.body[0]) == (size, "{")
    assert above.body.startswith(GZIP_IN_BASE64)


def test_a_message_that_is_too_large_signed_is_told_with_the_true_limit() -> None:
    with pytest.raises(PayloadTooLarge, match=r"of 4,234 bytes is above the limit of 4,000 bytes"):
        encode(response(noise(4000)), HEADER, limit_bytes=4000, seal=SEAL)


# -- claim checks ----------------------------------------------------------------------------------

POINTER = Pointer("payloads", "asyncmcp-nb/1")


def offloaded(message: JSONRPCMessage) -> tuple[Outgoing, bytes]:
    """What is published, and what is put aside."""
    outgoing = encode(message, HEADER, limit_bytes=2048, offload=lambda: POINTER)
    assert outgoing.payload is not None
    return outgoing, outgoing.payload.content


def test_what_no_compression_helps_goes_to_s3() -> None:
    message = response(noise(4000))
    outgoing, content = offloaded(message)

    assert read_pointer(outgoing.body) == POINTER
    assert content.decode() == message.model_dump_json(exclude_unset=True)
    assert outgoing.attributes["ExtendedPayloadSize"] == str(len(content))
    assert "gzip" not in outgoing.attributes["Delivery"]
    assert outgoing.size_bytes <= 2048
    incoming = decode(outgoing.body, outgoing.attributes, payload=content)
    assert (incoming.message, incoming.header.payload_bytes) == (message, len(content))
    assert incoming.size_bytes == outgoing.size_bytes + len(content)


def test_what_compression_helps_is_not_put_aside() -> None:
    outgoing = encode(response("x" * 5000), HEADER, limit_bytes=2048, offload=lambda: POINTER)

    assert (outgoing.payload, outgoing.body[:4]) == (None, GZIP_IN_BASE64)


def test_a_place_in_s3_is_asked_for_only_where_it_is_needed() -> None:
    asked: list[Pointer] = []

    def offload() -> Pointer:
        asked.append(POINTER)
        return POINTER

    for text in ("small", "x" * 5000, noise(4000)):
        encode(response(text), HEADER, limit_bytes=2048, offload=offload)

    assert len(asked) == 1


@pytest.mark.parametrize("change", [b" ", b"{}"])
def test_a_payload_that_is_not_the_one_that_was_sent_is_refused(change: bytes) -> None:
    outgoing, content = offloaded(response(noise(4000)))

    with pytest.raises(DecodeError, match="not the one that was sent"):
        decode(outgoing.body, outgoing.attributes, payload=content + change)


def test_a_payload_of_other_software_has_no_digest_and_is_read() -> None:
    outgoing, content = offloaded(response(noise(4000)))
    foreign = {**outgoing.attributes, "Delivery": f"c={HEADER.connection_id}"}

    assert decode(outgoing.body, foreign, payload=content).message == response(noise(4000))


def test_a_pointer_whose_payload_nobody_fetched_says_what_is_missing() -> None:
    outgoing, _ = offloaded(response(noise(4000)))

    with pytest.raises(DecodeError, match="in S3, and this end has no claim_check_bucket"):
        decode(outgoing.body, outgoing.attributes)


def test_a_payload_that_is_no_message_is_refused() -> None:
    outgoing, _ = offloaded(response(noise(4000)))
    attributes = {"MessageType": "jsonrpc", "ExtendedPayloadSize": "3"}

    for payload in (b"{}", b"\xff\xfe", b""):
        with pytest.raises(DecodeError, match="body is not"):
            decode(outgoing.body, attributes, payload=payload)


def test_a_pointer_that_does_not_fit_beside_its_attributes_is_not_sent() -> None:
    crowded = replace(HEADER, session_id="s" * 2000)

    with pytest.raises(PayloadTooLarge, match="attributes leave no room"):
        encode(response(noise(4000)), crowded, limit_bytes=2048, offload=lambda: POINTER)


def test_nothing_is_put_aside_that_no_reader_takes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_PAYLOAD_BYTES", 3000)

    with pytest.raises(PayloadTooLarge, match=r"limit of 3,000 bytes; .* no more from S3"):
        encode(response(noise(4000)), HEADER, limit_bytes=2048, offload=lambda: POINTER)


def test_nothing_is_compressed_that_no_reader_inflates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_INFLATED_BYTES", 3000)

    outgoing = encode(response("x" * 5000), HEADER, limit_bytes=2048, offload=lambda: POINTER)

    assert outgoing.payload is not None


def test_of_what_does_not_compress_not_all_is_tried() -> None:
    outgoing = encode(response(noise(10**6)), HEADER, limit_bytes=2048, offload=lambda: POINTER)

    assert outgoing.payload is not None


def test_other_software_gets_a_message_as_it_is_or_not_at_all() -> None:
    with pytest.raises(PayloadTooLarge, match="neither compressed messages nor claim checks"):
        encode(
            response("x" * 5000), HEADER, limit_bytes=2048, offload=lambda: POINTER, as_it_is=True
        )


fillers = st.one_of(
    st.integers(0, 6000).map(noise), st.integers(0, 6000).map(lambda n: "naïve " * (n // 6))
)


@given(fillers, messages, st.integers(1024, 5000), st.booleans(), st.booleans())
def test_no_message_is_above_its_limit_and_each_comes_back_as_it_was(
    filler: str, message: JSONRPCMessage, limit_bytes: int, is_signed: bool, has_bucket: bool
) -> None:
    if isinstance(message, JSONRPCResponse):
        message = message.model_copy(update={"result": {**message.result, "filler": filler}})
    seal, offload = SEAL if is_signed else None, (lambda: POINTER) if has_bucket else None
    size = encode(message, HEADER, limit_bytes=LIMIT, seal=seal).size_bytes
    outgoing = None
    with contextlib.suppress(PayloadTooLarge):
        outgoing = encode(message, HEADER, limit_bytes=limit_bytes, seal=seal, offload=offload)

    if outgoing is None:
        assert (has_bucket, size > limit_bytes) == (False, True)
        return
    if is_signed:
        RING.verify("to-server", outgoing.body, outgoing.attributes)
    payload = None if outgoing.payload is None else outgoing.payload.content
    assert outgoing.size_bytes <= limit_bytes
    assert outgoing.body.startswith("{") == (size <= limit_bytes)
    assert decode(outgoing.body, outgoing.attributes, payload=payload).message == message


# -- SNS without raw delivery ----------------------------------------------------------------------


def wrapped(outgoing: Outgoing, **changes: Any) -> str:
    named = {
        name: {"Type": "String", "Value": value} for name, value in outgoing.attributes.items()
    }
    envelope = {"Type": "Notification", "Message": outgoing.body, "MessageAttributes": named}
    return json.dumps({**envelope, **changes})


def test_a_notification_of_sns_is_unwrapped_with_its_attributes() -> None:
    message = response("naïve 日本語")
    body = wrapped(encode(message, HEADER, limit_bytes=LIMIT))

    incoming = decode(body, {})

    assert (incoming.message, incoming.header) == (message, HEADER)
    assert incoming.size_bytes == len(body)


def test_a_compressed_message_is_unwrapped_too() -> None:
    message = response("x" * 5000)

    incoming = decode(wrapped(encode(message, HEADER, limit_bytes=1024)), {})

    assert incoming.message == message


@pytest.mark.parametrize("named", [None, "text", [], {"ClientId": "bare", "X": {"Value": 1}}])
def test_a_notification_without_usable_attributes_has_an_empty_header(named: Any) -> None:
    message = response(1)
    body = wrapped(encode(message, HEADER, limit_bytes=LIMIT), MessageAttributes=named)

    incoming = decode(body, {})

    assert (incoming.message, incoming.header) == (message, Header())


def test_a_notification_within_a_notification_is_no_message() -> None:
    inner = wrapped(encode(response(1), HEADER, limit_bytes=LIMIT))
    outer = json.dumps({"Type": "Notification", "Message": inner})

    with pytest.raises(DecodeError, match="not a JSON-RPC message"):
        decode(outer, {})


def test_a_raw_message_is_not_taken_for_a_notification() -> None:
    outgoing = encode(response(1), HEADER, limit_bytes=LIMIT)

    with pytest.raises(DecodeError, match="not a JSON-RPC message"):
        decode(wrapped(outgoing), outgoing.attributes)


def test_a_message_without_attributes_is_read_with_an_empty_header() -> None:
    incoming = decode('{"jsonrpc":"2.0","method":"ping","id":1}', {})

    assert incoming.header == Header()
    assert incoming.message == JSONRPCRequest(jsonrpc="2.0", id=1, method="ping")


# -- what is not a message -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "body is not JSON"),
        ("hello", "body is not JSON"),
        ('{"jsonrpc":"2.0"', "body is not JSON"),
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\\ud800"}}', "body is not JSON"),
        ("[" * 100_000, "body is not JSON"),
        ("null", "body is not a JSON-RPC message"),
        ("[]", "body is not a JSON-RPC message"),
        ('{"hello":"world"}', "body is not a JSON-RPC message"),
        ('{"jsonrpc":"1.0","id":1,"method":"x"}', "body is not a JSON-RPC message"),
        ('{"jsonrpc":"2.0","id":null,"method":1}', "body is not a JSON-RPC message"),
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}', "body is not a JSON-RPC message"),
        ('[{"jsonrpc":"2.0","id":1,"method":"x"}]', "body is not a JSON-RPC message"),
        ("\ud800", "body is not JSON"),
        ('{"jsonrpc":"2.0","id":1,"method":"\ud800"}', "body is not JSON"),
        ('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + "9" * 5000, "body is not JSON"),
        ('{"jsonrpc":"2.0","id":null,"method":"x"}', BAD_ID),
        ('{"jsonrpc":"2.0","id":1.5,"method":"x"}', BAD_ID),
        ('{"jsonrpc":"2.0","id":true,"method":"x"}', BAD_ID),
        ('{"jsonrpc":"2.0","id":{},"method":"x"}', BAD_ID),
    ],
)
@pytest.mark.parametrize("attributes", [{}, {"MessageType": "jsonrpc"}])
def test_a_body_that_is_no_message_is_refused_with_the_reason(
    body: str, reason: str, attributes: dict[str, str]
) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(body, attributes)

    assert caught.value.reason == reason


GZIPPED = {"MessageType": "jsonrpc", "Delivery": "e=gzip"}


def test_a_body_in_an_encoding_that_nobody_knows_is_refused() -> None:
    with pytest.raises(DecodeError, match="unknown encoding"):
        decode("AAAA", {"MessageType": "jsonrpc", "Delivery": "e=br"})


@pytest.mark.parametrize(
    "body",
    [
        "not base64!",
        "naïve",
        "日本",
        "bm90IGd6aXA=",
        "A",
        base64.b64encode(gzip.compress(b"\xff\xfe", mtime=0)).decode(),
    ],
)
def test_a_body_that_is_no_gzip_in_base64_is_refused(body: str) -> None:
    with pytest.raises(DecodeError, match="not gzip in base64"):
        decode(body, GZIPPED)


def test_a_compressed_body_that_is_cut_short_is_refused() -> None:
    whole = base64.b64decode(packed('{"jsonrpc":"2.0","id":1,"method":"ping"}'))

    with pytest.raises(DecodeError, match="cut short"):
        decode(base64.b64encode(whole[:-12]).decode(), GZIPPED)


def test_a_compressed_body_that_is_empty_is_refused() -> None:
    with pytest.raises(DecodeError, match="cut short"):
        decode("", GZIPPED)


def test_a_bomb_is_refused_before_it_unfolds() -> None:
    bomb = packed(" " * (MAX_INFLATED_BYTES + 1))

    with pytest.raises(DecodeError, match="inflates to more than"):
        decode(bomb, GZIPPED)


def test_what_unfolds_to_no_message_is_refused() -> None:
    with pytest.raises(DecodeError, match="body is not a JSON-RPC message"):
        decode(packed("{}"), GZIPPED)


@given(
    st.one_of(
        texts, st.binary().map(lambda raw: base64.b64encode(raw).decode()), values.map(json.dumps)
    ),
    st.dictionaries(
        st.sampled_from(["MessageType", "ClientId", "Delivery", "Timestamp"]),
        st.sampled_from(["jsonrpc", "alice", "e=gzip", "q=x", "1.5"]) | texts,
    ),
)
def test_any_message_is_read_or_refused_and_nothing_else(
    body: str, attributes: dict[str, str]
) -> None:
    try:
        incoming = decode(body, attributes)
    except DecodeError:
        return
    assert incoming.size_bytes >= len(body)

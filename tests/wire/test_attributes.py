"""Headers as message attributes, there and back."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.limits import RAW_DELIVERY_ATTRIBUTE_COUNT
from asyncmcp_nb.wire import Header
from asyncmcp_nb.wire.attributes import from_attributes, to_attributes
from asyncmcp_nb.wire.signing import SIGNED_ATTRIBUTES

CONNECTION = "0123456789abcdef" * 2

identifiers = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=80)
texts = st.text(min_size=1, max_size=40)
headers = st.builds(
    Header,
    protocol_version=st.none() | texts,
    client_id=st.none() | identifiers,
    connection_id=st.none() | st.text("0123456789abcdef", min_size=32, max_size=32),
    request_id=st.none() | texts,
    method=st.none() | texts,
    session_id=st.none() | texts,
    worker_id=st.none() | texts,
    message_id=st.none() | st.text("0123456789abcdef", min_size=16, max_size=16),
    sequence=st.none() | st.integers(0, 10**12 - 1),
    timestamp=st.none() | st.integers(0, 10**12 - 1).map(lambda milliseconds: milliseconds / 1000),
    encoding=st.none() | st.just("gzip"),
    payload_digest=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
    payload_bytes=st.none() | st.integers(0, 10**12 - 1),
)


@given(headers)
def test_a_header_comes_back_from_its_attributes_as_it_was(header: Header) -> None:
    assert from_attributes(to_attributes(header)) == header


@given(headers)
def test_no_header_needs_more_attributes_than_raw_delivery_carries(header: Header) -> None:
    assert len(to_attributes(header)) <= RAW_DELIVERY_ATTRIBUTE_COUNT


@given(headers)
def test_every_attribute_of_a_header_is_one_that_a_signature_covers(header: Header) -> None:
    assert to_attributes(header).keys() <= set(SIGNED_ATTRIBUTES)


@given(headers)
def test_no_attribute_is_empty_since_sns_refuses_those(header: Header) -> None:
    assert "" not in to_attributes(header).values()


def test_a_full_header_has_these_attributes_on_the_wire() -> None:
    header = Header(
        protocol_version="2026-07-28",
        client_id="alice",
        connection_id=CONNECTION,
        request_id="7",
        method="tools/call",
        session_id="sealed",
        worker_id="*",
        sequence=3,
        timestamp=1700000000.5,
        encoding="gzip",
        payload_digest="0" * 64,
        payload_bytes=300_000,
    )

    assert to_attributes(header) == {
        "MessageType": "jsonrpc",
        "ProtocolVersion": "2026-07-28",
        "ClientId": "alice",
        "RequestId": "7",
        "Method": "tools/call",
        "SessionId": "sealed",
        "WorkerId": "*",
        "Timestamp": "1700000000.500",
        "Delivery": f"c={CONNECTION};q=3;e=gzip;h={'0' * 64}",
        "ExtendedPayloadSize": "300000",
    }


def test_an_empty_header_says_only_what_kind_of_message_it_is() -> None:
    assert to_attributes(Header(method="")) == {"MessageType": "jsonrpc"}


def test_attributes_of_other_software_are_ignored() -> None:
    delivery = f"z=9;c={CONNECTION};nonsense;xq=7"
    attributes = {"X-Trace": "1", "Delivery": delivery, "ClientId": "a"}

    assert from_attributes(attributes) == Header(client_id="a", connection_id=CONNECTION)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"ClientId": ""}, "attribute ClientId is malformed"),
        ({"ClientId": "a b"}, "attribute ClientId is malformed"),
        ({"ClientId": "é"}, "attribute ClientId is malformed"),
        ({"ClientId": "a" * 81}, "attribute ClientId is malformed"),
        ({"ClientId": "a\n"}, "attribute ClientId is malformed"),
        ({"Delivery": "c=abc"}, "attribute connection is malformed"),
        ({"Delivery": f"c={CONNECTION.upper()}"}, "attribute connection is malformed"),
        ({"Delivery": f"c={CONNECTION}0"}, "attribute connection is malformed"),
        ({"Delivery": "q=-1"}, "attribute Delivery: the sequence is no count"),
        ({"Delivery": "q=1.5"}, "attribute Delivery: the sequence is no count"),
        ({"Delivery": "q=" + "9" * 13}, "attribute Delivery: the sequence is no count"),
        ({"Delivery": "h=" + "0" * 63}, "attribute digest is malformed"),
        ({"ExtendedPayloadSize": "much"}, "attribute ExtendedPayloadSize is no count"),
        ({"ExtendedPayloadSize": "1e9"}, "attribute ExtendedPayloadSize is no count"),
        ({"Method": "x" * 1_025}, "attribute Method is longer than 1,024 characters"),
        ({"RequestId": "x" * 1_025}, "attribute RequestId is longer than 1,024 characters"),
        ({"Method": "\ud800"}, "attribute Method holds half a surrogate pair"),
        ({"ProtocolVersion": "\udfff"}, "attribute ProtocolVersion holds half a surrogate pair"),
        ({"SessionId": "a\ud800"}, "attribute SessionId holds half a surrogate pair"),
        ({"Timestamp": "yesterday"}, "attribute Timestamp is not a number of seconds"),
        ({"Timestamp": "nan"}, "attribute Timestamp is not a number of seconds"),
        ({"Timestamp": "-1"}, "attribute Timestamp is not a number of seconds"),
    ],
)
def test_a_malformed_attribute_is_named(attributes: dict[str, str], reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        from_attributes(attributes)

    assert caught.value.reason == reason


@given(
    st.dictionaries(
        st.sampled_from(SIGNED_ATTRIBUTES),
        st.text() | st.from_regex(r"([a-z]=[^;]*;?){0,3}", fullmatch=True),
    )
)
def test_any_attributes_are_read_or_refused_and_nothing_else(attributes: dict[str, Any]) -> None:
    try:
        header = from_attributes(attributes)
    except DecodeError:
        return
    assert header.method == attributes.get("Method")

"""Pointers to payloads in S3: written, read back, and refused where they are not to be trusted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncmcp_nb.errors import ConfigError, DecodeError
from asyncmcp_nb.wire.claim_check import (
    LEGACY_SIZE_ATTRIBUTE,
    PAYLOAD_SIZE_ATTRIBUTE,
    Pointer,
    check_location,
    is_claim_check,
    key_prefix,
    new_key,
    pointer_body,
    read_pointer,
)

TODAY = "software.amazon.payloadoffloading.PayloadS3Pointer"
LEGACY = "com.amazon.sqs.javamessaging.MessageS3Pointer"
PLACE = {"s3BucketName": "b", "s3Key": "k"}

keys = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=1024)
    .filter(lambda key: len(key.encode()) <= 1024)
    .filter(lambda key: {".", ".."}.isdisjoint(key.split("/")))
)


@given(keys)
@example("a" * 1024)
@example("é" * 512)
@example("/a//b/...")
def test_a_pointer_comes_back_as_it_was(key: str) -> None:
    pointer = Pointer("bucket", key)

    assert read_pointer(pointer_body(pointer)) == pointer


def test_a_pointer_is_a_class_and_a_place() -> None:
    body = pointer_body(Pointer("bucket", "asyncmcp-nb/demo/1"))

    assert body == (
        '["software.amazon.payloadoffloading.PayloadS3Pointer", '
        '{"s3BucketName": "bucket", "s3Key": "asyncmcp-nb/demo/1"}]'
    )


@pytest.mark.parametrize(
    "body",
    [
        f'["{TODAY}",{{"s3BucketName":"b","s3Key":"k"}}]',
        f'["{LEGACY}",{{"s3BucketName":"b","s3Key":"k"}}]',
        f'[ "{TODAY}" , {{ "s3Key" : "k" , "s3BucketName" : "b" }} ]\n',
        json.dumps([TODAY, {**PLACE, "s3Region": "eu-west-1"}]),
    ],
)
def test_pointers_of_the_java_library_are_read_old_and_new(body: str) -> None:
    assert read_pointer(body) == Pointer("b", "k")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[",
        "[" * 10_000,
        '{"a":' * 2_000,
        "9" * 5_000,
        json.dumps([TODAY, PLACE]) + " " * 20_000,
        "null",
        "{}",
        "[]",
        json.dumps(TODAY),
        json.dumps([TODAY]),
        json.dumps([TODAY, None]),
        json.dumps([TODAY, "b", "k"]),
        json.dumps([TODAY, PLACE, PLACE]),
        json.dumps([TODAY, {"s3BucketName": "b"}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": 1}]),
        json.dumps([TODAY, {"s3BucketName": ["b"], "s3Key": "k"}]),
        json.dumps([TODAY, {"s3BucketName": None, "s3Key": "k"}]),
        json.dumps([["nested"], PLACE]),
        json.dumps(["java.lang.Runtime", PLACE]),
        json.dumps([TODAY.lower(), PLACE]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": ""}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "k" * 1025}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "é" * 513}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "\ud800"}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "a\nb"}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "../other/k"}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": "a/./k"}]),
        json.dumps([TODAY, {"s3BucketName": "b", "s3Key": ".."}]),
    ],
    ids=lambda body: repr(body[:50]),
)
def test_what_is_no_pointer_is_refused_with_one_short_line(body: str) -> None:
    with pytest.raises(DecodeError, match=r"^claim check: ") as caught:
        read_pointer(body)

    assert len(caught.value.reason) < 100
    assert caught.value.reason.isprintable()


@given(st.text() | st.builds(json.dumps, st.lists(st.from_type(type(None)) | st.text())))
def test_any_text_is_a_pointer_or_a_decode_error(body: str) -> None:
    with pytest.raises(DecodeError):
        read_pointer(body)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({PAYLOAD_SIZE_ATTRIBUTE: "300000"}, True),
        ({LEGACY_SIZE_ATTRIBUTE: "300000"}, True),
        ({"MessageType": "jsonrpc"}, False),
        ({}, False),
    ],
)
def test_either_size_attribute_says_that_a_body_is_a_pointer(
    attributes: dict[str, str], expected: bool
) -> None:
    assert is_claim_check(attributes) is expected


# -- keys and places -------------------------------------------------------------------------------


def test_every_key_is_new_and_stands_under_its_deployment() -> None:
    made = {new_key(key_prefix("demo")) for _ in range(100)}

    assert len(made) == 100
    version_4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(f"asyncmcp-nb/demo/{version_4}", key) for key in made)


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "x" * 41, "a\n"])
def test_a_deployment_without_a_usable_name_has_no_keys(name: str) -> None:
    with pytest.raises(ConfigError):
        key_prefix(name)


@pytest.mark.parametrize(
    "prefix", ["", "/", "a", "/a/", "a//", "../", "a/../", ".a/", "a b/", "é/", "a/\n", "a/" * 9]
)
def test_a_prefix_that_is_none_makes_no_key(prefix: str) -> None:
    with pytest.raises(ConfigError, match="no prefix for keys"):
        new_key(prefix)


@pytest.mark.parametrize(
    ("pointer", "place", "reason"),
    [
        (Pointer("other", "k"), ("own", None), "not in this deployment's claim_check_bucket"),
        (Pointer("OWN", "k"), ("own", None), "not in this deployment's claim_check_bucket"),
        (Pointer("own", "k"), (None, None), "this deployment has no claim_check_bucket"),
        (Pointer("own", "x/k"), ("own", "a/"), "not under this deployment's prefix"),
    ],
)
def test_a_pointer_to_elsewhere_is_refused(
    pointer: Pointer, place: tuple[str | None, str | None], reason: str
) -> None:
    with pytest.raises(DecodeError, match=reason):
        check_location(pointer, *place)


@pytest.mark.parametrize("place", [("own", None), ("own", "a/")])
def test_a_pointer_into_the_own_bucket_is_good(place: Any) -> None:
    check_location(Pointer("own", "a/k"), *place)

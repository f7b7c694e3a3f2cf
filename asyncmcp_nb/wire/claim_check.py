"""Pointers to payloads in S3, in the format of Amazon's extended client libraries.

A message above its topic's limit is put into a bucket, and what is published in its stead is a
pointer: the name of a Java class and the place of the object, as a JSON array, with the payload's
size in an attribute of type Number. The libraries (Java, Python) write one of two class names and
attribute names, older and newer, and read both; so does this module. Under raw delivery SNS hands
on the attribute as it is; else it stands in the notification, beside the pointer.

A pointer comes from outside, so what it names is checked before anything is fetched: a reader takes
objects from its deployment's bucket only. There it takes any key, since the libraries write keys of
their own: at the top of the bucket, a UUID or what their caller chose. Hence the bucket should hold
nothing that a reader may read and a sender may not.

https://github.com/awslabs/payload-offloading-java-common-lib-for-aws
https://github.com/awslabs/amazon-sqs-python-extended-client-lib
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from asyncmcp_nb.config import APP, require_name
from asyncmcp_nb.errors import ConfigError, DecodeError

PAYLOAD_SIZE_ATTRIBUTE: Final = "ExtendedPayloadSize"
"""Says that a body is a pointer, and how many bytes it points to. Its type is Number."""

LEGACY_SIZE_ATTRIBUTE: Final = "SQSLargePayloadSize"
"""What the Java library wrote before version 2; read, never written."""

PREFIX: Final = f"{APP}/"
"""What the keys of this package begin with, whatever the deployment."""

_POINTER_CLASS: Final = "software.amazon.payloadoffloading.PayloadS3Pointer"
_LEGACY_POINTER_CLASS: Final = "com.amazon.sqs.javamessaging.MessageS3Pointer"

_BODY_LENGTH: Final = 16 * 1024
"""Characters; more than twice what a pointer takes whose key is all escapes."""
_KEY_BYTES: Final = 1024
"""The longest key, in UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_KEY_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]{0,79}/){1,8}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DOT_SEGMENTS: Final = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a payload is."""

    bucket: str
    key: str


def pointer_body(pointer: Pointer) -> str:
    """What is published in the payload's stead, to the byte as the Python libraries write it."""
    return json.dumps([_POINTER_CLASS, {"s3BucketName": pointer.bucket, "s3Key": pointer.key}])


def read_pointer(body: str) -> Pointer:
    """Read what ``pointer_body`` or an extended client library wrote.

    Raises:
        DecodeError: It is not JSON, not a pointer of a known class, or its key cannot be one.
    """
    if len(body) > _BODY_LENGTH:
        raise DecodeError(f"claim check: longer than {_BODY_LENGTH:,} characters")
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise DecodeError("claim check: not JSON") from None
    match parsed:
        case [str() as kind, {"s3BucketName": str() as bucket, "s3Key": str() as key}]:
            if kind not in {_POINTER_CLASS, _LEGACY_POINTER_CLASS}:
                raise DecodeError("claim check: unknown pointer class")
            _require_key(key)
            return Pointer(bucket, key)
        case _:
            raise DecodeError("claim check: not a pointer class with a bucket and a key")


def is_claim_check(attributes: Mapping[str, str]) -> bool:
    """Whether a message with these attributes has a pointer for its body."""
    return PAYLOAD_SIZE_ATTRIBUTE in attributes or LEGACY_SIZE_ATTRIBUTE in attributes


def key_prefix(deployment: str) -> str:
    """What the keys of a deployment begin with.

    Raises:
        ConfigError: The deployment's name is unusable.
    """
    require_name(deployment, "deployment")
    return f"{PREFIX}{deployment}/"


def new_key(prefix: str) -> str:
    """A key that nobody can guess and no other payload has.

    Args:
        prefix: As ``key_prefix`` makes it: one to eight segments of letters, digits, ``_``, ``-``
            and inner dots, each ended by a slash.

    Raises:
        ConfigError: The prefix is none.
    """
    if _KEY_PREFIX.fullmatch(prefix) is None:
        raise ConfigError(f"{prefix!r} is no prefix for keys in S3; use one such as 'asyncmcp-nb/'")
    return f"{prefix}{uuid.uuid4()}"


def check_location(pointer: Pointer, bucket: str | None, prefix: str | None = None) -> None:
    """Check that a payload may be fetched from where a pointer says it is.

    Args:
        pointer: What a message says.
        bucket: The deployment's own, the only one that is read; None where it has none.
        prefix: What the key must begin with; None for any key, as the extended client libraries
            need it.

    Raises:
        DecodeError: It is elsewhere.
    """
    if bucket is None:
        raise DecodeError("claim check: this deployment has no claim_check_bucket")
    if pointer.bucket != bucket:
        raise DecodeError("claim check: not in this deployment's claim_check_bucket")
    if prefix is not None and not pointer.key.startswith(prefix):
        raise DecodeError("claim check: not under this deployment's prefix")


def _require_key(key: str) -> None:
    """Refuse what is no key, and what could name something else once it is part of a URL.

    An empty key is the bucket itself, and servers before S3 may resolve segments of dots.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise DecodeError("claim check: the key is not Unicode") from None
    if not 0 < size <= _KEY_BYTES:
        raise DecodeError(f"claim check: the key has not 1 to {_KEY_BYTES:,} bytes")
    if _CONTROL.search(key) or not _DOT_SEGMENTS.isdisjoint(key.split("/")):
        raise DecodeError("claim check: the key has control characters, or segments of dots")

"""JSON-RPC messages to and from a body with attributes."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, Protocol, cast

from mcp_types import JSONRPCMessage, JSONRPCNotification
from mcp_types.jsonrpc import jsonrpc_message_adapter
from pydantic import ValidationError
from pydantic_core import from_json

from asyncmcp_nb.errors import DecodeError, EncodeError, PayloadTooLarge
from asyncmcp_nb.wire.attributes import Header, from_attributes, to_attributes
from asyncmcp_nb.wire.claim_check import Pointer, is_claim_check, pointer_body
from asyncmcp_nb.wire.size import size_bytes

GZIP: Final = "gzip"

MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
"""What a compressed body may grow to; a larger one is refused as a bomb. Our choice."""

MAX_PAYLOAD_BYTES: Final = 256 * 1024 * 1024
"""What is read from S3, into memory, for one message. Our choice; the extended client libraries
allow 2 GiB."""

MAX_ID_LENGTH: Final = 1_024
"""Characters of a JSON-RPC id: an error that repeats it must fit where its request did. Our choice.
"""

_CHUNK_BYTES: Final = 64 * 1024
_GZIP_FORMAT: Final = zlib.MAX_WBITS | 16

_WITHOUT_BUCKET: Final = (
    "send less, give the deployment a claim_check_bucket, or raise the topic's MaximumMessageSize "
    "(up to 1 MiB)"
)
_ABOVE_ALL: Final = "send less: readers take no more from S3"
_AS_IT_IS: Final = (
    "send less, or raise the topic's MaximumMessageSize (up to 1 MiB): the other side reads "
    "neither compressed messages nor claim checks"
)
_NO_ROOM: Final = "its attributes leave no room; raise the topic's MaximumMessageSize (up to 1 MiB)"


@dataclass(frozen=True, slots=True)
class Payload:
    """What is put into S3 before its message is published."""

    key: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ordering:
    """What a FIFO topic or queue wants of a message."""

    group_id: str
    """Messages of one group keep their order."""
    deduplication_id: str
    """A second message with this id within five minutes is dropped."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready for a topic or queue."""

    body: str
    """The JSON-RPC message; its gzip in base64, or a pointer to S3, where the header says so."""
    attributes: Mapping[str, str]
    """At most ten."""
    payload: Payload | None = None
    """The message, where the body is a pointer to it."""
    ordering: Ordering | None = None
    """For FIFO topics and queues only."""

    @property
    def size_bytes(self) -> int:
        """Body and attributes together, as SNS and SQS count them."""
        return size_bytes(self.body, self.attributes)


class Seal(Protocol):
    """Signs messages, and knows before how much longer that makes them."""

    def added_bytes(self, attributes: Mapping[str, str]) -> int:
        """What a signature adds to a message with these attributes."""
        ...

    def sign(self, body: str, attributes: Mapping[str, str]) -> Mapping[str, str]:
        """The attributes with the signature among them."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it was read from a queue."""

    message: JSONRPCMessage
    header: Header
    size_bytes: int
    """As it crossed the wire."""


def encode(
    message: JSONRPCMessage,
    header: Header,
    *,
    limit_bytes: int,
    seal: Seal | None = None,
    offload: Callable[[], Pointer] | None = None,
    as_it_is: bool = False,
) -> Outgoing:
    """Write a message exactly as the SDK's own transports do, compressed or put aside if it must.

    Args:
        message: Any JSON-RPC message.
        header: Its attributes.
        limit_bytes: The most that the topic takes, attributes included.
        seal: Signs it.
        offload: Names a new place in S3 for a message that is too large even when compressed.
        as_it_is: Neither compress it nor put it aside.

    Raises:
        EncodeError: It holds what no reader takes: half a surrogate pair, an integer of more than
            4,300 digits, nesting of about 200 levels, or an id of more than ``MAX_ID_LENGTH``.
        PayloadTooLarge: It is above the limit even when compressed, and there is no S3; or it is
            above what is read back from there, ``MAX_PAYLOAD_BYTES``; or its attributes alone leave
            no room for a pointer.
    """
    body = _written(message)
    plain = Outgoing(body, to_attributes(header))
    size = _sealed_bytes(plain, seal)
    if size <= limit_bytes:
        return _sealed(plain, seal)
    if as_it_is:
        raise PayloadTooLarge(size, limit_bytes, _AS_IT_IS)
    content = body.encode()
    packed = _packed(content, replace(header, encoding=GZIP), limit_bytes)
    if packed is not None and _sealed_bytes(packed, seal) <= limit_bytes:
        return _sealed(packed, seal)
    if offload is None:
        raise PayloadTooLarge(size, limit_bytes, _WITHOUT_BUCKET)
    if len(content) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(size, MAX_PAYLOAD_BYTES, _ABOVE_ALL)
    aside = _put_aside(content, header, offload())
    if _sealed_bytes(aside, seal) > limit_bytes:
        raise PayloadTooLarge(size, limit_bytes, _NO_ROOM)
    return _sealed(aside, seal)


def decode(body: str, attributes: Mapping[str, str], *, payload: bytes | None = None) -> Incoming:
    """Read a message, delivered raw or inside an SNS notification.

    Args:
        body: As received.
        attributes: As received.
        payload: What the body points to, where it is a pointer to S3.

    Raises:
        DecodeError: The body is not JSON, not a JSON-RPC message, badly compressed, or an attribute
            is malformed; or the message is in S3 and was not fetched, or is not what was put there.
    """
    wire_bytes = size_bytes(body, attributes)
    body, attributes = unwrap(body, attributes)
    header = from_attributes(attributes)
    if is_claim_check(attributes):
        text: str | bytes = _checked(payload, header)
        wire_bytes += len(text)
    else:
        text = _plain(body, header.encoding)
    return Incoming(_read(text), header, wire_bytes)


def unwrap(body: str, attributes: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The message itself, whether it was delivered raw or inside an SNS notification."""
    return (body, attributes) if "MessageType" in attributes else _unwrap(body, attributes)


def _written(message: JSONRPCMessage) -> str:
    try:
        body = message.model_dump_json(by_alias=True, exclude_unset=True)
        # What is written can be more than readers take, who would park it without an answer.
        from_json(body)
    except ValueError as exc:
        raise EncodeError(f"the message cannot be written as JSON: {exc}") from None
    if _has_long_id(message):
        raise EncodeError(f"the message's id is longer than {MAX_ID_LENGTH:,} characters")
    return body


def _has_long_id(message: JSONRPCMessage) -> bool:
    return not isinstance(message, JSONRPCNotification) and len(str(message.id)) > MAX_ID_LENGTH


def _sealed(outgoing: Outgoing, seal: Seal | None) -> Outgoing:
    if seal is None:
        return outgoing
    return replace(outgoing, attributes=seal.sign(outgoing.body, outgoing.attributes))


def _sealed_bytes(outgoing: Outgoing, seal: Seal | None) -> int:
    return outgoing.size_bytes + (0 if seal is None else seal.added_bytes(outgoing.attributes))


def _packed(content: bytes, header: Header, limit_bytes: int) -> Outgoing | None:
    """Compressed; None where that is above the limit, or more than a reader inflates."""
    if len(content) > MAX_INFLATED_BYTES:
        return None
    machine = zlib.compressobj(wbits=_GZIP_FORMAT)
    packed = bytearray()
    for start in range(0, len(content), _CHUNK_BYTES):
        packed += machine.compress(content[start : start + _CHUNK_BYTES])
        if len(packed) > limit_bytes:
            return None
    packed += machine.flush()
    return Outgoing(base64.b64encode(packed).decode("ascii"), to_attributes(header))


def _put_aside(content: bytes, header: Header, pointer: Pointer) -> Outgoing:
    digest = sha256(content).hexdigest()
    attributes = to_attributes(replace(header, payload_digest=digest, payload_bytes=len(content)))
    return Outgoing(pointer_body(pointer), attributes, Payload(pointer.key, content))


def _read(text: str | bytes) -> JSONRPCMessage:
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError as exc:
        is_json = exc.errors()[0]["type"] not in {"json_invalid", "string_unicode"}
        raise DecodeError(f"body is not {'a JSON-RPC message' if is_json else 'JSON'}") from None
    # The SDK's types read a request whose id is neither text nor integer as a notification, and its
    # sender would wait for ever.
    if isinstance(message, JSONRPCNotification) and "id" in from_json(text):
        raise DecodeError("body is not a JSON-RPC message: its id is neither text nor an integer")
    if _has_long_id(message):
        raise DecodeError(f"its id is longer than {MAX_ID_LENGTH:,} characters")
    return message


def _checked(payload: bytes | None, header: Header) -> bytes:
    if payload is None:
        raise DecodeError("the message is in S3, and this end has no claim_check_bucket")
    # Other software that writes claim checks adds no digest.
    if header.payload_digest not in {None, sha256(payload).hexdigest()}:
        raise DecodeError("the payload in S3 is not the one that was sent")
    return payload


def _unwrap(body: str, attributes: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The inner message where SNS wrapped it (no raw delivery), else what came in."""
    try:
        outer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body, attributes
    match outer:
        case {"Type": "Notification", "Message": str() as inner}:
            named = cast("dict[str, Any]", outer).get("MessageAttributes")
            return inner, _notification_attributes(named)
        case _:
            return body, attributes


def _notification_attributes(named: Any) -> dict[str, str]:
    if not isinstance(named, dict):
        return {}
    flat: dict[str, str] = {}
    for name, entry in cast("dict[str, Any]", named).items():
        match entry:
            case {"Value": str() as value}:
                flat[name] = value
            case _:
                continue
    return flat


def _plain(body: str, encoding: str | None) -> str:
    if encoding is None:
        return body
    if encoding != GZIP:
        raise DecodeError("body is in an unknown encoding")
    return _inflate(body)


def _inflate(body: str) -> str:
    try:
        packed = base64.b64decode(body, validate=True)
        machine = zlib.decompressobj(wbits=_GZIP_FORMAT)
        text = machine.decompress(packed, MAX_INFLATED_BYTES)
        if machine.unconsumed_tail:
            raise DecodeError(f"body inflates to more than {MAX_INFLATED_BYTES:,} bytes")
        if not machine.eof:
            raise DecodeError("compressed body is cut short")
        return text.decode()
    except (ValueError, zlib.error) as exc:  # ValueError: not base64, or not UTF-8
        raise DecodeError(f"body is not gzip in base64: {exc}") from None

"""JSON-RPC messages to and from a body with attributes."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from mcp_types import JSONRPCMessage
from mcp_types.jsonrpc import jsonrpc_message_adapter
from pydantic import ValidationError

from asyncmcp_nb.errors import DecodeError, EncodeError, PayloadTooLarge
from asyncmcp_nb.wire.attributes import Header, from_attributes, to_attributes
from asyncmcp_nb.wire.size import size_bytes

GZIP: Final = "gzip"

MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
"""What a compressed body may grow to; a larger one is refused as a bomb. Our choice."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready for a topic or queue."""

    body: str
    """The JSON-RPC message, or its gzip in base64 where the header says so."""
    attributes: Mapping[str, str]
    """At most ten, String typed."""

    @property
    def size_bytes(self) -> int:
        """Body and attributes together, as SNS and SQS count them."""
        return size_bytes(self.body, self.attributes)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it was read from a queue."""

    message: JSONRPCMessage
    header: Header
    size_bytes: int
    """As it crossed the wire."""


def encode(message: JSONRPCMessage, header: Header, *, limit_bytes: int) -> Outgoing:
    """Write a message exactly as the SDK's own transports do, compressed where it must be.

    Args:
        message: Any JSON-RPC message.
        header: Its attributes.
        limit_bytes: The most that the topic takes, attributes included.

    Raises:
        EncodeError: It holds what UTF-8 or JSON cannot: half a surrogate pair, or endless nesting.
        PayloadTooLarge: It is above the limit even when compressed.
    """
    try:
        body = message.model_dump_json(by_alias=True, exclude_unset=True)
    except ValueError as exc:
        raise EncodeError(f"the message cannot be written as JSON: {exc}") from None
    plain = Outgoing(body, to_attributes(header))
    if plain.size_bytes <= limit_bytes:
        return plain
    packed = Outgoing(
        base64.b64encode(gzip.compress(body.encode(), mtime=0)).decode("ascii"),
        to_attributes(replace(header, encoding=GZIP)),
    )
    if packed.size_bytes <= limit_bytes:
        return packed
    raise PayloadTooLarge(
        plain.size_bytes,
        limit_bytes,
        "send less, or raise the topic's MaximumMessageSize (up to 1 MiB)",
    )


def decode(body: str, attributes: Mapping[str, str]) -> Incoming:
    """Read a message, delivered raw or inside an SNS notification.

    Raises:
        DecodeError: The body is not JSON, not a JSON-RPC message, badly compressed, or an attribute
            is malformed.
    """
    wire_bytes = size_bytes(body, attributes)
    if "MessageType" not in attributes:
        body, attributes = _unwrap_notification(body, attributes)
    header = from_attributes(attributes)
    text = _inflate(body) if header.encoding == GZIP else body
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError as exc:
        kind = "JSON" if exc.errors()[0]["type"] == "json_invalid" else "a JSON-RPC message"
        raise DecodeError(f"body is not {kind}") from None
    return Incoming(message, header, wire_bytes)


def _unwrap_notification(body: str, attributes: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
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


def _inflate(body: str) -> str:
    try:
        packed = base64.b64decode(body, validate=True)
        machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        text = machine.decompress(packed, MAX_INFLATED_BYTES)
        if machine.unconsumed_tail:
            raise DecodeError(f"body inflates to more than {MAX_INFLATED_BYTES:,} bytes")
        if not machine.eof:
            raise DecodeError("compressed body is cut short")
        return text.decode()
    except (ValueError, zlib.error) as exc:  # ValueError: not base64, or not UTF-8
        raise DecodeError(f"body is not gzip in base64: {exc}") from None

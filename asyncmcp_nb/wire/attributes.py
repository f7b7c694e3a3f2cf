"""Message attributes: a typed header, to and from flat strings.

Attributes mirror the body for routing and never replace it. Raw SNS delivery drops a message
with more than ten, so what filters or other software read has an attribute of its own, and our own
facts (connection, sequence, message id, encoding, digest, signature) share one, ``Delivery``.

==================  ==============================================================
``MessageType``     always ``jsonrpc``
``ProtocolVersion`` MCP revision of this message
``ClientId``        stable name of the client: the return address
``RequestId``       as in the body; to the client: the request a message belongs to
``Method``          as in the body; to the client: the method of that request
``SessionId``       sealed handshake facts (2025 era, after ``initialize``)
``WorkerId``        control messages only: one worker, or ``*`` for all
``Timestamp``       Unix seconds
``Delivery``        ``c=<connection>;q=<sequence>;m=<message id>;e=gzip;h=<digest>;s=<signature>``
                    (each part where it is known; the signature, last, is ``signing.py``'s)
``ExtendedPayloadSize``  bytes of a payload that is in S3 (Number; see ``claim_check.py``)
==================  ==============================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.wire.claim_check import PAYLOAD_SIZE_ATTRIBUTE

MESSAGE_TYPE: Final = "jsonrpc"

CLIENT_ID: Final = "ClientId"
WORKER_ID: Final = "WorkerId"
ALL_WORKERS: Final = "*"
REASON_ATTRIBUTE: Final = "DeadLetterReason"
"""Where a worker that puts a message aside says why."""

_TEXT_LENGTH: Final = 1_024
_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_CONNECTION = re.compile(r"[0-9a-f]{32}")
_MESSAGE = re.compile(r"[0-9a-f]{16}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNT = re.compile(r"[0-9]{1,12}")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_DELIVERY_PART = re.compile(r"(?:^|;)(?P<key>[a-z])=(?P<value>[^;]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a message says beside its JSON-RPC body. Every field may be unknown (None)."""

    protocol_version: str | None = None
    """MCP revision, such as ``2026-07-28``."""
    client_id: str | None = None
    """Stable name of the client: the return address."""
    connection_id: str | None = None
    """32 hex digits for one connected session."""
    request_id: str | None = None
    """The request this message is, answers or belongs to, as text."""
    method: str | None = None
    """The method of that request."""
    session_id: str | None = field(default=None, repr=False)
    """Sealed handshake facts of a 2025-era session; whoever has it can use that session."""
    worker_id: str | None = None
    """Control messages: the worker meant, or ``*``."""
    sequence: int | None = None
    """0, 1, 2… within one request, on messages to the client."""
    message_id: str | None = None
    """16 hex digits that copies share, on messages that nothing else tells from one another."""
    timestamp: float | None = None
    """Unix seconds when it was encoded."""
    encoding: str | None = None
    """``gzip`` where the body is compressed (then base64)."""
    payload_digest: str | None = None
    """SHA-256 of a payload that is in S3, 64 hex digits."""
    payload_bytes: int | None = None
    """Size of a payload that is in S3."""


def to_attributes(header: Header) -> dict[str, str]:
    """Flatten a header; unknown fields leave no attribute."""
    pairs = {
        "MessageType": MESSAGE_TYPE,
        "ProtocolVersion": header.protocol_version,
        CLIENT_ID: header.client_id,
        "RequestId": header.request_id,
        "Method": header.method,
        "SessionId": header.session_id,
        WORKER_ID: header.worker_id,
        "Timestamp": None if header.timestamp is None else f"{header.timestamp:.3f}",
        "Delivery": _delivery(header),
        PAYLOAD_SIZE_ATTRIBUTE: None if header.payload_bytes is None else str(header.payload_bytes),
    }
    # An empty string is no legal attribute value on SNS.
    return {name: value for name, value in pairs.items() if value}


def sent_at(attributes: Mapping[str, str]) -> float | None:
    """Unix seconds at which a message says that it was encoded; None where it does not say."""
    try:
        return _timestamp(attributes.get("Timestamp"))
    except DecodeError:
        return None


def from_attributes(attributes: Mapping[str, str]) -> Header:
    """Read a header back; attributes of other software are ignored.

    Raises:
        DecodeError: A value is malformed: an identifier with other characters or more than 80 of
            them; a connection, message id or digest that is not hex digits; a sequence, size or
            timestamp that is no number; another text of more than 1,024 characters, or with half a
            surrogate pair.
    """
    parts = {m["key"]: m["value"] for m in _DELIVERY_PART.finditer(attributes.get("Delivery", ""))}
    return Header(
        protocol_version=_text(attributes, "ProtocolVersion"),
        client_id=_matching(_IDENTIFIER, attributes.get(CLIENT_ID), CLIENT_ID),
        connection_id=_matching(_CONNECTION, parts.get("c"), "connection"),
        request_id=_text(attributes, "RequestId"),
        method=_text(attributes, "Method"),
        session_id=_writable(attributes.get("SessionId"), "SessionId"),
        worker_id=_text(attributes, WORKER_ID),
        message_id=_matching(_MESSAGE, parts.get("m"), "message id"),
        sequence=_count(parts.get("q"), "Delivery: the sequence"),
        timestamp=_timestamp(attributes.get("Timestamp")),
        encoding=parts.get("e"),
        payload_digest=_matching(_DIGEST, parts.get("h"), "digest"),
        payload_bytes=_count(attributes.get(PAYLOAD_SIZE_ATTRIBUTE), PAYLOAD_SIZE_ATTRIBUTE),
    )


def is_client_id(name: str) -> bool:
    """Whether a name can stand in an attribute and in a queue's name."""
    return _IDENTIFIER.fullmatch(name) is not None


def _delivery(header: Header) -> str:
    parts = {
        "c": header.connection_id,
        "q": header.sequence,
        "m": header.message_id,
        "e": header.encoding,
        "h": header.payload_digest,
    }
    return ";".join(f"{key}={value}" for key, value in parts.items() if value is not None)


def _matching(pattern: re.Pattern[str], value: str | None, name: str) -> str | None:
    if value is not None and pattern.fullmatch(value) is None:
        raise DecodeError(f"attribute {name} is malformed")
    return value


def _text(attributes: Mapping[str, str], name: str) -> str | None:
    value = attributes.get(name)
    # It is repeated in the answer, which must fit where its request did.
    if value is not None and len(value) > _TEXT_LENGTH:
        raise DecodeError(f"attribute {name} is longer than {_TEXT_LENGTH:,} characters")
    return _writable(value, name)


def _writable(value: str | None, name: str) -> str | None:
    """What can be repeated on the wire: a body can hold attributes that SNS would not take."""
    try:
        (value or "").encode()
    except UnicodeEncodeError:
        raise DecodeError(f"attribute {name} holds half a surrogate pair") from None
    return value


def _count(value: str | None, name: str) -> int | None:
    if value is not None and _COUNT.fullmatch(value) is None:
        raise DecodeError(f"attribute {name} is no count")
    return None if value is None else int(value)


def _timestamp(value: str | None) -> float | None:
    if value is not None and _SECONDS.fullmatch(value) is None:
        raise DecodeError("attribute Timestamp is not a number of seconds")
    return None if value is None else float(value)

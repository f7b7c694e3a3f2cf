"""Message attributes: a typed header, to and from flat strings.

Attributes mirror the body for routing and never replace it. Raw SNS delivery drops a message
with more than ten, so what filters or other software read has an attribute of its own, and our own
facts (connection, sequence, encoding) share one, ``Delivery``.

==================  ==============================================================
``MessageType``     always ``jsonrpc``
``ProtocolVersion`` MCP revision of this message
``ClientId``        stable name of the client: the return address
``RequestId``       as in the body; to the client: the request a message belongs to
``Method``          as in the body; to the client: the method of that request
``SessionId``       sealed handshake facts (2025 era, after ``initialize``)
``WorkerId``        control messages only: one worker, or ``*`` for all
``Timestamp``       Unix seconds
``Delivery``        ``c=<connection>;q=<sequence>;e=gzip`` (each part where it is known)
==================  ==============================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.errors import DecodeError

MESSAGE_TYPE: Final = "jsonrpc"

CLIENT_ID: Final = "ClientId"
WORKER_ID: Final = "WorkerId"
ALL_WORKERS: Final = "*"

_IDENTIFIER = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_CONNECTION = re.compile(r"[0-9a-f]{32}")
_COUNT = re.compile(r"[0-9]{1,12}")
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_DELIVERY_PART = re.compile(r"(?P<key>[a-z])=(?P<value>[^;]*)")


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
    session_id: str | None = None
    """Sealed handshake facts of a 2025-era session."""
    worker_id: str | None = None
    """Control messages: the worker meant, or ``*``."""
    sequence: int | None = None
    """0, 1, 2… within one request, on messages to the client."""
    timestamp: float | None = None
    """Unix seconds when it was encoded."""
    encoding: str | None = None
    """``gzip`` where the body is compressed (then base64)."""


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
    }
    # An empty string is no legal attribute value on SNS.
    return {name: value for name, value in pairs.items() if value}


def from_attributes(attributes: Mapping[str, str]) -> Header:
    """Read a header back; attributes of other software are ignored.

    Raises:
        DecodeError: A value is malformed: an identifier with other characters or more than 80 of
            them, a connection that is not 32 hex digits, a sequence or timestamp that is no number.
    """
    parts = {m["key"]: m["value"] for m in _DELIVERY_PART.finditer(attributes.get("Delivery", ""))}
    return Header(
        protocol_version=attributes.get("ProtocolVersion"),
        client_id=_matching(_IDENTIFIER, attributes.get(CLIENT_ID), CLIENT_ID),
        connection_id=_matching(_CONNECTION, parts.get("c"), "connection"),
        request_id=attributes.get("RequestId"),
        method=attributes.get("Method"),
        session_id=attributes.get("SessionId"),
        worker_id=attributes.get(WORKER_ID),
        sequence=_sequence(parts.get("q")),
        timestamp=_timestamp(attributes.get("Timestamp")),
        encoding=parts.get("e"),
    )


def is_client_id(name: str) -> bool:
    """Whether a name can stand in an attribute and in a queue's name."""
    return _IDENTIFIER.fullmatch(name) is not None


def _delivery(header: Header) -> str:
    parts = {"c": header.connection_id, "q": header.sequence, "e": header.encoding}
    return ";".join(f"{key}={value}" for key, value in parts.items() if value is not None)


def _matching(pattern: re.Pattern[str], value: str | None, name: str) -> str | None:
    if value is not None and pattern.fullmatch(value) is None:
        raise DecodeError(f"attribute {name} is malformed")
    return value


def _sequence(value: str | None) -> int | None:
    if value is not None and _COUNT.fullmatch(value) is None:
        raise DecodeError("attribute Delivery: the sequence is no count")
    return None if value is None else int(value)


def _timestamp(value: str | None) -> float | None:
    if value is not None and _SECONDS.fullmatch(value) is None:
        raise DecodeError("attribute Timestamp is not a number of seconds")
    return None if value is None else float(value)

"""What a message from the queue means to the ledger: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCResponse
from pydantic_core import to_json

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.ledger import Arrival, ArrivalKind, Outcome, Recorded, Refused
from asyncmcp_nb.session.envelope import is_call_request
from asyncmcp_nb.wire import Incoming, size_bytes
from asyncmcp_nb.wire.codec import unwrap

_EXCERPT_LENGTH: Final = 2_000
"""Characters of a message that could not be read: enough to tell whose it may be. Our choice."""

_CONNECTION = re.compile(r"(?:^|;)c=(?P<id>[0-9a-f]{32})(?:;|\Z)")

_NOTIFICATIONS: dict[str, ArrivalKind] = {
    "notifications/progress": "progress",
    "notifications/message": "log",
}


def arrival_of(incoming: Incoming, received_at: float) -> Arrival | None:
    """A message as the ledger records it; None where it is neither answer, progress nor log."""
    kind, payload = _content(incoming)
    request_id = _request_of(incoming)
    if kind is None or request_id is None:
        return None
    return Arrival(
        connection_id=incoming.header.connection_id or "",
        request_id=request_id,
        kind=kind,
        payload=to_json(payload).decode(),
        received_at=received_at,
        size_bytes=incoming.size_bytes,
        sequence=incoming.header.sequence,
    )


def refusal_of(delivery: Delivery, reason: str, received_at: float) -> Refused:
    """A message that could not be verified or read, as the ledger keeps it."""
    body, attributes = unwrap(delivery.body, delivery.attributes)
    connection = _CONNECTION.search(attributes.get("Delivery", ""))
    return Refused(
        connection_id="" if connection is None else connection["id"],
        request_id=attributes.get("RequestId", ""),
        excerpt=body[:_EXCERPT_LENGTH],
        reason=reason,
        received_at=received_at,
        size_bytes=size_bytes(delivery.body, delivery.attributes),
    )


def calls_with(recorded: Iterable[Recorded], *outcomes: Outcome) -> dict[str, None]:
    """The calls that these outcomes are of, each once, in order."""
    return dict.fromkeys(
        one.call_id for one in recorded if one.call_id is not None and one.outcome in outcomes
    )


def is_about_call(incoming: Incoming) -> bool:
    """Whether a message answers, or reports on, a request of ours for a call."""
    return _content(incoming)[0] is not None and is_call_request(_request_of(incoming))


def _content(incoming: Incoming) -> tuple[ArrivalKind | None, Any]:
    match incoming.message:
        case JSONRPCResponse(result=result):
            return "result", result
        case JSONRPCError(error=error):
            return "error", error.model_dump(mode="json", exclude_none=True)
        case JSONRPCNotification(method=method, params=params):
            return _NOTIFICATIONS.get(method), params or {}
        case _:
            return None, None


def _request_of(incoming: Incoming) -> str | None:
    """The request as text: an answer's own id, else the one that the attributes name."""
    message = incoming.message
    if isinstance(message, JSONRPCResponse | JSONRPCError):
        return None if message.id is None else str(message.id)
    if incoming.header.request_id is not None:
        return incoming.header.request_id
    match message:
        case JSONRPCNotification(params={"progressToken": str() | int() as token}):
            return str(token)
        case _:
            return None

"""The ``tools/call`` request of a call, in either era: pure.

Calls do not pass through the SDK's client, which keeps a task for each; they are rows of the ledger
and messages on the wire. What the SDK would stamp on a request is stamped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    LOG_LEVEL_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    JSONRPCNotification,
    JSONRPCRequest,
)

from asyncmcp_nb.wire.meta import DEADLINE_KEY, deadline_text

MODERN_ERA: Final = "2026-07-28"
HANDSHAKE_ERA: Final = "2025-11-25"
REQUEST_PREFIX: Final = "call-"
"""Ids of our requests. The SDK's are integers and ``listen-N``, so they cannot meet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What each request of a session says of its client."""

    era: str
    client_info: Mapping[str, Any] = field(default_factory=dict[str, Any])
    capabilities: Mapping[str, Any] = field(default_factory=dict[str, Any])
    log_level: str | None = None
    """The least severe log message wanted; None for none (2026 era)."""

    def meta(self) -> dict[str, Any]:
        """The 2026-era envelope; empty in the 2025 era, whose session says it all."""
        if self.era != MODERN_ERA:
            return {}
        level = {} if self.log_level is None else {LOG_LEVEL_META_KEY: self.log_level}
        return {
            PROTOCOL_VERSION_META_KEY: self.era,
            CLIENT_INFO_META_KEY: dict(self.client_info),
            CLIENT_CAPABILITIES_META_KEY: dict(self.capabilities),
            **level,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client answers to an ``input_required`` result."""

    responses: Mapping[str, Any] | None
    state: str | None
    """``requestState``, byte for byte as it came."""


def request_id(number: int) -> str:
    """The id of a session's n-th request for a call."""
    return f"{REQUEST_PREFIX}{number}"


def is_call_request(text: str | None) -> bool:
    """Whether an id is one of ours."""
    return text is not None and text.startswith(REQUEST_PREFIX)


def call_request(
    rpc_id: str,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    stamp: Stamp,
    deadline: float | None = None,
    reply: Reply | None = None,
    trace_context: Mapping[str, str] | None = None,
) -> JSONRPCRequest:
    """The request for a call; its id is its progress token as well.

    Args:
        rpc_id: Its JSON-RPC id.
        tool: The tool's name.
        arguments: What to call it with.
        stamp: What all requests of the session say.
        deadline: Unix seconds after which nobody wants the answer.
        reply: The answer to an ``input_required`` result.
        trace_context: Such as ``traceparent``; the server's span is a child of the one it names.
    """
    meta: dict[str, Any] = {**(trace_context or {}), **stamp.meta(), "progressToken": rpc_id}
    if deadline is not None:
        meta[DEADLINE_KEY] = deadline_text(deadline)
    params: dict[str, Any] = {"name": tool, "arguments": dict(arguments), "_meta": meta}
    if reply is not None and reply.responses is not None:
        params["inputResponses"] = dict(reply.responses)
    if reply is not None and reply.state is not None:
        params["requestState"] = reply.state
    return JSONRPCRequest(jsonrpc="2.0", id=rpc_id, method="tools/call", params=params)


def cancellation(rpc_id: str, reason: str) -> JSONRPCNotification:
    """The notification that nobody waits for a request any more."""
    params = {"requestId": rpc_id, "reason": reason}
    return JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params=params)

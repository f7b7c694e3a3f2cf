"""Speaking with servers of the ``asyncmcp`` package (0.2.1 and later): pure translation.

Such a server knows the attributes MessageType, Timestamp, RequestId, Method, SessionId, ClientId
and ProtocolVersion, echoes of them SessionId alone, and names no connection. So what makes a call
unique travels in what it does echo, the JSON-RPC id and the progress token: ``<connection>:<id>``,
the id as JSON, since 7 and "7" are two.

On the way back connection and id are whole again, and all that identifies by them (inbox, ledger)
knows nothing of this. What has neither, a log message or a question, belongs to the session whose
SessionId it names.

https://pypi.org/project/asyncmcp/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from asyncmcp_nb.sns_sqs.addressing import INITIALIZE, attribute_text
from asyncmcp_nb.wire import Header, Incoming

REPLY_TOPIC_PARAM: Final = "client_topic_arn"
"""Where ``initialize`` of version 0.2.1 names the topic for its answers, among its params."""
REPLY_TOPIC_META_KEY: Final = "clientTopicArn"
"""Where that of later versions does, among the ``_meta`` of its params."""

_WIRE_ID = re.compile(r"(?P<connection>[0-9a-f]{32}):(?P<id>.+)", re.DOTALL)


def to_asyncmcp(
    message: JSONRPCMessage, header: Header, *, reply_topic_arn: str
) -> tuple[JSONRPCMessage, Header]:
    """A message of ours as such a server takes it.

    Args:
        message: As the session wrote it.
        header: Its attributes; the connection is that of the session whose message it is.
        reply_topic_arn: Where the server is to publish; ``initialize`` says so.
    """
    connection = header.connection_id or ""
    # A version that the server's SDK does not know would make it drop the message in silence.
    plain = replace(
        header, connection_id=None, protocol_version=None, worker_id=None, request_id=None
    )
    match message:
        case JSONRPCRequest():
            wire_id = _wire_id(connection, message.id)
            update: dict[str, Any] = {"id": wire_id}
            params = _with_token(message.params, connection)
            if message.method == INITIALIZE:
                params = _with_reply_topic(params or {}, reply_topic_arn)
            if params is not None:
                update["params"] = params
            plain = replace(plain, request_id=attribute_text(wire_id))
            return message.model_copy(update=update), plain
        case JSONRPCNotification(method="notifications/cancelled", params={"requestId": rid}):
            cancelled = {**(message.params or {}), "requestId": _wire_id(connection, rid)}
            return message.model_copy(update={"params": cancelled}), plain
        case _:
            return message, plain


def from_asyncmcp(incoming: Incoming, connection_id: str, session_id: str | None) -> Incoming:
    """A message of such a server as one of ours would have written it.

    Args:
        incoming: As it was read.
        connection_id: This connected session.
        session_id: What the server calls it; None before ``initialize`` is answered.

    Returns:
        The message under its own id. Its header names the connection whose message it is, or none
        where that cannot be told; what the header said of connection and request counts for
        nothing.
    """
    message = incoming.message
    match message:
        case JSONRPCResponse() | JSONRPCError():
            found = _parsed(message.id)
            update: dict[str, Any] = {} if found is None else {"id": found[1]}
        case JSONRPCNotification(method="notifications/progress", params={"progressToken": token}):
            found = _parsed(token)
            params = message.params or {}
            update = {} if found is None else {"params": {**params, "progressToken": found[1]}}
        case _:
            is_ours = session_id is not None and incoming.header.session_id == session_id
            return _with_owner(incoming, connection_id if is_ours else None, None)
    if found is None:
        return _with_owner(incoming, None, None)
    restored = replace(incoming, message=message.model_copy(update=update))
    return _with_owner(restored, *found)


def named_reply_topic(params: Mapping[str, Any] | None) -> str | None:
    """The topic that the params of ``initialize`` name as the place for its answers."""
    match params:
        case {"client_topic_arn": str() as topic} if topic:
            return topic
        case {"_meta": {"clientTopicArn": str() as topic}} if topic:
            return topic
        case _:
            return None


def _wire_id(connection: str, request_id: object) -> str:
    return f"{connection}:{json.dumps(request_id)}"


def _parsed(wire_id: object) -> tuple[str, RequestId] | None:
    """The connection and the id that a wire id was made of; None where it is none."""
    if not isinstance(wire_id, str) or (m := _WIRE_ID.fullmatch(wire_id)) is None:
        return None
    try:
        request_id: Any = json.loads(m["id"])
    except (ValueError, RecursionError):
        return None
    if isinstance(request_id, bool) or not isinstance(request_id, str | int):
        return None
    return m["connection"], request_id


def _with_owner(
    incoming: Incoming, connection_id: str | None, request_id: RequestId | None
) -> Incoming:
    header = replace(
        incoming.header,
        connection_id=connection_id,
        request_id=None if request_id is None else attribute_text(request_id),
        # Such a server counts nothing; the order is that of the queue.
        sequence=None,
    )
    return replace(incoming, header=header)


def _with_token(params: dict[str, Any] | None, connection: str) -> dict[str, Any] | None:
    match params:
        case {"_meta": {"progressToken": token, **meta}}:
            return {**params, "_meta": {**meta, "progressToken": _wire_id(connection, token)}}
        case _:
            return params


def _with_reply_topic(params: Mapping[str, Any], topic: str) -> dict[str, Any]:
    meta: Mapping[str, Any] = params.get("_meta") or {}
    named = {REPLY_TOPIC_PARAM: topic, "_meta": {**meta, REPLY_TOPIC_META_KEY: topic}}
    return {**params, **named}

"""Which header a client's message gets: pure functions of the message.

Ids of a worker's own requests name the worker (``w3f09:5`` is worker ``3f09``'s fifth) and never
parse as integers, so that the answer can be addressed to that worker's control queue.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from mcp_types import (
    PROTOCOL_VERSION_META_KEY,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.wire import Incoming

CANCELLED: Final = "notifications/cancelled"
PROGRESS: Final = "notifications/progress"
LOG_MESSAGE: Final = "notifications/message"
INITIALIZE: Final = "initialize"
LISTEN: Final = "subscriptions/listen"

_WORKER_REQUEST = re.compile(r"w(?P<worker>[0-9a-f]{8}):[0-9]+")
_ATTRIBUTE_TEXT = re.compile(r"[\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]{1,256}")


def first_question_number() -> int:
    """Where a process begins to count its questions.

    A worker's id stays when its process is started anew. A count that began at 0 again would let a
    late answer to the former process settle a question of this one.
    """
    return secrets.randbits(40)


def question_id(worker_id: str | None, token: str, number: int) -> str:
    """The id of a server's own request, 2025 era.

    Args:
        worker_id: Of a worker with a control queue; without, the answer comes by the common queue.
        token: Random text that sets this server's ids apart from those of others.
        number: Counts the server's requests.
    """
    return f"q{token}:{number}" if worker_id is None else f"w{worker_id}:{number}"


def worker_of(request_id: Any) -> str | None:
    """The worker that made a request of this id, or None where no worker did."""
    if not isinstance(request_id, str) or (m := _WORKER_REQUEST.fullmatch(request_id)) is None:
        return None
    return m["worker"]


def is_initialize(message: JSONRPCMessage) -> TypeGuard[JSONRPCRequest]:
    """Whether it opens a session of the 2025 era."""
    return isinstance(message, JSONRPCRequest) and message.method == INITIALIZE


def is_initialize_answer(incoming: Incoming) -> bool:
    """Whether it says that such a session is open."""
    return isinstance(incoming.message, JSONRPCResponse) and incoming.header.method == INITIALIZE


def attribute_text(value: object) -> str | None:
    """A value as an attribute can carry it; None where it cannot (the body still does)."""
    text = str(value)
    return text if _ATTRIBUTE_TEXT.fullmatch(text) else None


def method_of(message: JSONRPCMessage) -> str | None:
    """The method as an attribute may have it; None for an answer."""
    if isinstance(message, JSONRPCRequest | JSONRPCNotification):
        return attribute_text(message.method)
    return None


def subject_of(message: JSONRPCMessage) -> Any:
    """The id of the request that a message is, answers, cancels or reports on; None where none."""
    match message:
        case JSONRPCNotification(method="notifications/cancelled", params={"requestId": rid}):
            return rid
        case JSONRPCNotification(method="notifications/progress", params={"progressToken": token}):
            return token
        case JSONRPCNotification():
            return None
        case _:
            return message.id


def progress_of(message: JSONRPCMessage) -> float | None:
    """How far a request is, where a message says so; None for any other."""
    match message:
        case JSONRPCNotification(method="notifications/progress", params={"progress": progress}):
            is_number = isinstance(progress, int | float) and not isinstance(progress, bool)
            return progress if is_number else None
        case _:
            return None


def destination_worker(message: JSONRPCMessage) -> str | None:
    """The worker that a client's message is for; None for whichever takes it first."""
    match message:
        case JSONRPCResponse() | JSONRPCError():
            return worker_of(message.id)
        case JSONRPCNotification(method="notifications/progress"):
            return worker_of(subject_of(message))
        case _:
            return None


def is_broadcast(message: JSONRPCMessage) -> bool:
    """Whether every worker must see it: nobody knows which of them runs the request."""
    return isinstance(message, JSONRPCNotification) and message.method == CANCELLED


def protocol_version_of(message: JSONRPCMessage) -> str | None:
    """The MCP revision that a request names in its body."""
    if not isinstance(message, JSONRPCRequest):
        return None
    params: Mapping[str, Any] = message.params or {}
    match params:
        case {"_meta": {**meta}} if isinstance(meta.get(PROTOCOL_VERSION_META_KEY), str):
            return meta[PROTOCOL_VERSION_META_KEY]
        case {"protocolVersion": str() as version} if message.method == INITIALIZE:
            return version
        case _:
            return None

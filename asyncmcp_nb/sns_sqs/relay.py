"""Many clients on one SDK stream: ids and progress tokens made unique on the way in, restored out.

Every client counts its requests from 1, and the SDK's stream knows only ids. Here each request gets an
id of its own on the stream, and what the server says is led back by it.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from asyncmcp_nb.sns_sqs.addressing import CANCELLED, PROGRESS, question_id
from asyncmcp_nb.sns_sqs.work import Answer, ReturnAddress, Work
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

_CLIENT_COUNT: Final = 1_000
"""Clients remembered for messages that belong to no request. Our choice."""

_QUESTION_COUNT: Final = 10_000
"""Questions to clients remembered until their answers come. Our choice."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message of the server goes, in the form its client knows."""

    message: JSONRPCMessage
    work: Work | None
    """The request it belongs to; None for a message to ``addresses``."""
    addresses: tuple[ReturnAddress, ...] = ()


class Relay:
    """Rewrites between the clients' ids and one stream's. Used on one loop only."""

    def __init__(self, worker_id: str | None) -> None:
        self._worker_id = worker_id
        self._token = secrets.token_hex(8)
        self._count = 0
        self._works: dict[str, Work] = {}
        self._stream_ids: dict[Hashable, str] = {}
        self._questions: OrderedDict[str, RequestId] = OrderedDict()
        self._clients: OrderedDict[Hashable, ReturnAddress] = OrderedDict()

    # -- from the clients -------------------------------------------------------------------------

    def admit(self, work: Work) -> SessionMessage:
        """A request under an id that is unique on the stream."""
        self._count += 1
        stream_id = f"r{self._count}"
        self._works[stream_id] = work
        self._stream_ids[work.key] = stream_id
        self._remember(work.address)
        params = _with_token(work.request.params, stream_id)
        request = work.request.model_copy(update={"id": stream_id, "params": params})
        return SessionMessage(request)

    def admit_other(self, incoming: Incoming) -> SessionMessage | None:
        """A notification, or an answer to the server; None where it concerns nothing known."""
        message, address = incoming.message, ReturnAddress.of(incoming)
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            return self._admit_answer(message)
        if not isinstance(message, JSONRPCNotification):
            return None
        match message:
            case JSONRPCNotification(method="notifications/cancelled", params={"requestId": rid}):
                return self._admit_cancel(message, address, rid)
            case JSONRPCNotification(method="notifications/progress", params={"progressToken": t}):
                return self._admit_progress(message, t)
            case _:
                return SessionMessage(message)

    def _admit_answer(self, message: Answer) -> SessionMessage | None:
        asked = self._questions.pop(str(message.id), None)
        return None if asked is None else SessionMessage(message.model_copy(update={"id": asked}))

    def _admit_cancel(
        self, message: JSONRPCNotification, address: ReturnAddress | None, request_id: Any
    ) -> SessionMessage | None:
        if address is None:
            return None
        key = (address.connection_id or address.client_id, str(request_id))
        stream_id = self._stream_ids.get(key)
        if stream_id is None:
            return None
        self._works[stream_id].settle()
        self._forget(stream_id)
        params = {**(message.params or {}), "requestId": stream_id}
        return SessionMessage(message.model_copy(update={"params": params}))

    def _admit_progress(self, message: JSONRPCNotification, token: Any) -> SessionMessage | None:
        asked = self._questions.get(str(token))
        if asked is None:
            return None
        params = {**(message.params or {}), "progressToken": asked}
        return SessionMessage(message.model_copy(update={"params": params}))

    # -- from the server --------------------------------------------------------------------------

    def route(self, item: SessionMessage) -> Route | None:
        """Where a message of the server goes; None where nobody waits for it any more."""
        message = item.message
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            work = self._works.get(str(message.id))
            if work is None:
                return None
            self._forget(str(message.id))
            return Route(message.model_copy(update={"id": work.request.id}), work)
        return self._route_about(message, self._subject(item))

    def _route_about(
        self, message: JSONRPCRequest | JSONRPCNotification, work: Work | None
    ) -> Route | None:
        addresses = () if work is not None else tuple(self._clients.values())
        if isinstance(message, JSONRPCRequest):
            # A question goes to one client: the one that is served, else the latest that spoke.
            return Route(self._ask(message), work, addresses[-1:]) if work or addresses else None
        return Route(self._restore(message, work), work, addresses)

    def _ask(self, request: JSONRPCRequest) -> JSONRPCRequest:
        self._count += 1
        asked = question_id(self._worker_id, self._token, self._count)
        self._questions[asked] = request.id
        if len(self._questions) > _QUESTION_COUNT:
            self._questions.popitem(last=False)
        params = _with_token(request.params, asked)
        return request.model_copy(update={"id": asked, "params": params})

    def _restore(self, message: JSONRPCNotification, work: Work | None) -> JSONRPCNotification:
        params = dict(message.params or {})
        if message.method == PROGRESS and work is not None:
            params["progressToken"] = _token(work.request.params)
        elif message.method == CANCELLED:
            asked = [out for out, own in self._questions.items() if own == params.get("requestId")]
            params["requestId"] = asked[-1] if asked else params.get("requestId")
        else:
            return message
        return message.model_copy(update={"params": params})

    def _subject(self, item: SessionMessage) -> Work | None:
        """The request that a message of the server belongs to."""
        related = (
            item.metadata.related_request_id
            if isinstance(item.metadata, ServerMessageMetadata)
            else None
        )
        match item.message:
            case JSONRPCNotification(method="notifications/progress", params={"progressToken": t}):
                related = t
            case _:
                pass
        return None if related is None else self._works.get(str(related))

    def _remember(self, address: ReturnAddress) -> None:
        key = (address.client_id, address.connection_id)
        self._clients[key] = address.without_request()
        self._clients.move_to_end(key)
        if len(self._clients) > _CLIENT_COUNT:
            self._clients.popitem(last=False)

    def _forget(self, stream_id: str) -> None:
        self._stream_ids.pop(self._works.pop(stream_id).key, None)


def _token(params: dict[str, Any] | None) -> Any:
    match params:
        case {"_meta": {"progressToken": token}}:
            return token
        case _:
            return None


def _with_token(params: dict[str, Any] | None, token: str) -> dict[str, Any] | None:
    """The same params with a progress token of ours, where there was one."""
    if params is None or _token(params) is None:
        return params
    return {**params, "_meta": {**params["_meta"], "progressToken": token}}

"""Many clients on one SDK stream: ids and progress tokens made unique on the way in, restored out.

Every client counts its requests from 1, and the SDK's stream knows only ids. Here each request gets
an id of its own on the stream, and what the server says is led back by it.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import anyio
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from asyncmcp_nb.sns_sqs.addressing import (
    CANCELLED,
    PROGRESS,
    first_question_number,
    question_id,
)
from asyncmcp_nb.sns_sqs.listening import due_of, end_stream
from asyncmcp_nb.sns_sqs.unwanted import Tombstones, is_late, is_meant
from asyncmcp_nb.sns_sqs.work import Answer, ReturnAddress, Work
from asyncmcp_nb.wire import Incoming
from asyncmcp_nb.wire.meta import number_of

_CLIENT_COUNT: Final = 1_000
"""Clients remembered for messages that belong to no request. Our choice."""

_QUESTION_COUNT: Final = 10_000
"""Questions to clients remembered until their answers come. Our choice."""

_NUMBERS: Final = frozenset({"progress", "total"})


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to a client, as the server knows it."""

    request_id: RequestId
    address: ReturnAddress
    """Whose answer counts."""


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
        self._count = first_question_number()
        self._works: dict[str, Work] = {}
        self._stream_ids: dict[Hashable, str] = {}
        self._deadlines: dict[str, float] = {}
        self._questions: OrderedDict[str, _Asked] = OrderedDict()
        self._clients: OrderedDict[Hashable, ReturnAddress] = OrderedDict()
        self._tombstones = Tombstones()
        self.sooner = anyio.Event()
        """Set when the next deadline is sooner than it was."""

    def next_deadline(self) -> float | None:
        """Unix seconds at which ``expire`` has something to do; None where no request has one."""
        return min(self._deadlines.values(), default=None)

    def expire(self, now: float) -> list[SessionMessage]:
        """Give up the requests that are past their deadlines.

        Returns:
            What tells the server so, as a cancellation by the client would.
        """
        late = [stream_id for stream_id, due in self._deadlines.items() if due <= now]
        for stream_id in late:
            end_stream(self._works[stream_id])
        reason = {"reason": "its deadline has passed"}
        return [self._break_off(stream_id, reason) for stream_id in late]

    def end_streams(self) -> None:
        """End the streams that last in good order, so that their clients listen elsewhere."""
        for work in self._works.values():
            end_stream(work)

    # -- from the clients -------------------------------------------------------------------------

    def admit(self, work: Work) -> SessionMessage | None:
        """A request under an id that is unique on the stream; None where nobody waits for it."""
        if self._tombstones.cover(work) or is_late(work):
            work.settle()
            return None
        self._count += 1
        stream_id = f"r{self._count}"
        self._works[stream_id] = work
        self._note_deadline(stream_id, work)
        self._stream_ids[work.key] = stream_id
        self._remember(work.address)
        params = _with_token(work.request.params, stream_id)
        request = work.request.model_copy(update={"id": stream_id, "params": params})
        return SessionMessage(request)

    def admit_other(self, incoming: Incoming) -> SessionMessage | None:
        """A notification, or an answer to the server; None where it concerns nothing known."""
        message, address = incoming.message, ReturnAddress.of(incoming)
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            asked = self._asked(message.id, address)
            if asked is None:
                return None
            del self._questions[str(message.id)]
            return SessionMessage(message.model_copy(update={"id": asked.request_id}))
        match message:
            case JSONRPCNotification(method="notifications/cancelled", params={"requestId": rid}):
                sent_at = incoming.header.timestamp
                return self._admit_cancel(message, address, rid, sent_at=sent_at)
            case JSONRPCNotification(method="notifications/progress", params={"progressToken": t}):
                return self._admit_progress(message, address, t)
            case _:
                return SessionMessage(message)

    def _asked(self, question_id: Any, address: ReturnAddress | None) -> _Asked | None:
        """The question of this id, where it was put to the client of this address."""
        asked = self._questions.get(str(question_id))
        return asked if asked and address and asked.address.owner == address.owner else None

    def _admit_cancel(
        self,
        message: JSONRPCNotification,
        address: ReturnAddress | None,
        request_id: Any,
        *,
        sent_at: float | None,
    ) -> SessionMessage | None:
        if address is None:
            return None
        key = (address.owner, str(request_id))
        stream_id = self._stream_ids.get(key)
        if stream_id is None:
            self._tombstones.add(key, sent_at)
            return None
        if not is_meant(self._works[stream_id], sent_at):
            return None
        return self._break_off(stream_id, message.params or {})

    def _break_off(self, stream_id: str, params: dict[str, Any]) -> SessionMessage:
        """End a request without an answer; what tells the server so."""
        self._works[stream_id].settle()
        self._forget(stream_id)
        named = {**params, "requestId": stream_id}
        return SessionMessage(JSONRPCNotification(jsonrpc="2.0", method=CANCELLED, params=named))

    def _admit_progress(
        self, message: JSONRPCNotification, address: ReturnAddress | None, token: Any
    ) -> SessionMessage | None:
        asked = self._asked(token, address)
        if asked is None:
            return None
        said = (message.params or {}).items()
        # The SDK makes floats of them, and would end with the first that cannot be one.
        params = {k: v for k, v in said if k not in _NUMBERS or number_of(v) is not None}
        params["progressToken"] = asked.request_id
        return SessionMessage(message.model_copy(update={"params": params}))

    # -- from the server --------------------------------------------------------------------------

    def route(self, item: SessionMessage) -> Route | None:
        """Where a message of the server goes; None where nobody waits for it any more."""
        message = item.message
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            return self._route_answer(message)
        if message.method == CANCELLED:
            return self._route_cancel(message)
        related = _related_id(item)
        if related is None:
            return self._route_to_clients(message)
        work = self._works.get(str(related))
        if work is None:
            return None
        if isinstance(message, JSONRPCRequest):
            return Route(self._ask(message, work.address), work)
        return Route(self._restore(message, work), work)

    def _route_answer(self, message: Answer) -> Route | None:
        work = self._works.get(str(message.id))
        if work is None:
            return None
        self._forget(str(message.id))
        update: dict[str, Any] = {"id": work.request.id}
        if isinstance(message, JSONRPCResponse):
            update["result"] = _with_subscription(message.result, work.request.id)
        return Route(message.model_copy(update=update), work)

    def _route_to_clients(self, message: JSONRPCRequest | JSONRPCNotification) -> Route | None:
        """What belongs to no request: a notification goes to all, a question to the latest."""
        addresses = tuple(self._clients.values())
        if not addresses:
            return None
        if isinstance(message, JSONRPCRequest):
            return Route(self._ask(message, addresses[-1]), None, addresses[-1:])
        return Route(message, None, addresses)

    def _route_cancel(self, message: JSONRPCRequest | JSONRPCNotification) -> Route | None:
        """A withdrawn question, to the client that has it and under the id that it knows."""
        params = message.params or {}
        for out, asked in reversed(self._questions.items()):
            if asked.request_id == params.get("requestId"):
                update = {"params": {**params, "requestId": out}}
                to_client = (asked.address.without_request(),)
                return Route(message.model_copy(update=update), None, to_client)
        return None

    def _ask(self, request: JSONRPCRequest, address: ReturnAddress) -> JSONRPCRequest:
        self._count += 1
        asked = question_id(self._worker_id, self._token, self._count)
        self._questions[asked] = _Asked(request.id, address)
        if len(self._questions) > _QUESTION_COUNT:
            self._questions.popitem(last=False)
        params = _with_token(request.params, asked)
        return request.model_copy(update={"id": asked, "params": params})

    def _restore(self, message: JSONRPCNotification, work: Work) -> JSONRPCNotification:
        """A notification about a request, in the words of its client."""
        params = _with_subscription(dict(message.params or {}), work.request.id)
        if message.method == PROGRESS:
            params["progressToken"] = _token(work.request.params)
        return message.model_copy(update={"params": params}) if params else message

    def _remember(self, address: ReturnAddress) -> None:
        self._clients[address.owner] = address.without_request()
        self._clients.move_to_end(address.owner)
        if len(self._clients) > _CLIENT_COUNT:
            self._clients.popitem(last=False)

    def _note_deadline(self, stream_id: str, work: Work) -> None:
        due = due_of(work)
        if due is None:
            return
        next_one = self.next_deadline()
        self._deadlines[stream_id] = due
        if next_one is None or due < next_one:
            self.sooner.set()

    def _forget(self, stream_id: str) -> None:
        self._deadlines.pop(stream_id, None)
        self._stream_ids.pop(self._works.pop(stream_id).key, None)


def _related_id(item: SessionMessage) -> Any:
    """The id, on the stream, of the request that a message of the server belongs to."""
    match item.message:
        case JSONRPCNotification(method="notifications/progress", params={"progressToken": token}):
            return token
        case _:
            metadata = item.metadata
            is_related = isinstance(metadata, ServerMessageMetadata)
            return metadata.related_request_id if is_related else None


def _with_subscription(params: dict[str, Any], request_id: RequestId) -> dict[str, Any]:
    """The same, with the subscription named as its client named it: by the id of the request."""
    match params:
        case {"_meta": {**meta}} if SUBSCRIPTION_ID_META_KEY in meta:
            return {**params, "_meta": {**meta, SUBSCRIPTION_ID_META_KEY: request_id}}
        case _:
            return params


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

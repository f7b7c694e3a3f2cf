"""The SDK's view of one message: its ``DispatchContext``, and the channel behind it.

What a handler says (progress, logs, questions) goes to the client that asked, in order.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Hashable, Mapping
from typing import Any, Final

import anyio
from mcp.shared.dispatcher import CallOptions, ProgressFnT
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp.shared.message import MessageMetadata
from mcp.shared.transport_context import TransportContext
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)

from asyncmcp_nb.bus.batcher import Done
from asyncmcp_nb.errors import AsyncMcpError, BusError
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.addressing import (
    CANCELLED,
    PROGRESS,
    first_question_number,
    question_id,
)
from asyncmcp_nb.sns_sqs.handoff import Handoff
from asyncmcp_nb.sns_sqs.listening import end_stream
from asyncmcp_nb.sns_sqs.streams import Publication
from asyncmcp_nb.sns_sqs.work import Outlet, ReturnAddress, Work

logger = logging.getLogger(__name__)

TRANSPORT_KIND: Final = "sns-sqs"

_UNPUBLISHED_COUNT: Final = 64
"""Notifications of one exchange that may wait to be published before its handler waits too."""


class Question:
    """A request of ours to a client, waiting for its answer."""

    def __init__(self, owner: Hashable, on_progress: ProgressFnT | None) -> None:
        self.owner = owner
        """The connected session that was asked; nobody else can answer."""
        self.answered = anyio.Event()
        self.outcome: dict[str, Any] | ErrorData | None = None
        self.on_progress = on_progress

    def settle(self, outcome: dict[str, Any] | ErrorData) -> None:
        """Take the first answer; later ones change nothing."""
        if self.outcome is None:
            self.outcome = outcome
            self.answered.set()


class Questions:
    """All questions of one host, by id."""

    def __init__(self, worker_id: str | None) -> None:
        self._worker_id = worker_id
        self._token = secrets.token_hex(8)
        self._count = first_question_number()
        self.pending: dict[str, Question] = {}

    def new_id(self) -> str:
        """An id that no other server uses, and that leads the answer back here."""
        self._count += 1
        return question_id(self._worker_id, self._token, self._count)

    def find(self, question_id: Any, address: ReturnAddress | None) -> Question | None:
        """The pending question of this id, where the client of this address was asked."""
        question = self.pending.get(str(question_id))
        if question is None or address is None or question.owner != address.owner:
            return None
        return question

    def take_answer(
        self, message: JSONRPCResponse | JSONRPCError, address: ReturnAddress | None
    ) -> bool:
        """Settle the question that a message answers; False where there is none."""
        question = self.find(message.id, address)
        if question is None:
            return False
        question.settle(message.result if isinstance(message, JSONRPCResponse) else message.error)
        return True

    def close(self) -> None:
        """Let everybody know that no answers will come."""
        for question in self.pending.values():
            question.settle(ErrorData(code=CONNECTION_CLOSED, message="The server is stopping"))


class Channel:
    """Messages to one client: about one request, or about none."""

    def __init__(
        self, link: Outlet, address: ReturnAddress, *, handoff: Handoff, questions: Questions
    ) -> None:
        self._link = link
        self._address = address
        self._handoff = handoff
        self._questions = questions
        self._unpublished: list[Publication] = []

    def _post(self, message: JSONRPCMessage, done: Done) -> None:
        self._link.post(self._address, message, done)

    async def notify(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        opts: CallOptions | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> None:
        """Tell the client something; waits only when far ahead of the publisher."""
        message = (
            JSONRPCNotification(jsonrpc="2.0", method=method)
            if params is None
            else JSONRPCNotification(jsonrpc="2.0", method=method, params=dict(params))
        )
        if len(self._unpublished) >= _UNPUBLISHED_COUNT:
            try:
                await self._unpublished.pop(0).wait()
            except BusError as exc:
                logger.warning("a notification was not published: %s", plain(exc))
        publication = Publication(self._handoff)
        self._unpublished.append(publication)
        try:
            self._post(message, publication.done)
        except AsyncMcpError as exc:
            publication.done(None)
            logger.warning("a %s notification was not sent: %s", method, plain(exc))

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client and wait for its answer.

        Raises:
            MCPError: The client answered with an error, or not within ``opts["timeout"]`` seconds.
            AsyncMcpError: The question could not be published.
        """
        options: CallOptions = opts or {}
        request_id = self._questions.new_id()
        question = Question(self._address.owner, options.get("on_progress"))
        self._questions.pending[request_id] = question
        try:
            with anyio.fail_after(options.get("timeout")):
                wants_progress = question.on_progress is not None
                request = _request(request_id, method, params, wants_progress=wants_progress)
                await self._publish(request)
                await question.answered.wait()
        except TimeoutError:
            await self._withdraw(request_id, "timed out")
            raise MCPError(REQUEST_TIMEOUT, f"Request {method!r} timed out") from None
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._withdraw(request_id, "cancelled")
            raise
        finally:
            del self._questions.pending[request_id]
        if isinstance(question.outcome, ErrorData):
            raise MCPError.from_error_data(question.outcome)
        return question.outcome or {}

    async def _publish(self, message: JSONRPCMessage) -> None:
        publication = Publication(self._handoff)
        self._post(message, publication.done)
        await publication.wait()

    async def _withdraw(self, request_id: str, reason: str) -> None:
        await self.notify(CANCELLED, {"requestId": request_id, "reason": reason})


class Exchange(Channel):
    """The SDK's ``DispatchContext`` of one request."""

    def __init__(
        self, work: Work, handoff: Handoff, questions: Questions, *, may_ask: bool
    ) -> None:
        super().__init__(work.link, work.address, handoff=handoff, questions=questions)
        self.work = work
        self._closed = False
        self._transport = TransportContext(kind=TRANSPORT_KIND, can_send_request=may_ask)
        self.cancel_requested = anyio.Event()
        self.scope = anyio.CancelScope()
        self.finished = anyio.Event()

    @property
    def transport(self) -> TransportContext:
        """What the SDK wants to know of the transport."""
        return self._transport

    @property
    def can_send_request(self) -> bool:
        """Whether the client can be asked now: 2025 era, while the request runs."""
        return self._transport.can_send_request and not self._closed

    @property
    def request_id(self) -> RequestId | None:
        """The request's JSON-RPC id, as the client wrote it."""
        return self.work.request.id

    @property
    def message_metadata(self) -> MessageMetadata:
        """None: there is no HTTP request behind a queue."""
        return None

    @property
    def reply_topic(self) -> str | None:
        """The topic that its client named for the answer; None for the deployment's own."""
        return self.work.address.topic

    @property
    def is_detached(self) -> bool:
        """Whether it is a stream that lasts, which nobody waits for at shutdown."""
        return self.work.detached

    def end_stream(self) -> None:
        """Where it is a stream that lasts, end it in good order; from any thread."""
        if self.is_detached:
            self._closed = True
            end_stream(self.work)

    def close(self) -> None:
        """Say nothing more about this request."""
        self._closed = True
        self.finished.set()

    def _post(self, message: JSONRPCMessage, done: Done) -> None:
        self.work.send(message, done)

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Tell the client something about its request."""
        if self._closed:
            logger.debug("dropped %s: its request has ended", method)
            return
        await super().notify(method, params, opts)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client something for its request.

        Raises:
            NoBackChannelError: The era does not allow it, or the request has ended.
            MCPError: The client answered with an error, or not in time.
        """
        if not self.can_send_request:
            raise NoBackChannelError(method)
        return await super().send_raw_request(method, params, opts)

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Report progress, where the client asked for it with a token."""
        token = progress_token(self.work.request.params)
        if token is None:
            return
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        params |= {} if total is None else {"total": total}
        params |= {} if message is None else {"message": message}
        await self.notify(PROGRESS, params)


class Notice:
    """The SDK's ``DispatchContext`` of one notification, which has no progress."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.transport = TransportContext(kind=TRANSPORT_KIND, can_send_request=False)
        self.can_send_request = False
        self.request_id: RequestId | None = None
        self.message_metadata: MessageMetadata = None
        self.cancel_requested = anyio.Event()

    async def notify(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> None:
        """Tell the client something."""
        await self._channel.notify(method, params, opts)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None
    ) -> dict[str, Any]:
        """Ask the client something, from the handler of its notification (2025 era).

        Raises:
            MCPError: The client answered with an error, or not in time.
        """
        return await self._channel.send_raw_request(method, params, opts)

    async def progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Do nothing: a notification has no progress."""


def progress_token(params: Mapping[str, Any] | None) -> RequestId | None:
    """``_meta.progressToken`` where it is a string or an integer."""
    match params:
        case {"_meta": {"progressToken": str() | int() as token}} if not isinstance(token, bool):
            return token
        case _:
            return None


def _request(
    request_id: str, method: str, params: Mapping[str, Any] | None, *, wants_progress: bool
) -> JSONRPCRequest:
    body = dict(params or {})
    if wants_progress:
        body["_meta"] = {**(body.get("_meta") or {}), "progressToken": request_id}
    if not body:
        return JSONRPCRequest(jsonrpc="2.0", id=request_id, method=method)
    return JSONRPCRequest(jsonrpc="2.0", id=request_id, method=method, params=body)

"""Answering what a server asks back: ``input_required`` results of the 2026 era.

The questions are in the ledger, so they can be answered by a later session too. They go through the
callbacks of the SDK's client, the same that serve the 2025 era.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import anyio
from mcp import Client
from mcp_types import (
    CreateMessageRequest,
    ElicitRequest,
    ErrorData,
    InputRequest,
    InputRequiredResult,
    InputResponse,
)
from pydantic import ValidationError

from asyncmcp_nb.ledger import CallRecord, Status
from asyncmcp_nb.logs import about
from asyncmcp_nb.session.asker import CallContext
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.envelope import Reply

logger = logging.getLogger(__name__)

_MAX_ROUNDS: Final = 10
"""As the SDK's own client."""
_STATE_ONLY_SECONDS: Final = 0.25
"""Before asking again where the server asked nothing; the SDK's upper bound."""


class Answerer:
    """Answers questions with a client's callbacks, on the client's loop."""

    def __init__(self, client: Client, desk: CallDesk, callbacks: Mapping[str, Any]) -> None:
        """Make one.

        Args:
            client: Whose session the callbacks are shown.
            desk: Where calls are sent again.
            callbacks: All three of the SDK client's callbacks, by its names for them.
        """
        self._client = client
        self._desk = desk
        self._callbacks = callbacks
        self._under_way: set[tuple[str, str]] = set()

    async def answer(self, call_id: str) -> None:
        """Answer one call's questions and send it again; a refusal ends the call as ``failed``.

        Being told of a question twice, or of one that was answered meanwhile, does nothing.
        """
        ledger = self._desk.ledger
        record, request_id = ledger.get(call_id), ledger.last_answered(call_id)
        if record is None or record.status is not Status.INPUT_REQUIRED or request_id is None:
            return
        question = (call_id, request_id)
        if question in self._under_way:
            return
        self._under_way.add(question)
        try:
            await self._answer(record)
        finally:
            self._under_way.discard(question)

    async def _answer(self, record: CallRecord) -> None:
        try:
            asked = InputRequiredResult.model_validate(record.result, by_name=False)
        except ValidationError as exc:
            self._desk.fail(record.call_id, f"the server's questions are malformed: {exc.title}")
            return
        if len(self._desk.ledger.bindings_of(record.call_id)) > _MAX_ROUNDS:
            self._desk.fail(record.call_id, f"the server asked more than {_MAX_ROUNDS} times")
            return
        responses: dict[str, Any] | None = None
        if asked.input_requests:
            try:
                responses = await self._ask(record, asked)
            except Exception as exc:  # boundary: a callback of the user's
                fields = about(call_id=record.call_id, tool=record.tool)
                logger.exception("a callback raised while answering a call", extra=fields)
                self._desk.fail(record.call_id, f"a callback raised {type(exc).__name__}: {exc}")
                return
        else:
            await anyio.sleep(_STATE_ONLY_SECONDS)
        if responses is not None or not asked.input_requests:
            self._send_on(record, Reply(responses, asked.request_state))

    async def _ask(self, record: CallRecord, asked: InputRequiredResult) -> dict[str, Any] | None:
        """All questions at once, as a person sees them; None where one was refused.

        Raises:
            Exception: What a callback raised.
        """
        answers: dict[str, InputResponse | ErrorData] = {}

        async def ask(key: str, request: InputRequest) -> None:
            answers[key] = await self._dispatch(record.call_id, request)
            if isinstance(answers[key], ErrorData):
                asking.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as asking:
                for key, request in (asked.input_requests or {}).items():
                    asking.start_soon(ask, key, request)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        responses: dict[str, Any] = {}
        for key, answer in answers.items():
            if isinstance(answer, ErrorData):
                self._desk.fail(record.call_id, answer.message, code=answer.code)
                return None
            responses[key] = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
        return responses

    async def _dispatch(self, call_id: str, request: InputRequest) -> InputResponse | ErrorData:
        context = CallContext(
            session=self._client.session,
            request_id=call_id,
            meta=request.params.meta if request.params else None,
            call_id=call_id,
        )
        match request:
            case ElicitRequest(params=params):
                return await self._callbacks["elicitation_callback"](context, params)
            case CreateMessageRequest(params=params):
                return await self._callbacks["sampling_callback"](context, params)
            case _:
                return await self._callbacks["list_roots_callback"](context)

    def _send_on(self, record: CallRecord, reply: Reply) -> None:
        current = self._desk.ledger.get(record.call_id)
        if current is not None and current.status is Status.INPUT_REQUIRED:
            self._desk.resend(current, reply)

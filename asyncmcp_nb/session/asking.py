"""Answering what a server asks back: ``input_required`` results of the 2026 era.

The questions are in the ledger, so they can be answered by a later session too. They go through the
callbacks of the SDK's client, the same that serve the 2025 era.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

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

from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger import Binding, CallRecord, Status
from asyncmcp_nb.logs import about
from asyncmcp_nb.session.asker import CallContext
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.envelope import Reply

logger = logging.getLogger(__name__)

_MAX_ROUNDS: Final = 10
"""As the SDK's own client."""
_STATE_ONLY_SECONDS: Final = 0.25
"""Before asking again where the server asked nothing; the SDK's upper bound."""
_AGAIN_SECONDS: Final = 1.0
"""Before the ledger is tried again; as the desk does."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Question:
    """What a server asks about a call."""

    record: CallRecord
    request_id: str
    """The request that led to it; that of ``unsent``, where there is one."""
    unsent: Binding | None = None
    """The request of an answer that may not have got out."""
    rounds_count: int = field(kw_only=True)
    """Requests of the call so far, this question's being the last."""

    @property
    def key(self) -> tuple[str, str, bool]:
        """Tells it from other questions."""
        return (self.record.call_id, self.request_id, self.unsent is not None)


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
        self._under_way: set[tuple[str, str, bool]] = set()

    async def answer(self, call_id: str, *, is_resumed: bool = False) -> None:
        """Answer one call's questions and send it again; a refusal ends the call as ``failed``.

        Being told of a question twice, or of one that was answered meanwhile, does nothing.

        Args:
            call_id: The call.
            is_resumed: An earlier session left it. An answer of that one that was not noted as
                published is made once more, and sent as the same request: it runs once.
        """
        question = await self._lasting(partial(self._question, call_id, is_resumed=is_resumed))
        if question is None or question.key in self._under_way:
            return
        self._under_way.add(question.key)
        try:
            await self._lasting(await self._answer(question))
        finally:
            self._under_way.discard(question.key)

    def _question(self, call_id: str, *, is_resumed: bool) -> _Question | None:
        ledger = self._desk.ledger
        record = ledger.get(call_id)
        if record is None or record.status is not Status.INPUT_REQUIRED:
            return None
        bindings = ledger.bindings_of(call_id)
        answered = ledger.last_answered(call_id)
        if answered is not None:
            return _Question(record, answered, rounds_count=len(bindings))
        if is_resumed and bindings:
            latest = bindings[-1]
            return _Question(record, latest.request_id, latest, rounds_count=len(bindings) - 1)
        return None

    async def _lasting(self, deed: Callable[[], T]) -> T:
        """Do something with the ledger, again and again while that cannot be used."""
        while True:
            try:
                return deed()
            except LedgerError:
                logger.exception("a question waits for the ledger; trying again in a second")
                await anyio.sleep(_AGAIN_SECONDS)

    async def _answer(self, question: _Question) -> Callable[[], None]:
        """Ask; what is to be done with the answers."""
        record = question.record
        fail = partial(self._desk.fail, record.call_id)
        try:
            asked = InputRequiredResult.model_validate(record.result, by_name=False)
        except ValidationError as exc:
            return partial(fail, f"the server's questions are malformed: {exc.title}")
        if question.rounds_count > _MAX_ROUNDS:
            return partial(fail, f"the server asked more than {_MAX_ROUNDS} times")
        if not asked.input_requests:
            await anyio.sleep(_STATE_ONLY_SECONDS)
            return partial(self._send_on, question, Reply(None, asked.request_state))
        try:
            responses = await self._ask(record, asked)
        except Exception as exc:  # boundary: a callback of the user's
            fields = about(call_id=record.call_id, tool=record.tool)
            logger.exception("a callback raised while answering a call", extra=fields)
            return partial(fail, f"a callback raised {type(exc).__name__}: {exc}")
        if isinstance(responses, ErrorData):
            return partial(fail, responses.message, code=responses.code)
        return partial(self._send_on, question, Reply(responses, asked.request_state))

    async def _ask(
        self, record: CallRecord, asked: InputRequiredResult
    ) -> dict[str, Any] | ErrorData:
        """All questions at once, as a person sees them; or the refusal of one.

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
                return answer
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

    def _send_on(self, question: _Question, reply: Reply) -> None:
        ledger, call_id = self._desk.ledger, question.record.call_id
        current = ledger.get(call_id)
        if current is None or current.status is not Status.INPUT_REQUIRED:
            return
        if question.unsent is not None and ledger.last_answered(call_id) is not None:
            return  # the earlier session's answer had got out, and led to another question
        self._desk.resend(current, reply, binding=question.unsent)

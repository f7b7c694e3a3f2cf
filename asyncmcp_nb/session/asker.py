"""The SDK client's callbacks: each request of a server becomes a question that somebody answers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import anyio
from mcp.client import ClientRequestContext
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    ErrorData,
    JSONRPCRequest,
    ListRootsResult,
)

from asyncmcp_nb.ledger import NOTES, CallRecord, LedgerReader
from asyncmcp_nb.printable import cut
from asyncmcp_nb.session.policy import PARAMETER_OF, Policies, answer_by
from asyncmcp_nb.session.question import Kind, Params, Question, Reply, Result, result_of
from asyncmcp_nb.session.questions import Questions
from asyncmcp_nb.wire import Incoming

_ORIGINS_COUNT: Final = 10_000
"""Questions of the 2025 era whose calls are remembered until they are put. Our choice."""
_EXCERPT_LENGTH: Final = 200

_CALLBACKS: Final[Mapping[Kind, str]] = {
    "form": "elicitation_callback",
    "sampling": "sampling_callback",
    "roots": "list_roots_callback",
}
_KINDS: Final[Mapping[str, Kind]] = {
    "elicitation/create": "form",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}

_REMEDIES: Final[Mapping[str, str]] = {
    "elicitation": "on_elicit",
    "sampling": "on_sample",
    "roots": "roots",
}
"""A client's capability, and the parameter of ``connect`` that brings it."""

Note = Callable[[str | None, str], None]
"""Keeps a line for people about a call, or about no call."""


@dataclass(kw_only=True)
class CallContext(ClientRequestContext):
    """The context of a question in the answer to a call (2026 era)."""

    call_id: str


class Asker:
    """Answers the requests of servers by policy, by asking a person, or by declining."""

    def __init__(
        self, questions: Questions, policies: Policies, ledger: LedgerReader, *, note: Note
    ) -> None:
        self._questions = questions
        self._policies = policies
        self._ledger = ledger
        self._note = note
        self._lock = threading.Lock()
        self._origins: OrderedDict[str, str] = OrderedDict()

    def callbacks(self) -> dict[str, Any]:
        """Arguments of the SDK's ``Client``, for all kinds."""
        return {
            "elicitation_callback": self.elicit,
            "sampling_callback": self.sample,
            "list_roots_callback": self.list_roots,
        }

    def declared(self) -> dict[str, Any]:
        """Of these, those of kinds that servers may be told of: the SDK declares what it gets."""
        all_of_them = self.callbacks()
        names = [name for kind, name in _CALLBACKS.items() if self._policies.can_answer(kind)]
        return {name: all_of_them[name] for name in names}

    def note_request(self, incoming: Incoming) -> None:
        """Remember which call a server's request is for (2025 era); from a poller's thread."""
        message = incoming.message
        kind = _KINDS.get(message.method) if isinstance(message, JSONRPCRequest) else None
        if kind is None or not isinstance(message, JSONRPCRequest):
            return
        header = incoming.header
        call_id = (
            None
            if header.connection_id is None or header.request_id is None
            else self._ledger.call_of(header.connection_id, header.request_id)
        )
        if not self._policies.can_answer(kind):
            # The SDK refuses it, having no callback.
            self._note(call_id, f"a {kind} request was {self._refusal(kind)}")
        elif call_id is not None:
            with self._lock:
                self._origins[str(message.id)] = call_id
                if len(self._origins) > _ORIGINS_COUNT:
                    self._origins.popitem(last=False)

    def note_missing(self, record: CallRecord) -> None:
        """Say how to go on where a server refused a call since it may not ask for it."""
        if record.error_code != MISSING_REQUIRED_CLIENT_CAPABILITY:
            return
        match record.error_data:
            case {"requiredCapabilities": {**required}}:
                names = [_REMEDIES[name] for name in _REMEDIES if name in required]
            case _:
                names = []
        is_noted = any(entry.logger == NOTES for entry in self._ledger.logs(record.call_id))
        if names and not is_noted:
            how = " and ".join(f"{name}=" for name in names)
            said = (
                f"the server has to ask for this call, and nobody answers; pass {how} to connect()"
            )
            self._note(record.call_id, said)

    async def elicit(
        self, context: ClientRequestContext, params: ElicitRequestParams
    ) -> ElicitResult | ErrorData:
        """The SDK's ``elicitation_callback``."""
        return cast("ElicitResult | ErrorData", await self._answer(context, params))

    async def sample(
        self, context: ClientRequestContext, params: CreateMessageRequestParams
    ) -> CreateMessageResult | ErrorData:
        """The SDK's ``sampling_callback``."""
        return cast("CreateMessageResult | ErrorData", await self._answer(context, params))

    async def list_roots(self, context: ClientRequestContext) -> ListRootsResult | ErrorData:
        """The SDK's ``list_roots_callback``."""
        return cast("ListRootsResult | ErrorData", await self._answer(context, None))

    async def _answer(self, context: ClientRequestContext, params: Params) -> Result:
        call_id = self._call_of(context)
        record = None if call_id is None else self._ledger.get(call_id)
        tool = None if record is None else record.tool
        question = self._questions.make(params, call_id=call_id, tool=tool)
        policy = self._policies.of(question.kind)
        if policy == "ask":
            return await self._ask(question, is_kept=isinstance(context, CallContext))
        if policy is None or policy == "decline":
            return self._decline(question)
        return await answer_by(policy, question)

    async def _ask(self, question: Question, *, is_kept: bool) -> Result:
        try:
            return await self._questions.ask(question)
        except anyio.get_cancelled_exc_class():
            if not is_kept:
                # It cannot come again: the server withdrew it, or its connection has ended.
                said = f"the question {_excerpt(question)!r} was withdrawn before it was answered"
                self._note(question.call_id, said)
            raise

    def _decline(self, question: Question) -> Result:
        refusal = self._refusal(question.kind)
        self._note(question.call_id, f"the question {_excerpt(question)!r} was {refusal}")
        result = result_of(question, Reply("decline"))
        return result.model_copy(update={"message": refusal}) if _is_error(result) else result

    def _refusal(self, kind: Kind) -> str:
        name = PARAMETER_OF[kind]
        if self._policies.of(kind) == "decline":
            return f"declined, as connect({name}='decline') says"
        return f"declined: nobody to ask; pass {name}= to connect()"

    def _call_of(self, context: ClientRequestContext) -> str | None:
        if isinstance(context, CallContext):
            return context.call_id
        with self._lock:
            return self._origins.pop(str(context.request_id), None)


def _excerpt(question: Question) -> str:
    return cut(question.message, _EXCERPT_LENGTH)


def _is_error(result: Result) -> bool:
    return isinstance(result, ErrorData)

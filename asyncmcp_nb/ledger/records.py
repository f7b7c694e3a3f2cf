"""What goes into the ledger and what comes out: frozen values.

Times are Unix seconds, sizes are bytes. JSON stays the text it was, so that big integers, ``null``
and non-ASCII survive; the properties parse it at each use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple, cast

from asyncmcp_nb.ledger.status import ANSWERED, STATUSES, TERMINAL, Status
from asyncmcp_nb.ledger.structured import structured_of

ArrivalKind = Literal["result", "error", "progress", "log"]
"""A result or error answers a request; progress and logs belong to one that still runs."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be recorded, before anything of it is sent."""

    call_id: str
    """Unique in the ledger for ever."""
    tool: str
    arguments: Mapping[str, Any]
    submitted_at: float
    """Unix seconds."""
    group: str | None
    """The ``map`` it belongs to, or None."""
    session: str
    """Connection id of the session that submitted it."""
    deadline: float | None = None
    """Unix seconds after which it is ``timed_out``, or None."""
    retry_of: str | None = None
    """The call this one repeats, or None."""
    trace_context: Mapping[str, str] | None = None
    """What its requests carry so that a trace goes on through them, such as ``traceparent``."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A request on the wire and the call it was sent for. A call may have several."""

    connection_id: str
    request_id: str
    """JSON-RPC id as text."""
    call_id: str


class Sent(NamedTuple):
    """A request that the topic accepted. A plain tuple of the three does as well."""

    call_id: str
    sent_at: float
    """Unix seconds."""
    request_bytes: int
    """As it crossed the wire."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message for a request, as a poller took it from the queue."""

    connection_id: str
    request_id: str
    """JSON-RPC id as text."""
    kind: ArrivalKind
    payload: str
    """JSON text: the result, the error object, or the params of the notification."""
    received_at: float
    """Unix seconds."""
    size_bytes: int
    """As it crossed the wire."""
    sequence: int | None = None
    """Number of the message within its request, where known: tells a log line that came twice from
    two equal ones."""


class Outcome(Enum):
    """What recording an arrival did."""

    COMPLETED = "completed"
    """It ended its call."""
    UPDATED = "updated"
    """Its call goes on: progress, a log line, or a question."""
    DUPLICATE = "duplicate"
    """It changed nothing but ``deliveries``: it came before, or its call had ended."""
    UNSOLICITED = "unsolicited"
    """No call of this ledger was sent as that request."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome for one arrival, and the call it belongs to (None when unsolicited)."""

    outcome: Outcome
    call_id: str | None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One row of the ledger, its fields in the order of ``schema.CALL_COLUMNS``."""

    position: int
    """1, 2, 3… in the order of submission."""
    call_id: str
    tool: str
    status: Status
    submitted_at: float
    sent_at: float | None
    """When its first request was accepted."""
    responded_at: float | None
    """When the answer that ended it arrived; None when it ended without one."""
    finished_at: float | None
    """When its status became terminal, for whatever reason."""
    deadline: float | None
    progress: float | None
    """0 to 1, or None where the server gave no total."""
    progress_message: str | None
    error_code: int | None
    error_message: str | None
    """Of a JSON-RPC or transport error; a tool's own error is in ``text``."""
    request_bytes: int | None
    """Its latest request as it crossed the wire."""
    response_bytes: int | None
    """The answer as it crossed the wire."""
    deliveries: int
    """Times its answer arrived; above 1, duplicates were dropped."""
    attempts: int
    """Requests that were sent for it."""
    group: str | None
    session: str
    retry_of: str | None
    arguments_json: str
    text: str | None
    """Text content of the answer, joined with newlines; None where it has none."""
    error_data_json: str | None
    result_json: str | None
    """The result, or while input is required the question with its ``requestState``."""
    trace_context_json: str | None = None
    """As ``NewCall.trace_context``."""
    running_at: float | None = None
    """When it first showed life: its first progress or log message."""

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> CallRecord:
        """Make one of a row of ``schema.CALL_COLUMNS``."""
        return cls(row[0], row[1], row[2], STATUSES[int(row[3])], *row[4:])

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, parsed."""
        return json.loads(self.arguments_json)

    @property
    def result(self) -> dict[str, Any] | None:
        """The result (or question), parsed; None where there is none or it is no JSON object."""
        if self.result_json is None:
            return None
        result: Any = json.loads(self.result_json)
        return cast("dict[str, Any]", result) if isinstance(result, dict) else None

    @property
    def structured(self) -> Any:
        """The answer's ``structuredContent``; None where it has none."""
        return structured_of(self.answer_json)

    @property
    def answer_json(self) -> str | None:
        """The result that ended the call; None where none did, whatever was kept instead."""
        return self.result_json if self.status in ANSWERED else None

    @property
    def error_data(self) -> Any:
        """What the JSON-RPC error carried besides its message, parsed; None where nothing."""
        return None if self.error_data_json is None else json.loads(self.error_data_json)

    @property
    def trace_context(self) -> dict[str, str]:
        """What its requests carry so that a trace goes on through them; mostly empty."""
        return {} if self.trace_context_json is None else json.loads(self.trace_context_json)

    @property
    def latency_seconds(self) -> float | None:
        """From submission to the answer; None while there is none."""
        return None if self.responded_at is None else self.responded_at - self.submitted_at

    @property
    def is_finished(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log message that a server sent for a call."""

    call_id: str
    level: str
    """``debug`` to ``emergency``, as the server wrote it."""
    logger: str | None
    data_json: str
    received_at: float
    """Unix seconds."""

    @property
    def data(self) -> Any:
        """What was logged, parsed."""
        return json.loads(self.data_json)


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that could not be verified or read, and so is not known to be anybody's."""

    connection_id: str
    """As its attributes say, which may be anything; empty where they say nothing."""
    request_id: str
    """As its attributes say."""
    excerpt: str
    """The start of its body."""
    reason: str
    """One line."""
    received_at: float
    """Unix seconds."""
    size_bytes: int
    """As it crossed the wire."""


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """A message that belongs to no call of this ledger."""

    connection_id: str
    request_id: str
    kind: ArrivalKind | Literal["refused"]
    payload: str
    """JSON text, as far as ``recorder.UNSOLICITED_LENGTH`` characters; of a refused message, the
    start of its body."""
    received_at: float
    size_bytes: int
    reason: str | None = None
    """Why it was refused; None where it could be read, and was not asked for."""

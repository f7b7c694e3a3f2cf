"""What is told of calls while they go on: to OpenTelemetry, and to the log.

A call's span begins with its submission and ends with the call, in whatever threads these happen.
Its context is in the call's row, so that a later kernel sends it along; the span itself dies with
the process that began it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.ledger import Binding, CallRecord, NewCall, Status
from asyncmcp_nb.logs import about
from asyncmcp_nb.spans import CallSpan
from asyncmcp_nb.telemetry import CALL_METHOD, OTHER, operation_attributes

logger = logging.getLogger(__name__)

_ERROR_TYPES: Final = {
    Status.TOOL_ERROR: "tool_error",
    Status.CANCELLED: "cancelled",
    Status.TIMED_OUT: "timeout",
}


class CallTraces:
    """The calls of one session's process. Safe to use from any thread."""

    def __init__(self, era: str) -> None:
        self._era = era
        self._lock = threading.Lock()
        self._spans: dict[str, CallSpan] = {}
        self.ended_count = 0
        """Calls that ended in this session."""
        self.duplicate_count = 0
        """Messages about calls that came before, or after their call had ended."""

    def begin(self, calls: Sequence[NewCall]) -> Sequence[NewCall]:
        """Begin a span for each call, as a child of the caller's current one.

        Returns:
            The calls, each with its trace context where there is any.
        """
        return [self._begin(call) for call in calls]

    def refuse(self, calls: Iterable[NewCall], error: Exception) -> None:
        """End the spans of calls that were not recorded."""
        for call in calls:
            span = self._spans.pop(call.call_id, None)
            if span is not None:
                span.end("refused", error_type=type(error).__name__)

    def sent_as(self, bindings: Iterable[Binding]) -> None:
        """Note the requests that calls are about to be sent as."""
        for binding in bindings:
            span = self._spans.get(binding.call_id)
            if span is not None:
                span.sent_as(binding.request_id)
            if logger.isEnabledFor(logging.DEBUG):
                fields = about(
                    call_id=binding.call_id,
                    connection_id=binding.connection_id,
                    request_id=binding.request_id,
                )
                logger.debug("a call is sent", extra=fields)

    def end(self, record: CallRecord, failure: Exception | None) -> None:
        """Note a call that has just ended.

        Args:
            record: Its row.
            failure: What kept its request from being published, or None.
        """
        with self._lock:
            self.ended_count += 1
        kind = _error_type(record, failure)
        span = self._spans.pop(record.call_id, None)
        if span is not None:
            span.end(
                record.status.value,
                error_type=kind,
                code=record.error_code,
                message=record.error_message,
            )
        ended_at = time.time() if record.finished_at is None else record.finished_at
        attributes = operation_attributes(CALL_METHOD, tool=record.tool, error_type=kind)
        attributes["asyncmcp_nb.call.status"] = record.status.value
        telemetry.CALLS.record(max(0.0, ended_at - record.submitted_at), attributes)
        if logger.isEnabledFor(logging.DEBUG):
            status = record.status.value
            fields = about(call_id=record.call_id, tool=record.tool, status=status)
            logger.debug("a call ended: %s", status, extra=fields)

    def note_duplicates(self, count: int) -> None:
        """Note messages that were dropped."""
        if count:
            telemetry.CLIENT_DUPLICATES.add(count)
            with self._lock:
                self.duplicate_count += count

    def close(self, records: Iterable[CallRecord]) -> None:
        """End the spans of calls that go on without this session, with the status they have."""
        for record in records:
            span = self._spans.pop(record.call_id, None)
            if span is not None:
                span.end(record.status.value)

    @property
    def open_ids(self) -> list[str]:
        """Calls whose spans have not ended."""
        return list(self._spans)

    def _begin(self, call: NewCall) -> NewCall:
        span = CallSpan(call.tool, call_id=call.call_id, era=self._era)
        if span.is_recording:
            self._spans[call.call_id] = span
        return replace(call, trace_context=span.context) if span.context else call


def _error_type(record: CallRecord, failure: Exception | None) -> str | None:
    """How a call failed, as ``error.type`` says it; None where it did not."""
    if record.status is not Status.FAILED:
        return _ERROR_TYPES.get(record.status)
    if failure is not None:
        return type(failure).__name__
    return OTHER if record.error_code is None else str(record.error_code)

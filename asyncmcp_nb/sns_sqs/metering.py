"""What a server's end tells of the requests it runs: to OpenTelemetry, and to the log."""

from __future__ import annotations

import logging
import time

from mcp_types import JSONRPCError, JSONRPCRequest

from asyncmcp_nb import telemetry
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.logs import about, plain
from asyncmcp_nb.sns_sqs.work import Answer, Work

logger = logging.getLogger(__name__)


def note_begun(work: Work) -> None:
    """A request was taken, and is about to be run."""
    sent_at = work.incoming.header.timestamp
    if sent_at is not None and work.delivery.receive_count == 1:
        # By two clocks, which may differ.
        waited_seconds = max(0.0, time.time() - sent_at)
        telemetry.QUEUE_WAIT.record(waited_seconds, _attributes(work.request))
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("a request is taken", extra=fields_of(work))


def note_answered(work: Work, answer: Answer) -> None:
    """A request has its answer, which is about to be published."""
    failure = _failure_of(answer)
    taken_seconds = max(0.0, time.time() - work.taken_at)
    telemetry.SERVED.record(taken_seconds, _attributes(work.request, failure))
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("a request is answered: %s", failure or "done", extra=fields_of(work))


def note_unpublished(work: Work, error: BusError) -> None:
    """An answer did not reach its topic, and waits to be published when its request comes again."""
    logger.warning(
        "an answer could not be published; it is sent again: %s",
        plain(error),
        extra=fields_of(work),
    )


def fields_of(work: Work) -> dict[str, str]:
    """What a log record about a request is found by."""
    return about(
        connection_id=work.address.connection_id,
        request_id=work.request.id,
        message_id=work.delivery.message_id,
        method=work.request.method,
    )


def _attributes(request: JSONRPCRequest, failure: str | None = None) -> dict[str, str]:
    tool = (request.params or {}).get("name") if request.method == telemetry.CALL_METHOD else None
    return telemetry.operation_attributes(
        request.method, tool=tool if isinstance(tool, str) else None, error_type=failure
    )


def _failure_of(answer: Answer) -> str | None:
    """As ``error.type`` says it; None where the answer is a good one."""
    if isinstance(answer, JSONRPCError):
        return str(answer.error.code)
    return "tool_error" if answer.result.get("isError") is True else None

"""What a call that has ended gives to whoever waits for it: a result, or an error of ours."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcp_types import CallToolResult

from asyncmcp_nb.errors import CallCancelled, CallFailed, CallTimedOut
from asyncmcp_nb.ledger import CallRecord, Status


def outcome_of(record: CallRecord, failure: Callable[[str], Exception | None]) -> CallToolResult:
    """The result in the row of a call that has ended.

    Args:
        record: The row.
        failure: What kept a call's request from being published, by the call's id, or None.

    Raises:
        CallError: It ended without a result.
        BusError: Its request could not be published.
        PayloadTooLarge: Its request was above the topic's limit.
    """
    match record.status:
        case Status.DONE | Status.TOOL_ERROR:
            return CallToolResult.model_validate(record.result, by_name=False)
        case Status.CANCELLED:
            raise CallCancelled(f"call {record.call_id} of {record.tool} was cancelled")
        case Status.TIMED_OUT:
            waited = (record.finished_at or time.time()) - record.submitted_at
            raise CallTimedOut(f"{record.tool} did not answer within {waited:.1f} s")
        case _:
            unpublished = failure(record.call_id)
            if unpublished is not None:
                raise unpublished
            raise CallFailed(
                record.error_message or "the call failed",
                code=record.error_code or 0,
                data=record.error_data,
            )

"""Records as rows of plain values, for files that know neither timestamps nor nested objects."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.ledger import CallRecord

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STORED: Final = frozenset(
    {
        "call_id",
        "tool",
        "progress",
        "progress_message",
        "text",
        "error_code",
        "error_message",
        "request_bytes",
        "response_bytes",
        "deliveries",
        "attempts",
        "group",
        "session",
    }
)


def plain_row(record: CallRecord) -> dict[str, Any]:
    """The cells of ``columns.COLUMNS``: times as ISO 8601 text, latency in seconds, None missing.

    ``arguments`` and ``structured`` are parsed JSON, without the NaN and infinity that JSON lacks
    and Python writes all the same: these are None as well.
    """
    latency = record.latency_seconds
    special = {
        "status": record.status.value,
        "arguments": strict(record.arguments),
        "submitted_at": iso_time(record.submitted_at),
        "sent_at": iso_time(record.sent_at),
        "running_at": iso_time(record.running_at),
        "responded_at": iso_time(record.responded_at),
        "latency": None if latency is None else round(latency, 6),
        "structured": strict(record.structured),
    }
    return {
        column.name: getattr(record, column.name)
        if column.name in _STORED
        else special[column.name]
        for column in COLUMNS
    }


def iso_time(seconds: float | None) -> str | None:
    """Unix seconds as ``2026-01-31T12:00:00.000000Z``; None stays None."""
    if seconds is None:
        return None
    moment = _EPOCH + timedelta(microseconds=round(seconds * 1e6))
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def strict(value: Any) -> Any:
    """The value with None in place of NaN and infinities, at any depth."""
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [strict(inner) for inner in cast("list[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value

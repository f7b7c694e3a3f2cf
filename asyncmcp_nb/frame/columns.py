"""Columns of ``session.log.frame()``: the one table of names, dtypes, units and meanings.

The frame, its exports, their metadata, the docs and the tests all read it. It needs no pandas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

DType = Literal[
    "string",
    "category",
    "ordered category",
    "object",
    "datetime64[us, UTC]",
    "timedelta64[us]",
    "float64",
    "Int64",
]
"""As pandas names them; an ordered category has the nine statuses in their order."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the frame."""

    name: str
    dtype: DType
    unit: str | None
    """None where it has none."""
    meaning: str

    @property
    def is_text(self) -> bool:
        """Whether its cells are text that users or servers wrote, at least in part."""
        return self.dtype in ("string", "category")


COLUMNS: Final = (
    Column("call_id", "string", None, "Name of the call, unique in its ledger"),
    Column("tool", "category", None, "Tool that was called"),
    Column("status", "ordered category", None, "Where the call stands"),
    Column("arguments", "object", None, "Arguments as a dict"),
    Column("submitted_at", "datetime64[us, UTC]", "UTC", "When it was submitted"),
    Column("sent_at", "datetime64[us, UTC]", "UTC", "When the request topic accepted it"),
    Column(
        "running_at",
        "datetime64[us, UTC]",
        "UTC",
        "When it first reported progress or logged",
    ),
    Column("responded_at", "datetime64[us, UTC]", "UTC", "When its answer arrived"),
    Column("latency", "timedelta64[us]", "s", "From submission to the answer"),
    Column("progress", "float64", "0 to 1", "Share done; NaN where the server gave no total"),
    Column("progress_message", "string", None, "Latest progress message"),
    Column("text", "string", None, "Text content of the answer, joined with newlines"),
    Column("structured", "object", None, "Structured content of the answer"),
    Column("error_code", "Int64", None, "JSON-RPC error code"),
    Column(
        "error_message",
        "string",
        None,
        "JSON-RPC or transport error; a tool's own error is in text",
    ),
    Column("request_bytes", "Int64", "bytes", "Size of its latest request on the wire"),
    Column("response_bytes", "Int64", "bytes", "Size of its answer on the wire"),
    Column(
        "deliveries",
        "Int64",
        "count",
        "Times its answer arrived; above 1, duplicates were dropped",
    ),
    Column("attempts", "Int64", "count", "Requests sent for it"),
    Column("group", "string", None, "The map it belongs to"),
    Column("session", "string", None, "Connection id of the session that submitted it"),
)
"""All columns in their order."""

"""Filters, order and pages as SQL: pure. User text only ever becomes a parameter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger.schema import CALL_COLUMNS
from asyncmcp_nb.ledger.status import Status

ORDERS: Final = {
    "position": "position",
    "call_id": "call_id",
    "tool": "tool",
    "status": "status",
    "submitted_at": "submitted_at",
    "sent_at": "sent_at",
    "responded_at": "responded_at",
    "latency": "responded_at - submitted_at",
    "progress": "progress",
    "progress_message": "progress_message",
    "arguments": "arguments",
    "text": "text",
    "error_code": "error_code",
    "error_message": "error_message",
    "request_bytes": "request_bytes",
    "response_bytes": "response_bytes",
    "deliveries": "deliveries",
    "attempts": "attempts",
    "group": "group_name",
    "session": "session",
}
"""Columns that rows can be ordered by, and what each is in SQL."""

_CONTAINS: Final = (
    r"(arguments LIKE ? ESCAPE '\' OR text LIKE ? ESCAPE '\' OR error_message LIKE ? ESCAPE '\')"
)

Parameters = list[str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls; each field that is not None narrows them further."""

    statuses: Collection[Status] | None = None
    tool: str | None = None
    group: str | None = None
    session: str | None = None
    """Connection id."""
    text: str | None = None
    """Occurs in arguments (as JSON text), answer text or error message; ASCII case is ignored."""


EVERYTHING: Final = CallFilter()


def where(chosen: CallFilter) -> tuple[str, Parameters]:
    """The ``WHERE`` clause of a filter, empty for one that lets everything through."""
    terms: list[str] = []
    parameters: Parameters = []
    if chosen.statuses is not None:
        terms.append(f"status IN ({', '.join('?' for _ in chosen.statuses)})")
        parameters += sorted(Status(status).rank for status in chosen.statuses)
    for column, value in (
        ("tool", chosen.tool),
        ("group_name", chosen.group),
        ("session", chosen.session),
    ):
        if value is not None:
            terms.append(f"{column} = ?")
            parameters.append(value)
    if chosen.text:
        terms.append(_CONTAINS)
        parameters += [_pattern(chosen.text)] * 3
    return (" WHERE " + " AND ".join(terms) if terms else ""), parameters


def page(
    chosen: CallFilter, *, order_by: str, descending: bool, limit: int | None, offset: int
) -> tuple[str, Parameters]:
    """The statement for one page of rows of ``schema.CALL_COLUMNS``.

    Raises:
        ConfigError: There is no such column to order by, or a limit or offset is negative.
    """
    if order_by not in ORDERS:
        raise ConfigError(f"cannot order by {order_by!r}; known: {', '.join(ORDERS)}")
    if offset < 0 or (limit is not None and limit < 0):
        raise ConfigError("limit and offset are counts of rows: 0 or more")
    clause, parameters = where(chosen)
    direction = "DESC" if descending else "ASC"
    key = ORDERS[order_by]
    order = f" ORDER BY {key} {direction}, position {direction}"
    # Positions first: an index alone passes over the rows before the page, whatever they weigh.
    parts = ["SELECT", CALL_COLUMNS, "FROM calls WHERE position IN (SELECT position FROM calls"]
    parts += [clause, order, "LIMIT ? OFFSET ?)", order]
    return " ".join(parts), [*parameters, -1 if limit is None else limit, offset]


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"

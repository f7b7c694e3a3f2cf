"""Filters, order and pages as SQL: pure. User text only ever becomes a parameter."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger.schema import CALL_COLUMNS
from asyncmcp_nb.ledger.status import ANSWERED, Status

ORDERS: Final = {
    "position": "position",
    "call_id": "call_id",
    "tool": "tool",
    "status": "status",
    "submitted_at": "submitted_at",
    "sent_at": "sent_at",
    "running_at": "running_at",
    "responded_at": "responded_at",
    "latency": "responded_at - submitted_at",
    # Until now, as far as a call has not ended; one statement has one now.
    "elapsed": "coalesce(finished_at, (julianday('now') - 2440587.5) * 86400.0) - submitted_at",
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

_ANSWERED: Final = ", ".join(str(status.rank) for status in sorted(ANSWERED))

FIELDS: Final = {
    "answer_json": f"CASE WHEN status IN ({_ANSWERED}) THEN result END",
    "group": "group_name",
    "arguments_json": "arguments",
    "error_data_json": "error_data",
    "result_json": "result",
    "trace_context_json": "trace_context",
}
"""Fields of ``CallRecord`` that are columns of other names, or made of several."""

_CONTAINS: Final = (
    r"(arguments LIKE ? ESCAPE '\' OR text LIKE ? ESCAPE '\' OR error_message LIKE ? ESCAPE '\'"
    r" OR call_id LIKE ? ESCAPE '\')"
)
_ID_CHARACTERS: Final = 4
"""The least of a call id that is searched for: less of it occurs in many."""

# From each value to the next: as many steps as there are values, not calls.
_DISTINCT: Final = (
    "WITH RECURSIVE found (value) AS (SELECT min({column}) FROM calls UNION ALL "
    "SELECT (SELECT min({column}) FROM calls WHERE {column} > value) FROM found "
    "WHERE value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL"
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
    """Occurs in arguments (as JSON text), answer text or error message, or is what a call id starts
    with, four characters at least; ASCII case is ignored."""
    call_ids: Collection[str] | None = None
    """Only these; ids that the ledger does not have do not matter."""
    after: int | None = None
    """Submitted after the call of this position."""
    up_to: int | None = None
    """Submitted not later than the call of this position."""


EVERYTHING: Final = CallFilter()


def where(chosen: CallFilter) -> tuple[str, Parameters]:
    """The ``WHERE`` clause of a filter, empty for one that lets everything through."""
    terms: list[str] = []
    parameters: Parameters = []
    if chosen.statuses is not None:
        terms.append(f"status IN ({', '.join('?' for _ in chosen.statuses)})")
        parameters += sorted(Status(status).rank for status in chosen.statuses)
    compared: tuple[tuple[str, str | int | None], ...] = (
        ("tool = ?", chosen.tool),
        ("group_name = ?", chosen.group),
        ("session = ?", chosen.session),
        ("position > ?", chosen.after),
        ("position <= ?", chosen.up_to),
    )
    for term, value in compared:
        if value is not None:
            terms.append(term)
            parameters.append(value)
    if chosen.call_ids is not None:
        terms.append("call_id IN (SELECT value FROM json_each(?))")
        parameters.append(json.dumps(list(chosen.call_ids)))
    if chosen.text:
        pattern = _pattern(chosen.text)
        terms.append(_CONTAINS)
        is_id = len(chosen.text) >= _ID_CHARACTERS
        parameters += [pattern, pattern, pattern, pattern.removeprefix("%") if is_id else ""]
    return (" WHERE " + " AND ".join(terms) if terms else ""), parameters


def page(
    chosen: CallFilter,
    *,
    order_by: str,
    descending: bool,
    limit: int | None,
    offset: int,
    columns: str = CALL_COLUMNS,
) -> tuple[str, Parameters]:
    """The statement for one page of rows of some columns.

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
    if limit is None and not offset:
        return " ".join(["SELECT", columns, "FROM calls", clause, order]), parameters
    # Positions first: an index alone passes over the rows before the page, whatever they weigh.
    parts = ["SELECT", columns, "FROM calls WHERE position IN (SELECT position FROM calls"]
    parts += [clause, order, "LIMIT ? OFFSET ?)", order]
    return " ".join(parts), [*parameters, -1 if limit is None else limit, offset]


def select(fields: Sequence[str], rest: str) -> str:
    """The statement for some fields of ``CallRecord``; ``status`` is its rank.

    Args:
        fields: At least one.
        rest: Of which calls, in which order.
    """
    columns = ", ".join(FIELDS.get(name, name) for name in fields)
    return " ".join(["SELECT", columns, "FROM calls", rest])


def distinct(column: Literal["tool", "group_name"]) -> str:
    """The statement for the values of a column that an index starts with, in order."""
    return _DISTINCT.replace("{column}", column)


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"

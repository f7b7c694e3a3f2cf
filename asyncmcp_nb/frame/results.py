"""Answers as columns: structured content spread out, one row or more a finished call."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, cast

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.frame import statuses
from asyncmcp_nb.ledger import CallRecord, Status

RESULT: Final = "result"
"""Column of structured content that is no table: a number, a string, a list of those."""

TEXT: Final = "text"
"""Column of answers without structured content."""


def to_results(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Finished calls with their structured content as columns, in the order given.

    ``call_id``, ``tool`` and ``status`` come first. A dict gives a column a key (nested values stay
    whole); a list of dicts gives a row each; anything else stands in ``result``, and the text of an
    answer without structured content in ``text``. A call without an answer has a row with nothing
    more. A key named like a column that is there gets the suffix ``_result``.
    """
    owners: list[CallRecord] = []
    cells: list[dict[str, Any]] = []
    for record in records:
        if record.is_finished:
            for row in rows_of(record):
                owners.append(record)
                cells.append(row)
    columns = {
        "call_id": build.strings([owner.call_id for owner in owners]),
        "tool": pd.Series(pd.Categorical([owner.tool for owner in owners])),
        "status": statuses(owner.status for owner in owners),
    }
    for name, column in build.table(cells).items():
        columns[free_name(name, columns)] = column
    return pd.DataFrame(columns)


def rows_of(record: CallRecord) -> list[dict[str, Any]]:
    """The rows that an answer gives, at least one; an empty one where there is no answer."""
    content = content_of(record)
    if isinstance(content, list):
        items = cast("list[Any]", content)
        if items and all(isinstance(item, dict) for item in items):
            return cast("list[dict[str, Any]]", items)
    return [cells_of(record)]


def cells_of(record: CallRecord) -> dict[str, Any]:
    """The cells that an answer gives in one row; none where there is no answer."""
    if record.structured is None:
        is_answer = record.status is Status.DONE and record.text is not None
        return {TEXT: record.text} if is_answer else {}
    content = content_of(record)
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {RESULT: content}


def content_of(record: CallRecord) -> Any:
    """Structured content without the ``{"result": …}`` that the SDK puts around non-objects."""
    structured = record.structured
    if isinstance(structured, dict):
        fields = cast("dict[str, Any]", structured)
        return fields[RESULT] if set(fields) == {RESULT} else fields
    return structured


def free_name(name: str, taken: Collection[Any]) -> str:
    """The name, with as many ``_result`` as it takes to differ from those taken."""
    while name in taken:
        name = f"{name}_result"
    return name

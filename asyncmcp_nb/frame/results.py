"""Answers as columns: structured content spread out, one row or more a finished call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, cast

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.frame import statuses
from asyncmcp_nb.ledger import CallRecord, Status
from asyncmcp_nb.ledger.structured import structured_column

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
    finished = [record for record in records if record.is_finished]
    contents = structured_column([record.answer_json for record in finished])
    owners: list[CallRecord] = []
    cells: list[dict[str, Any]] = []
    for record, content in zip(finished, contents, strict=True):
        rows = _rows(record, content)
        owners += [record] * len(rows)
        cells += rows
    columns = {
        "call_id": build.strings([owner.call_id for owner in owners]),
        "tool": pd.Series(pd.Categorical([owner.tool for owner in owners])),
        "status": statuses(owner.status for owner in owners),
    }
    for name, column in build.table(cells).items():
        columns[free_name(name, columns)] = column
    return pd.DataFrame(columns)


def cells_of(records: Sequence[CallRecord]) -> list[dict[str, Any]]:
    """The cells that each answer gives in one row; none where there is no answer."""
    contents = structured_column([record.answer_json for record in records])
    return [_cells(*pair) for pair in zip(records, contents, strict=True)]


def _rows(record: CallRecord, structured: Any) -> list[dict[str, Any]]:
    """The rows that an answer gives, at least one; an empty one where there is no answer."""
    content = _unwrapped(structured)
    if isinstance(content, list):
        items = cast("list[Any]", content)
        if items and all(isinstance(item, dict) for item in items):
            return cast("list[dict[str, Any]]", items)
    return [_cells(record, structured)]


def _cells(record: CallRecord, structured: Any) -> dict[str, Any]:
    """The cells that an answer gives in one row."""
    if structured is None:
        is_answer = record.status is Status.DONE and record.text is not None
        return {TEXT: record.text} if is_answer else {}
    content = _unwrapped(structured)
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {RESULT: content}


def _unwrapped(structured: Any) -> Any:
    """Structured content without the ``{"result": …}`` that the SDK puts around non-objects."""
    if isinstance(structured, dict):
        fields = cast("dict[str, Any]", structured)
        return fields[RESULT] if set(fields) == {RESULT} else fields
    return structured


def free_name(name: str, taken: Collection[Any]) -> str:
    """The name, with as many ``_result`` as it takes to differ from those taken."""
    while name in taken:
        name = f"{name}_result"
    return name

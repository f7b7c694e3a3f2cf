"""Answers as columns: structured content spread out, one row or more a finished call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple, cast

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.frame import statuses, uncollected
from asyncmcp_nb.ledger import STATUSES, TERMINAL, CallFilter, CallRecord, LedgerReader, Status
from asyncmcp_nb.ledger.block import Block
from asyncmcp_nb.ledger.parts import Columns
from asyncmcp_nb.ledger.structured import structured_column

RESULT: Final = "result"
"""Column of structured content that is no table: a number, a string, a list of those."""

TEXT: Final = "text"
"""Column of answers without structured content."""


class Answer(NamedTuple):
    """What results are made of."""

    call_id: str
    tool: str
    status: Status
    text: str | None
    structured: Any


def to_results(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Finished calls with their structured content as columns, in the order given.

    ``call_id``, ``tool`` and ``status`` come first. A dict gives a column a key (nested values stay
    whole); a list of dicts gives a row each; anything else stands in ``result``, and the text of an
    answer without structured content in ``text``. A call without an answer has a row with nothing
    more. A key named like a column that is there gets the suffix ``_result``.
    """
    return _results(_answers([record for record in records if record.is_finished]))


def read_results(ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
    """The calls that a filter lets through as ``to_results`` has them, in the order of submission.

    100,000 calls take a third of what it takes to make their records first.
    """
    with uncollected(), closing(ledger.parts(chosen)) as parts:
        return _results(answer for part in parts for answer in _answers_in(part))


def cells_of(records: Sequence[CallRecord]) -> list[dict[str, Any]]:
    """The cells that each answer gives in one row; none where there is no answer."""
    return [_cells(answer) for answer in _answers(records)]


def _results(answers: Iterable[Answer]) -> pd.DataFrame:
    owners: list[Answer] = []
    cells: list[dict[str, Any]] = []
    for answer in answers:
        rows = _rows(answer)
        owners += [answer] * len(rows)
        cells += rows
    columns = {
        "call_id": build.strings([owner.call_id for owner in owners]),
        "tool": pd.Series(pd.Categorical([owner.tool for owner in owners])),
        "status": statuses(owner.status for owner in owners),
    }
    for name, column in build.table(cells).items():
        columns[free_name(name, columns)] = column
    return pd.DataFrame(columns)


def _answers(records: Sequence[CallRecord]) -> list[Answer]:
    contents = structured_column([record.answer_json for record in records])
    return [
        Answer(record.call_id, record.tool, record.status, record.text, content)
        for record, content in zip(records, contents, strict=True)
    ]


def _answers_in(part: Block | Columns) -> Iterator[Answer]:
    """Those of the calls that have ended."""
    if isinstance(part, Block):
        names, codes = part.tools()
        columns: tuple[Iterable[Any], ...] = (
            part.texts("call_id").values(),
            [names[code] for code in codes],
            [STATUSES[rank] for rank in part.integers("status")[0]],
            part.texts("text").values(),
            part.structured(),
        )
    else:
        columns = (
            part["call_id"],
            part["tool"],
            [STATUSES[rank] for rank in part["status"]],
            part["text"],
            structured_column(part["answer_json"]),
        )
    answers = map(Answer._make, zip(*columns, strict=True))
    return (answer for answer in answers if answer.status in TERMINAL)


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """The rows that an answer gives, at least one; an empty one where there is no answer."""
    content = _unwrapped(answer.structured)
    if isinstance(content, list):
        items = cast("list[Any]", content)
        if items and all(isinstance(item, dict) for item in items):
            return cast("list[dict[str, Any]]", items)
    return [_cells(answer)]


def _cells(answer: Answer) -> dict[str, Any]:
    """The cells that an answer gives in one row."""
    if answer.structured is None:
        is_answer = answer.status is Status.DONE and answer.text is not None
        return {TEXT: answer.text} if is_answer else {}
    content = _unwrapped(answer.structured)
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

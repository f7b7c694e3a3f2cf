"""The log as a DataFrame: one row a call, outstanding ones too."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.frame.gather import Floats, Integers, Names, Strings
from asyncmcp_nb.ledger import STATUSES, CallFilter, CallRecord, LedgerReader, Status
from asyncmcp_nb.ledger.structured import structured_column
from asyncmcp_nb.ledger.texts import values_of

_FIELDS: Final = (
    "call_id",
    "tool",
    "status",
    "arguments_json",
    "submitted_at",
    "sent_at",
    "running_at",
    "responded_at",
    "progress",
    "progress_message",
    "text",
    "answer_json",
    "error_code",
    "error_message",
    "request_bytes",
    "response_bytes",
    "deliveries",
    "attempts",
    "group",
    "session",
)
"""Of ``CallRecord``: what the columns are made of."""

_TIMES: Final = ("submitted_at", "sent_at", "running_at", "responded_at")
_COUNTS: Final = ("error_code", "request_bytes", "response_bytes", "deliveries", "attempts")
_TEXTS: Final = ("call_id", "progress_message", "text", "error_message", "group", "session")


def to_frame(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Records as a frame with exactly ``columns.COLUMNS``, in the order given.

    The dtypes are the same for any number of rows, none included. Missing is ``<NA>``, ``NaT``,
    NaN, or None in object columns. Arguments and structured content are parsed JSON: integers of
    any size are exact.
    """
    rows = list(records)
    fields: dict[str, Sequence[Any]] = {name: [getattr(r, name) for r in rows] for name in _FIELDS}
    fields["status"] = [row.status.rank for row in rows]
    return _frame([tuple(fields.values())])


def read_frame(ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
    """The calls that a filter lets through as ``to_frame`` has them, in the order of submission.

    100,000 calls take a fraction of what it takes to make their records first.
    """
    with _uncollected(), closing(ledger.fields(_FIELDS, chosen)) as parts:
        return _frame(parts)


def _frame(parts: Iterable[Sequence[Sequence[Any]]]) -> pd.DataFrame:
    """A frame of ``_FIELDS`` that come in parts, with statuses as ranks."""
    numbers = {name: Floats() for name in (*_TIMES, "progress")}
    counts = {name: Integers() for name in _COUNTS}
    texts = {name: Strings() for name in _TEXTS}
    tools = Names()
    gathering = {**numbers, **counts, **texts, "tool": tools}
    ranks: list[int] = []
    arguments: list[Any] = []
    structured: list[Any] = []
    for part in parts:
        fields: dict[str, Any] = dict(zip(_FIELDS, part, strict=True))
        for name, column in gathering.items():
            column.add(fields[name])
        ranks += fields["status"]
        arguments += values_of(fields["arguments_json"])
        structured += structured_column(fields["answer_json"])
    times = {name: numbers[name].array() for name in _TIMES}
    series = {
        "tool": tools.series(),
        "status": _by_rank(ranks),
        "arguments": build.objects(arguments),
        "latency": build.waits(times["submitted_at"], times["responded_at"]),
        "progress": pd.Series(numbers["progress"].array()),
        "structured": build.objects(structured),
        **{name: build.times(seconds) for name, seconds in times.items()},
        **{name: column.series() for name, column in (counts | texts).items()},
    }
    return pd.DataFrame({column.name: series[column.name] for column in COLUMNS}, copy=False)


@contextmanager
def _uncollected() -> Generator[None]:
    """Look for no garbage meanwhile: so many new objects would have it go over all others."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def statuses(values: Iterable[Status]) -> pd.Series:
    """An ordered category of all nine statuses, so that ``frame.status < "done"`` works."""
    return _by_rank([status.rank for status in values])


def _by_rank(ranks: Sequence[int]) -> pd.Series:
    ordered = pd.CategoricalDtype([status.value for status in STATUSES], ordered=True)
    return pd.Series(pd.Categorical.from_codes(build.integer_array(ranks), dtype=ordered))

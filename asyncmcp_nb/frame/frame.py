"""The log as a DataFrame: one row a call, outstanding ones too."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.ledger import STATUSES, CallFilter, CallRecord, LedgerReader, Status
from asyncmcp_nb.ledger.structured import structured_column

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
    "result_json",
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
_ANSWERED: Final = frozenset({Status.DONE.rank, Status.TOOL_ERROR.rank})


def to_frame(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Records as a frame with exactly ``columns.COLUMNS``, in the order given.

    The dtypes are the same for any number of rows, none included. Missing is ``<NA>``, ``NaT``,
    NaN, or None in object columns. Arguments and structured content are parsed JSON: integers of
    any size are exact.
    """
    rows = list(records)
    fields: dict[str, Sequence[Any]] = {name: [getattr(r, name) for r in rows] for name in _FIELDS}
    return _frame({**fields, "status": [row.status.rank for row in rows]})


def read_frame(ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
    """The calls that a filter lets through as ``to_frame`` has them, in the order of submission.

    100,000 calls take a fraction of what it takes to make their records first.
    """
    with _uncollected():
        return _frame(ledger.fields(_FIELDS, chosen))


def _frame(fields: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """A frame of ``_FIELDS``, with statuses as ranks."""
    ranks = fields["status"]
    results = zip(fields["result_json"], ranks, strict=True)
    answers = (result if rank in _ANSWERED else None for result, rank in results)
    series = {
        "tool": pd.Series(pd.Categorical(fields["tool"])),
        "status": _by_rank(ranks),
        "arguments": build.objects(build.parsed(fields["arguments_json"])),
        "latency": build.waits(fields["submitted_at"], fields["responded_at"]),
        "progress": build.floats(fields["progress"]),
        "structured": build.objects(structured_column(answers)),
        **{name: build.times(fields[name]) for name in _TIMES},
        **{name: build.integers(fields[name]) for name in _COUNTS},
        **{name: build.strings(fields[name]) for name in _TEXTS},
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
    return pd.Series(pd.Categorical.from_codes(list(ranks), dtype=ordered))

"""The log as a DataFrame: one row a call, outstanding ones too."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.frame.gather import Floats, Gathered, Integers, Strings, Tools
from asyncmcp_nb.ledger import STATUSES, CallFilter, CallRecord, LedgerReader, Status
from asyncmcp_nb.ledger.block import FIELDS, FLOATS, INTEGERS, TEXTS, Block
from asyncmcp_nb.ledger.parts import Columns
from asyncmcp_nb.ledger.structured import structured_column
from asyncmcp_nb.ledger.texts import values_of

_TIMES: Final = ("submitted_at", "sent_at", "running_at", "responded_at")


def to_frame(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Records as a frame with exactly ``columns.COLUMNS``, in the order given.

    The dtypes are the same for any number of rows, none included. Missing is ``<NA>``, ``NaT``,
    NaN, or None in object columns. Arguments and structured content are parsed JSON: integers of
    any size are exact.
    """
    rows = list(records)
    fields: dict[str, Sequence[Any]] = {name: [getattr(r, name) for r in rows] for name in FIELDS}
    fields["status"] = [row.status.rank for row in rows]
    return _frame([fields])


def read_frame(ledger: LedgerReader, chosen: CallFilter) -> pd.DataFrame:
    """The calls that a filter lets through as ``to_frame`` has them, in the order of submission.

    100,000 calls take a fraction of what it takes to make their records first.
    """
    with uncollected(), closing(ledger.parts(chosen)) as parts:
        return _frame(parts)


def _frame(parts: Iterable[Block | Columns]) -> pd.DataFrame:
    numbers = {name: Floats(name) for name in FLOATS}
    counts = {name: Integers(name) for name in INTEGERS}
    texts = {name: Strings(name) for name in TEXTS}
    tools = Tools()
    gathering: dict[str, Gathered] = {**numbers, **counts, **texts, "tool": tools}
    arguments: list[Any] = []
    structured: list[Any] = []
    for part in parts:
        if isinstance(part, Block):
            for column in gathering.values():
                column.add_block(part)
            arguments += part.arguments()
            structured += part.structured()
        else:
            for name, column in gathering.items():
                column.add(part[name])
            arguments += values_of(part["arguments_json"])
            structured += structured_column(part["answer_json"])
    times = {name: numbers[name].array() for name in _TIMES}
    series = {
        **{name: column.series() for name, column in (counts | texts).items()},
        **{name: build.times(seconds) for name, seconds in times.items()},
        "tool": tools.series(),
        "status": _by_rank(counts["status"].array()),
        "arguments": build.objects(arguments),
        "latency": build.waits(times["submitted_at"], times["responded_at"]),
        "progress": pd.Series(numbers["progress"].array()),
        "structured": build.objects(structured),
    }
    return pd.DataFrame({column.name: series[column.name] for column in COLUMNS}, copy=False)


@contextmanager
def uncollected() -> Generator[None]:
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
    return _by_rank(build.integer_array([status.rank for status in values]))


def _by_rank(ranks: build.Integers) -> pd.Series:
    ordered = pd.CategoricalDtype([status.value for status in STATUSES], ordered=True)
    return pd.Series(pd.Categorical.from_codes(ranks, dtype=ordered))

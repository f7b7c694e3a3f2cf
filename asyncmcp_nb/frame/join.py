"""The input of a ``map`` joined with its answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import pandas as pd

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.frame import statuses
from asyncmcp_nb.frame.results import cells_of, free_name
from asyncmcp_nb.ledger import CallRecord, Status


def join_answers(
    inputs: pd.DataFrame | Iterable[Any], records: Sequence[CallRecord]
) -> pd.DataFrame:
    """Input rows with ``status``, the answer's columns, and ``error``, in input order.

    Args:
        inputs: The frame, whose columns, dtypes and index are kept; or dicts, which give a column a
            key; or other values, which give one column ``value``.
        records: The call of each input, in the same order.

    Returns:
        One row an input. A dict answer gives a column a key, other structured content (a list of
        dicts too) stands in ``result``, and plain text in ``text``. ``error`` says why where the
        call ended without an answer or the tool answered with an error. A column named like one of
        the input gets the suffix ``_result``.

    Raises:
        ConfigError: There are not as many records as inputs.
    """
    left = inputs if isinstance(inputs, pd.DataFrame) else _input_frame(list(inputs))
    if len(left) != len(records):
        raise ConfigError(f"{len(left):,} inputs cannot be joined with {len(records):,} calls")
    # Our two names are given away first, so that an answer with such a key does not take them.
    taken: list[Any] = [*left.columns]
    status_name, error_name = free_name("status", taken), free_name("error", taken)
    taken += [status_name, error_name]
    right = {status_name: statuses(record.status for record in records)}
    for name, column in build.table(cells_of(records)).items():
        taken.append(free_name(name, taken))
        right[taken[-1]] = column
    right[error_name] = build.strings([error_of(record) for record in records])
    joined = pd.DataFrame(right)
    joined.index = left.index
    return pd.concat([left, joined], axis=1)


def error_of(record: CallRecord) -> str | None:
    """Why a call has no good answer; None where it has one, or is outstanding."""
    if record.status is Status.TOOL_ERROR:
        return record.text or record.status.value
    if record.is_finished and record.status is not Status.DONE:
        return record.error_message or record.status.value
    return None


def _input_frame(items: list[Any]) -> pd.DataFrame:
    if items and all(isinstance(item, Mapping) for item in items):
        columns = build.table(cast("list[Mapping[str, Any]]", items))
    else:
        columns = {"value": build.inferred(items)}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(items)))

"""The log as a DataFrame: one row a call, outstanding ones too."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.ledger import STATUSES, CallRecord, Status


def to_frame(records: Iterable[CallRecord]) -> pd.DataFrame:
    """Records as a frame with exactly ``columns.COLUMNS``, in the order given.

    The dtypes are the same for any number of rows, none included. Missing is ``<NA>``, ``NaT``,
    NaN, or None in object columns. Arguments and structured content are parsed JSON: integers of
    any size are exact.
    """
    rows = list(records)
    series = {
        "call_id": build.strings([row.call_id for row in rows]),
        "tool": pd.Series(pd.Categorical([row.tool for row in rows])),
        "status": statuses([row.status for row in rows]),
        "arguments": build.objects([row.arguments for row in rows]),
        "submitted_at": build.times([row.submitted_at for row in rows]),
        "sent_at": build.times([row.sent_at for row in rows]),
        "running_at": build.times([row.running_at for row in rows]),
        "responded_at": build.times([row.responded_at for row in rows]),
        "latency": build.durations([row.latency_seconds for row in rows]),
        "progress": build.floats([row.progress for row in rows]),
        "progress_message": build.strings([row.progress_message for row in rows]),
        "text": build.strings([row.text for row in rows]),
        "structured": build.objects([row.structured for row in rows]),
        "error_code": build.integers([row.error_code for row in rows]),
        "error_message": build.strings([row.error_message for row in rows]),
        "request_bytes": build.integers([row.request_bytes for row in rows]),
        "response_bytes": build.integers([row.response_bytes for row in rows]),
        "deliveries": build.integers([row.deliveries for row in rows]),
        "attempts": build.integers([row.attempts for row in rows]),
        "group": build.strings([row.group for row in rows]),
        "session": build.strings([row.session for row in rows]),
    }
    return pd.DataFrame({column.name: series[column.name] for column in COLUMNS})


def statuses(values: Iterable[Status]) -> pd.Series:
    """An ordered category of all nine statuses, so that ``frame.status < "done"`` works."""
    ordered = pd.CategoricalDtype([status.value for status in STATUSES], ordered=True)
    return pd.Series(pd.Categorical([status.value for status in values], dtype=ordered))

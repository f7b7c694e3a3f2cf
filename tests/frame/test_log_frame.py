from __future__ import annotations

import builtins
import gc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from asyncmcp_nb.frame import COLUMNS, build, read_frame, to_frame
from asyncmcp_nb.ledger import Arrival, CallFilter, Status
from tests.frame.conftest import SESSION, START

if TYPE_CHECKING:
    from tests.frame.conftest import Book

PRODUCT_COLUMNS = [
    "call_id",
    "tool",
    "status",
    "arguments",
    "submitted_at",
    "sent_at",
    "running_at",
    "responded_at",
    "latency",
    "progress",
    "progress_message",
    "text",
    "structured",
    "error_code",
    "error_message",
    "request_bytes",
    "response_bytes",
    "deliveries",
    "attempts",
    "group",
    "session",
]


def dtype_name(dtype: Any) -> str:
    if isinstance(dtype, pd.CategoricalDtype):
        return "ordered category" if dtype.ordered else "category"
    return str(dtype)


def fill(book: Book) -> None:
    book.submit({"x": 2**70, "y": None, "é": "日本語"}, group="g", sent=False)
    book.structure({"score": 0.5})
    book.answer(text="plain", tool="fetch")
    book.fail("boom")
    book.progress(1, 4, "reading")
    book.cancel()


def test_the_table_of_columns_is_the_one_that_users_were_promised() -> None:
    assert [column.name for column in COLUMNS] == PRODUCT_COLUMNS
    assert all(column.meaning for column in COLUMNS)


@pytest.mark.parametrize("is_empty", [True, False])
def test_the_frame_has_the_columns_and_dtypes_of_the_table(book: Book, is_empty: bool) -> None:
    if not is_empty:
        fill(book)

    frame = to_frame(book.records)

    assert {name: dtype_name(dtype) for name, dtype in frame.dtypes.items()} == {
        column.name: column.dtype for column in COLUMNS
    }
    assert list(frame.columns) == PRODUCT_COLUMNS
    assert len(frame) == (0 if is_empty else 6)


def test_a_row_says_what_the_record_says(book: Book) -> None:
    fill(book)

    row = to_frame(book.records).iloc[1]

    moment = datetime.fromtimestamp(1_700_000_001, UTC)
    assert (row["call_id"], row["tool"], row["status"]) == ("call1", "score", "done")
    assert row["submitted_at"] == moment
    assert row["sent_at"] == moment + timedelta(seconds=0.25)
    assert row["responded_at"] == moment + timedelta(seconds=2.5)
    assert row["latency"] == timedelta(seconds=2.5)
    assert (row["structured"], row["text"]) == ({"score": 0.5}, '{"score": 0.5}')
    assert (row["request_bytes"], row["deliveries"], row["attempts"]) == (300, 1, 1)
    assert row["session"] == "5" * 32


def test_what_is_missing_is_missing_in_the_way_of_its_dtype(book: Book) -> None:
    fill(book)

    row = to_frame(book.records).iloc[0]

    assert row["sent_at"] is pd.NaT
    assert row["latency"] is pd.NaT
    assert np.isnan(row["progress"])
    assert row["text"] is pd.NA
    assert row["structured"] is None
    assert row["error_code"] is pd.NA


def test_arguments_are_exact(book: Book) -> None:
    fill(book)

    assert to_frame(book.records)["arguments"][0] == {"x": 2**70, "y": None, "é": "日本語"}


def test_statuses_sort_and_compare_in_their_order(book: Book) -> None:
    fill(book)
    frame = to_frame(book.records)

    assert list(frame["status"].cat.categories) == [status.value for status in Status]
    outstanding = frame[frame["status"] < "done"]
    assert list(outstanding["call_id"]) == ["call0", "call4"]
    assert list(frame.sort_values("status")["status"].unique()) == [
        "queued",
        "running",
        "done",
        "failed",
        "cancelled",
    ]


def test_structured_lists_stay_single_cells(book: Book) -> None:
    for _ in range(2):
        book.answer(structuredContent=[1, 2])

    assert list(to_frame(book.records)["structured"]) == [[1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None, 2], "Int64"),
        ([2**63 - 1, -(2**63), None], "Int64"),
        ([2**63, 1], "object"),
        ([1, 2.5, None], "float64"),
        ([1.5, None], "float64"),
        ([2**53 + 1, 2.5], "object"),
        ([True, None], "boolean"),
        ([True, 1], "object"),
        (["é", None], "string"),
        (["é", "\ud800"], "object"),
        (["a", 1], "object"),
        ([{"a": 1}, [1]], "object"),
        ([None, None], "object"),
        ([], "object"),
    ],
)
def test_a_column_keeps_its_values_exactly(values: list[Any], dtype: str) -> None:
    column = build.inferred(values)

    assert str(column.dtype) == dtype
    gaps = column.isna()
    kept = [None if gap else value for gap, value in zip(gaps, column, strict=True)]
    assert kept == values


@pytest.mark.parametrize("chosen", [CallFilter(), CallFilter(tool="fetch"), CallFilter(tool="no")])
def test_reading_a_frame_gives_what_the_records_give(book: Book, chosen: CallFilter) -> None:
    fill(book)
    book.structure([1, {"structuredContent": 2}])

    frame = read_frame(book.ledger, chosen)

    pd.testing.assert_frame_equal(frame, to_frame(book.ledger.rows(chosen)))


@pytest.mark.parametrize("is_on", [True, False])
def test_reading_a_frame_leaves_the_garbage_collector_as_it_was(book: Book, is_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        read_frame(book.ledger, CallFilter())
        after = gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()

    assert after == is_on


def test_an_answer_that_cannot_be_read_has_no_structured_content(book: Book) -> None:
    call_id = book.submit()
    payload = '{"structuredContent": {"cut": '
    book.ledger.record([Arrival(SESSION, call_id, "result", payload, START, 100)])

    frame = read_frame(book.ledger, CallFilter())

    assert list(frame["structured"]) == [None]
    assert list(frame["status"]) == ["failed"]


def test_a_frame_needs_no_pyarrow(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(book)
    with_it = read_frame(book.ledger, CallFilter())
    found = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pyarrow":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    without_it = read_frame(book.ledger, CallFilter())
    monkeypatch.undo()

    pd.testing.assert_frame_equal(with_it, without_it)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.frame import join_answers, to_results

if TYPE_CHECKING:
    from tests.frame.conftest import Book


def cells(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows without what is missing."""
    rows: list[dict[str, Any]] = []
    for _, row in frame.iterrows():
        cell = {str(name): value for name, value in row.items()}
        rows.append({n: v for n, v in cell.items() if isinstance(v, list) or not pd.isna(v)})
    return rows


def test_results_of_no_calls_have_the_leading_columns(book: Book) -> None:
    frame = to_results(book.records)

    assert list(frame.columns) == ["call_id", "tool", "status"]
    assert len(frame) == 0


def test_a_dict_becomes_columns_and_nested_values_stay_whole(book: Book) -> None:
    book.structure({"score": 1, "tags": ["a"]})
    book.structure({"score": 2, "label": "ok"})

    frame = to_results(book.records)

    assert cells(frame) == [
        {"call_id": "call0", "tool": "score", "status": "done", "score": 1, "tags": ["a"]},
        {"call_id": "call1", "tool": "score", "status": "done", "score": 2, "label": "ok"},
    ]
    assert str(frame["score"].dtype) == "Int64"


def test_a_list_of_dicts_becomes_a_row_each(book: Book) -> None:
    book.structure({"result": [{"n": 2**60 + 1}, {"n": None}]})
    book.structure([{"n": 3}])

    frame = to_results(book.records)

    assert list(frame["call_id"]) == ["call0", "call0", "call1"]
    assert list(frame["n"]) == [2**60 + 1, pd.NA, 3]


@pytest.mark.parametrize("content", [7, "text", [1, 2], [], [{"a": 1}, 2]])
def test_what_is_no_table_stands_in_one_column(book: Book, content: Any) -> None:
    book.structure({"result": content})

    frame = to_results(book.records)

    assert list(frame.columns) == ["call_id", "tool", "status", "result"]
    assert frame["result"][0] == content


def test_a_wrapped_dict_is_unwrapped(book: Book) -> None:
    book.structure({"result": {"score": 1}})

    assert list(to_results(book.records).columns)[3:] == ["score"]


def test_an_answer_without_structured_content_gives_its_text(book: Book) -> None:
    book.answer(text="plain")
    book.answer()

    assert list(to_results(book.records)["text"]) == ["plain", pd.NA]


def test_outstanding_calls_have_no_results_and_failed_ones_an_empty_row(book: Book) -> None:
    book.submit()
    book.structure({"score": 1})
    book.fail("boom")
    book.answer(text="no", isError=True)

    assert cells(to_results(book.records)) == [
        {"call_id": "call1", "tool": "score", "status": "done", "score": 1},
        {"call_id": "call2", "tool": "score", "status": "failed"},
        {"call_id": "call3", "tool": "score", "status": "tool_error"},
    ]


def test_a_key_named_like_a_leading_column_gets_a_suffix(book: Book) -> None:
    book.structure({"status": "fine", "status_result": "taken", "call_id": 7})

    frame = to_results(book.records)

    assert list(frame.columns)[3:] == ["status_result", "status_result_result", "call_id_result"]
    assert list(frame.iloc[0])[2:] == ["done", "fine", "taken", 7]


def test_inputs_are_joined_with_their_answers_in_input_order(book: Book) -> None:
    inputs = pd.DataFrame({"city": ["Bern", "Oslo", "Rome"], "n": [1, 2, 3]}, index=[30, 10, 20])
    book.structure({"score": 0.5})
    book.fail("boom")
    book.submit()

    frame = join_answers(inputs, book.records)

    assert list(frame.columns) == ["city", "n", "status", "score", "error"]
    assert list(frame.index) == [30, 10, 20]
    assert list(frame["status"].astype("string")) == ["done", "failed", "sent"]
    assert frame["score"].isna().tolist() == [False, True, True]
    assert list(frame["error"]) == [pd.NA, "boom", pd.NA]
    assert str(frame["n"].dtype) == "int64"


def test_a_frame_with_a_repeated_index_is_joined_row_by_row(book: Book) -> None:
    inputs = pd.DataFrame({"n": [1, 2]}, index=[7, 7])
    book.structure({"score": 1})
    book.structure({"score": 2})

    frame = join_answers(inputs, book.records)

    assert (list(frame.index), list(frame["score"])) == ([7, 7], [1, 2])


def test_columns_named_like_the_input_get_a_suffix(book: Book) -> None:
    inputs = pd.DataFrame({"status": ["in"], "error": ["in"], "city": ["in"]})
    book.structure({"city": "out", "status": "inner", "error": "inner"})

    row = join_answers(inputs, book.records).iloc[0]

    assert list(row.index) == [
        *("status", "error", "city", "status_result", "city_result"),
        *("status_result_result", "error_result_result", "error_result"),
    ]
    assert list(row)[:7] == ["in", "in", "in", "done", "out", "inner", "inner"]
    assert row["error_result"] is pd.NA


def test_why_a_call_has_no_good_answer_is_said(book: Book) -> None:
    book.answer(text="no such city", isError=True)
    book.answer(isError=True)
    book.cancel()

    frame = join_answers([1, 2, 3], book.records)

    assert list(frame["error"]) == ["no such city", "tool_error", "cancelled"]


def test_a_list_of_dicts_stays_one_cell_of_its_input(book: Book) -> None:
    book.structure({"result": [{"a": 1}, {"a": 2}]})

    frame = join_answers(["x"], book.records)

    assert (list(frame["value"]), list(frame["result"])) == (["x"], [[{"a": 1}, {"a": 2}]])


def test_dicts_as_inputs_become_columns_with_exact_numbers(book: Book) -> None:
    book.answer(text="one")
    book.answer(text="two")

    frame = join_answers([{"n": 2**60 + 1}, {"n": None, "m": "x"}], book.records)

    assert list(frame.columns) == ["n", "m", "status", "text", "error"]
    assert list(frame["n"]) == [2**60 + 1, pd.NA]


@pytest.mark.parametrize(("count", "columns"), [(2, []), (0, ["value"])])
def test_inputs_with_nothing_in_them_are_joined_too(
    book: Book, count: int, columns: list[str]
) -> None:
    for _ in range(count):
        book.submit()

    frame = join_answers([dict[str, int]() for _ in range(count)], book.records)

    assert (list(frame.columns), len(frame)) == ([*columns, "status", "error"], count)


def test_as_many_calls_as_inputs_are_needed(book: Book) -> None:
    with pytest.raises(ConfigError, match="1 inputs cannot be joined with 0 calls"):
        join_answers(["x"], book.records)

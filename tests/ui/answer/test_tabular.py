"""Which values are tables, why others are not, and what tables look like."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.ui.answer.tabular import ABSENT, Table, table_html, table_of, table_text
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


def table(value: Any) -> Table:
    found = table_of(value)
    assert isinstance(found, Table), found
    return found


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ([{"a": 1, "b": "x"}, {"a": None}], {"a": [1, None], "b": ["x", ABSENT]}),
        ({"a": [1, 2], "b": ["x", None]}, {"a": [1, 2], "b": ["x", None]}),
        ({"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}, {"a": [1, 3], "b": [2, 4]}),
        ({"columns": ["a"], "index": [7], "data": [[1]]}, {"a": [1]}),
        ({"rows": [{"a": 1}]}, {"a": [1]}),
        ({"result": {"a": [1, 2]}}, {"a": [1, 2]}),
        ({"values": [1, 2, 3]}, {"values": [1, 2, 3]}),
    ],
)
def test_a_table_is_known_in_whatever_form_it_comes(value: Any, columns: dict[str, Any]) -> None:
    assert table(value).columns == columns
    assert table(value).beside == {}


def test_single_values_may_stand_beside_a_table() -> None:
    found = table({"total": 2, "next": None, "items": [{"a": 1}, {"a": 2}]})

    assert found.beside == {"total": 2, "next": None}
    assert found.row_count == 2
    assert "total 2" in page(table_html(found)).text


RECORDS = [{"i": n, "s": "x", "nested": {"a": "ä" * n}, "maybe": 1} for n in range(1, 401)]


def test_records_with_a_nested_field_are_a_table_that_says_so() -> None:
    found = table({"result": RECORDS})
    words = page(table_html(found)).text

    assert (found.row_count, list(found.nested)) == (400, ["nested"])
    assert "400 rows, 4 columns; cells of “nested” are JSON; not shown: 350 more rows" in words
    assert '{"a": "ää"}' in words
    assert table_text(found).endswith(
        "(400 rows, 4 columns; cells of “nested” are JSON; 380 more rows)"
    )


def test_a_nested_cell_is_cut_and_may_be_of_any_depth() -> None:
    deep: object = "end"
    for _ in range(100_000):
        deep = [deep]

    words = page(table_html(table([{"a": 1, "b": deep}, {"a": 1, "b": ["x" * 1_000]}]))).text

    assert "(nested too deeply to be shown)" in words
    assert "704 more characters" in words


def test_many_nested_columns_are_counted() -> None:
    flat = {f"f{n}": n for n in range(8)}

    words = table_text(table([{**flat, **{f"n{n}": [] for n in range(7)}}]))

    assert "cells of “n0”, “n1”, “n2”, “n3”, “n4” and 2 more are JSON" in words


NO_TABLES: list[tuple[Any, str | None]] = [
    (7, "it is a number"),
    ("x", "it is text"),
    (None, "it is null"),
    ([], "it is an empty list"),
    ({}, "it is an empty object"),
    ([{}, {}], "its objects are empty"),
    ([1, 2], "item 1 is a number, not an object"),
    ([{"a": 1}, [2]], "item 2 is a list, not an object"),
    ([{"a": 1, "b": [], "c": {}}], "“b” of item 1 is a list"),
    ([{"a": 1}, {"a": {"b": 1}}], "“a” of item 2 is an object"),
    ({"a": 1, "b": "x"}, "it is one object, not a list of them"),
    (
        {"a": [1], "b": [1, 2]},
        "its lists are of different length: 1 in “a”, 2 in “b”",
    ),
    ({"a": [1], "b": [[1]]}, "“b” holds a list"),
    ({"a": [], "b": []}, "its lists are empty"),
    ({"rows": []}, "“rows”: it is an empty list"),
    ({"rows": [True]}, None),
    ({"total": 1, "rows": [True]}, "“rows”: item 1 is true or false, not an object"),
    ({"a": {"b": 1}}, "“a”: it is one object, not a list of them"),
    ({"a": 1, "b": {"c": 1}}, "“b” is an object among single values"),
    (
        {"a": 1, "b": {"c": 1}, "d": [1]},
        "it is an object of 3 fields, 2 of them nested",
    ),
    ({"columns": ["a", "a"], "data": [[1, 2]]}, "two of its columns have the same name"),
    ({"columns": ["a"], "data": []}, "it has no rows"),
    ({"columns": [], "data": [[]]}, "it has no columns"),
    ({"columns": ["a"], "data": [1]}, "row 1 is a number, not a list"),
    ({"columns": ["a"], "data": [[1, 2]]}, "row 1 has 2 values for 1 column"),
    ({"columns": ["a"], "data": [[[1]]]}, "row 1 holds a list"),
]


@pytest.mark.parametrize(("value", "why"), NO_TABLES)
def test_what_is_no_table_says_why(value: Any, why: str | None) -> None:
    found = table_of(value)

    assert (None if isinstance(found, Table) else found) == why


def test_flat_objects_are_a_table() -> None:
    data = [{"city": HOSTILE, "t": 1.5}, {"city": None, "t": 2, "extra": True}]

    read = page(table_html(table(data)))

    assert read.tags.count("tr") == 3
    assert read.tags.count("th") == 3
    assert "2 rows, 3 columns" in read.text
    assert "null" in read.text
    assert "true" in read.text


def test_a_table_says_what_it_leaves_out() -> None:
    read = page(table_html(table([{f"c{number}": number for number in range(25)}] * 60)))

    assert read.tags.count("tr") == 51
    assert "60 rows, 25 columns; not shown: 10 more rows, 5 more columns" in read.text


def test_large_numbers_are_exact() -> None:
    assert "1152921504606846977" in page(table_html(table([{"n": 2**60 + 1}]))).text


def test_a_table_is_text_in_columns() -> None:
    rows = [{"city": "Oslo", "t": 1}, {"city": "Trondheim\n" + HOSTILE, "t": None}]

    lines = table_text(table({"total": 2, "rows": rows})).splitlines()

    assert lines[:3] == ["total: 2", "city" + " " * 38 + "t", "Oslo" + " " * 38 + "1"]
    assert lines[3].startswith("Trondheim <script>")
    assert lines[3].endswith("…  null")
    assert lines[-1] == "(2 rows, 2 columns)"


def test_a_long_table_as_text_says_what_it_leaves_out() -> None:
    assert table_text(table([{"a": 1}] * 30)).endswith("(30 rows, 1 column; 10 more rows)")


def test_a_date_stays_on_one_line_beside_long_text() -> None:
    shown = str(table_html(table([{"day": "2026-01-31", "note": "word " * 40}, {"note": ""}])))

    assert '<td class="amcp-tight">2026-01-31</td>' in shown
    assert "<td>word word" in shown

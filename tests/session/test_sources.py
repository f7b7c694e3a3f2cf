from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.sources import argument_rows, checked_source
from asyncmcp_nb.session.validation import ArgumentCheck

SQUARE = Tool(name="square", input_schema={"type": "object", "properties": {"x": {}}})


def test_rows_of_a_frame_become_arguments_with_missing_values_left_out() -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [1.5, np.nan],
            "when": pd.Series(["2026-01-02", None], dtype="datetime64[s]"),
            "who": pd.array(["é", None], dtype="string"),
        }
    )

    assert argument_rows(frame, None) == [
        {"n": 1, "x": 1.5, "when": "2026-01-02T00:00:00", "who": "é"},
        {"n": 2},
    ]


def test_a_frame_with_two_columns_of_one_name_is_refused() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["x", "x"])

    with pytest.raises(InvalidArguments, match="two columns of one name"):
        argument_rows(frame, SQUARE)


def test_a_row_is_named_though_its_label_is_missing() -> None:
    frame = pd.DataFrame({"x": [object()]}, index=pd.Index([pd.NA], dtype="Int64"))

    with pytest.raises(InvalidArguments, match=r"^row 0 \(index <NA>\): x: an object is not JSON"):
        argument_rows(frame, SQUARE)


class PolarsFrame:
    """As polars has it: like a DataFrame of pandas, and not one."""

    columns = ("n", "x")

    def to_dict(self, *, as_series: bool = True) -> dict[str, list[Any]]:
        return {"n": [1, 2**60], "x": [1.5, None]}

    def to_dicts(self) -> list[dict[str, Any]]:
        return [{"n": 1, "x": 1.5}, {"n": 2**60, "x": None}]


def test_a_frame_of_polars_is_mapped_over_by_its_rows() -> None:
    source = checked_source(PolarsFrame())

    assert argument_rows(source, None) == [{"n": 1, "x": 1.5}, {"n": 2**60}]


def test_dicts_are_taken_as_they_are_null_included() -> None:
    assert argument_rows(({"a": i, "b": None} for i in range(2)), None) == [
        {"a": 0, "b": None},
        {"a": 1, "b": None},
    ]


def test_bare_values_go_to_the_single_parameter() -> None:
    assert argument_rows([1, "two"], SQUARE) == [{"x": 1}, {"x": "two"}]


def test_bare_values_need_a_known_tool() -> None:
    with pytest.raises(InvalidArguments, match="list_tools"):
        argument_rows([1, 2], None)


@pytest.mark.parametrize("gap", [np.nan, np.float32("nan"), pd.NaT, pd.NA, np.datetime64("NaT")])
def test_what_is_missing_is_left_out_of_rows_wherever_they_come_from(gap: Any) -> None:
    frame = pd.DataFrame({"x": pd.Series([gap, 1], dtype=object)})

    assert argument_rows(frame, None) == [{}, {"x": 1}]
    assert argument_rows([{"x": gap, "y": None}], None) == [{"y": None}]
    assert argument_rows([gap, 1], SQUARE) == [{}, {"x": 1}]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("abc", "text is a str; a DataFrame or a list is wanted, with a dict or a value for each"),
        (b"abc", "text is a bytes; a DataFrame or a list is wanted, with"),
        (5, "text is a int; a DataFrame or a list is wanted, with"),
        (None, "text is a NoneType; a DataFrame or a list is wanted, with"),
        ({"x": [1]}, "text is a dict; a DataFrame or a list is wanted: [text] is one call"),
    ],
)
def test_what_is_no_source_is_refused_with_the_next_step(source: Any, told: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        checked_source(source, "text")

    assert str(caught.value).startswith(told)


TEN = Tool(
    name="ten",
    input_schema={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            pd.DataFrame({"x": [1, 2, "three", 4]}, index=[10, 20, 30, 40]),
            "row 2 (index 30): x: 'three' is not of type 'integer'; ten(x: integer)",
        ),
        (pd.DataFrame({"x": [1, "b"]}), "row 1: x: 'b' is not of type 'integer'; ten(x: integer)"),
        (
            pd.DataFrame({"x": [1, "b"]}, index=["k", "l"]),
            "row 1 (index 'l'): x: 'b' is not of type 'integer'; ten(x: integer)",
        ),
        (
            pd.DataFrame({"x": [1, None]}),
            "row 1: 'x' is a required property; ten(x: integer); "
            "x is missing there (NaN, NaT, NA or None), and left out",
        ),
        ([1, "b"], "item 1: x: 'b' is not of type 'integer'; ten(x: integer)"),
        ([{"x": 1}, {"x": 2.5}], "item 1: x: 2.5 is not of type 'integer'; ten(x: integer)"),
        ([{"x": 1}, {}], "item 1: 'x' is a required property; ten(x: integer)"),
        (iter([1, "b"]), "item 1: x: 'b' is not of type 'integer'; ten(x: integer)"),
        ([1, object()], "item 1: x: an object is not JSON; pass a dict, list, str, number, bool"),
    ],
)
def test_a_row_that_does_not_fit_is_named(source: Any, told: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        argument_rows(checked_source(source), TEN, check=ArgumentCheck(TEN).check)

    assert str(caught.value).startswith(told)

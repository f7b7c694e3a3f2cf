from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.sources import argument_rows

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

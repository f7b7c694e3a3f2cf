from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.sources import argument_rows, plain

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


def test_values_become_plain_json() -> None:
    value = {
        "a": np.array([1, 2]),
        "b": np.float64(0.5),
        "c": (dt.date(2026, 1, 2), dt.time(3, 4)),
        "d": dt.timedelta(minutes=1),
        5: {True},
    }

    assert plain(value) == {
        "a": [1, 2],
        "b": 0.5,
        "c": ["2026-01-02", "03:04:00"],
        "d": 60.0,
        "5": [True],
    }

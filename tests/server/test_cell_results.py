"""What a cell's tool returns of pandas and numpy reaches its client as JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Annotated, Any, Optional

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from mcp.client import Client
from mcp_types import CallToolResult, TextContent, Tool

from asyncmcp_nb.server.cell import make_app

EMPTY = pd.DataFrame()


async def call(tool: Callable[..., Any]) -> tuple[Tool, CallToolResult]:
    """A tool as a client sees it, and what it gives."""
    async with Client(make_app("cell", ("tool",), {"tool": tool})) as client:
        (listed,) = (await client.list_tools()).tools
        return listed, await client.call_tool(listed.name, {})


async def result_of(value: Any) -> Any:
    def tool():
        return value

    _, result = await call(tool)
    assert not result.is_error
    structured = result.structured_content
    assert structured is not None
    (text,) = result.content
    assert isinstance(text, TextContent)
    assert json.loads(text.text) == structured
    return structured["result"]


async def test_a_dataframe_is_an_object_for_each_row_as_exact_as_it_was() -> None:
    columns: dict[str, Any] = {
        "count": pd.array([2**53 + 1, None], dtype="Int64"),
        "share": [0.1 + 0.2, float("inf")],
        "at": pd.to_datetime(["2026-01-31T12:00:00.25Z", "NaT"]),
        "took": pd.to_timedelta(["1.5s", "NaT"]),
        "kind": pd.Categorical(["a", None]),
        "month": pd.period_range("2026-01", periods=2, freq="M"),
        "parts": [{"n": np.int64(1)}, [pd.NaT, np.arange(2)]],
    }

    assert await result_of(pd.DataFrame(columns)) == [
        {
            "count": 2**53 + 1,
            "share": 0.1 + 0.2,
            "at": "2026-01-31T12:00:00.250000Z",
            "took": 1.5,
            "kind": "a",
            "month": "2026-01",
            "parts": {"n": 1},
        },
        {
            **{"count": None, "share": None, "at": None, "took": None, "kind": None},
            **{"month": "2026-02", "parts": [None, [0, 1]]},
        },
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series([1.5, None], pd.Index(["a", "b"], name="k"), name="v"), "k a b v"),
        (pd.Series([1.5, None], ["a", "b"]), "index a b value"),
        (pd.DataFrame({"v": [1.5, None]}, pd.Index(["a", "b"], name="k")), "k a b v"),
        (pd.Index(["x", "y"]), ["x", "y"]),
        (pd.MultiIndex.from_tuples([(1, "a"), (2, None)]), [[1, "a"], [2, None]]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.date_range("2026-01-31", periods=1), ["2026-01-31T00:00:00"]),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([1.5, np.nan, np.inf]), [1.5, None, None]),
        (np.array(["2026-01-31", "NaT"], "datetime64[ns]"), ["2026-01-31T00:00:00", None]),
        (np.array([1_500_000_000], "timedelta64[ns]"), [1.5]),
        (np.array([1, "NaT"], "timedelta64[ns]"), [1e-09, None]),
        ([np.array([1, 2]), (np.array([3]), pd.Series([4]))], [[1, 2], [[3], [4]]]),
        (EMPTY, []),
    ],
)
async def test_all_else_is_a_list_or_rows_where_the_index_says_something(
    value: Any, told: Any
) -> None:
    if isinstance(told, str):
        index, first, second, name = told.split()
        told = [{index: first, name: 1.5}, {index: second, name: None}]

    assert await result_of(value) == told


@pytest.mark.parametrize(
    "time", ["2026-01-31T12:00:00.123456789", "20000-01-31T12:00:00", "-001-01-31T12:00:00"]
)
async def test_times_that_python_has_none_for_are_told_exactly(time: str) -> None:
    times = np.array([time, "NaT"], "datetime64[ns]" if "." in time else "datetime64[s]")

    assert await result_of(times) == [time, None]
    if not time.startswith("-"):
        assert await result_of(pd.DataFrame({"t": times})) == [{"t": time}, {"t": None}]


@pytest.mark.parametrize(
    "value",
    [{np.int64(1)}, frozenset({np.int64(1)}), defaultdict(list, {"n": [np.int64(1)]})],
)
async def test_numbers_stay_numbers_whatever_holds_them(value: Any) -> None:
    (told,) = await result_of(pd.Series([value]))

    assert told in ([1], {"n": [1]})


async def test_a_column_may_be_named_by_what_is_missing() -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index([pd.NA, None, np.nan], dtype=object))

    assert await result_of(frame) == [{"<NA>": 1, "None": 2, "nan": 3}]


async def test_columns_of_several_levels_are_named_by_all_of_them() -> None:
    long = pd.DataFrame({"k": ["a", "a"], "v": [1, 3]})

    wide = long.pivot_table(index="k", values="v", aggfunc=["min", "max"])

    assert await result_of(wide) == [{"k": "a", "min.v": 1, "max.v": 3}]


async def test_two_columns_of_one_name_are_an_error_that_says_so() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])

    def tool() -> pd.DataFrame:
        return frame

    _, result = await call(tool)

    (text,) = result.content
    assert isinstance(text, TextContent)
    assert result.is_error
    assert text.text == (
        "Error executing tool tool: its result is not JSON: "
        "the DataFrame has two columns 'a'; rename one"
    )


async def test_what_a_dict_contains_is_told_too() -> None:
    def tool() -> dict[str, Any]:
        return {
            "n": np.int64(3),
            "at": pd.Timestamp("2026-01-31"),
            "gap": pd.NA,
            "rows": (pd.DataFrame({"a": [1]}), [np.float32(0.5)]),
        }

    _, result = await call(tool)

    assert result.structured_content == {
        "n": 3,
        "at": "2026-01-31T00:00:00",
        "gap": None,
        "rows": [[{"a": 1}], [0.5]],
    }


def frame_tool() -> pd.DataFrame:
    return pd.DataFrame({"a": [1]})


async def async_frame_tool() -> pd.DataFrame:
    return frame_tool()


def array_tool() -> npt.NDArray[np.int64]:
    return np.arange(2)


def maybe_tool() -> pd.DataFrame | None:
    return frame_tool()


def optional_tool() -> Optional[pd.DataFrame]:  # noqa: UP045 - as many write it
    return None


def described_tool() -> Annotated[pd.DataFrame, "what was sold"]:
    return frame_tool()


def several_tool() -> tuple[pd.DataFrame, dict[str, pd.DataFrame], int]:
    return frame_tool(), {"b": frame_tool()}, 3


def unsaid_tool() -> list[pd.Timestamp]:
    return [pd.Timestamp("2026-01-31")]


def text_tool() -> str:
    return "as ever"


@pytest.mark.parametrize(
    ("tool", "items", "result"),
    [
        (frame_tool, {"type": "object", "additionalProperties": True}, [{"a": 1}]),
        (async_frame_tool, {"type": "object", "additionalProperties": True}, [{"a": 1}]),
        (array_tool, {}, [0, 1]),
        (text_tool, None, "as ever"),
    ],
)
async def test_an_annotation_says_what_becomes_of_the_result(
    tool: Callable[..., Any], items: dict[str, Any] | None, result: Any
) -> None:
    listed, answer = await call(tool)

    said = (listed.output_schema or {"properties": {"result": {}}})["properties"]["result"]
    assert said.get("items") == items
    assert answer.structured_content == {"result": result}


ROWS = {"items": {"additionalProperties": True, "type": "object"}, "type": "array"}


@pytest.mark.parametrize(
    ("tool", "schema", "result"),
    [
        (maybe_tool, {"anyOf": [ROWS, {"type": "null"}]}, [{"a": 1}]),
        (optional_tool, {"anyOf": [ROWS, {"type": "null"}]}, None),
        (described_tool, ROWS, [{"a": 1}]),
        (
            several_tool,
            {
                "type": "array",
                "prefixItems": [
                    ROWS,
                    {"additionalProperties": ROWS, "type": "object"},
                    {"type": "integer"},
                ],
                "minItems": 3,
                "maxItems": 3,
            },
            [[{"a": 1}], {"b": [{"a": 1}]}, 3],
        ),
    ],
)
async def test_tables_within_an_annotation_are_told_too(
    tool: Callable[..., Any], schema: dict[str, Any], result: Any
) -> None:
    listed, answer = await call(tool)

    assert listed.output_schema is not None
    assert listed.output_schema["properties"]["result"] == {**schema, "title": "Result"}
    assert answer.structured_content == {"result": result}


async def test_what_cannot_be_said_has_no_schema() -> None:
    listed, answer = await call(unsaid_tool)

    assert listed.output_schema is None
    assert not answer.is_error


async def test_a_tool_without_a_table_gives_what_it_would_without_us() -> None:
    value = [TextContent(text="one"), TextContent(text="two")]

    def tool():
        return value

    _, result = await call(tool)

    assert result.content == value
    assert result.structured_content is None


async def test_no_number_of_a_scalar_is_lost() -> None:
    def tool() -> float:
        return np.float64(0.1) + np.float64(0.2)

    _, result = await call(tool)

    assert result.structured_content == {"result": 0.1 + 0.2}

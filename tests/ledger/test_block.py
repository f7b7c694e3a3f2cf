"""What a block holds is what the rows held."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.ledger.block import FIELDS, FLOATS, INTEGERS, TEXTS, Block, pack

INTS = st.none() | st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.none() | st.floats(allow_nan=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Columns of some calls, as SQLite has them."""
    count = draw(st.integers(1, 5))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    return {
        **{field: column(INTS) for field in INTEGERS},
        **{field: column(NUMBERS) for field in FLOATS},
        **{field: column(st.none() | WORDS) for field in TEXTS},
        "tool": column(WORDS),
        "arguments_json": [json.dumps(value) for value in column(VALUES)],
        "answer_json": [answer(value) for value in column(VALUES)],
    }


def answer(structured: Any) -> str | None:
    """A result with this content; none for None."""
    result: dict[str, Any] = {"content": [], "structuredContent": structured}
    return None if structured is None else json.dumps(result)


def some(**changed: list[Any]) -> dict[str, Any]:
    """Columns of one call."""
    texts = ("call_id", "tool")
    plain: dict[str, Any] = {field: ["x" if field in texts else None] for field in FIELDS}
    return {**plain, "arguments_json": ["{}"], **changed}


def taken(packed: Any) -> Block:
    """A block of what was packed."""
    assert packed is not None
    return Block(packed)


@given(rows())
def test_every_value_comes_back_as_it_was(columns: dict[str, list[Any]]) -> None:
    block = taken(pack(columns))

    for field in INTEGERS:
        numbers, missing = block.integers(field)
        gone = missing or bytes(len(numbers))
        assert [None if g else n for n, g in zip(numbers, gone, strict=True)] == columns[field]
    for field in FLOATS:
        found = [None if math.isnan(value) else value for value in block.floats(field)]
        assert found == columns[field]
    for field in TEXTS:
        assert block.texts(field).values() == columns[field]
    names, codes = block.tools()
    assert [names[code] for code in codes] == columns["tool"]
    assert block.arguments() == [json.loads(text) for text in columns["arguments_json"]]
    wanted = [text and json.loads(text)["structuredContent"] for text in columns["answer_json"]]
    assert block.structured() == wanted


def test_arguments_that_only_one_parser_reads_come_back_too() -> None:
    block = taken(pack(some(arguments_json=[r'{"a":"\ud800"}'])))

    assert block.arguments() == [{"a": "\ud800"}]


@pytest.mark.parametrize(
    "odd",
    [
        '{"content":[{"structuredContent":1}]}',
        '{"structuredContent":{"a":' + "[" * 5_000 + "]" * 5_000 + "}}",
    ],
)
def test_calls_with_an_odd_answer_make_no_block(odd: str) -> None:
    assert pack(some(answer_json=[odd])) is None

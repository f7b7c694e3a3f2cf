"""Many texts at once are what each is by itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.ledger.texts import values_of

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def spelled(values: list[Any]) -> list[str]:
    # Apart are 1 and 1.0, and 0.0 and -0.0, which are equal.
    return [repr(value) for value in values]


@given(st.lists(TREES))
def test_they_are_what_each_is_by_itself(values: list[Any]) -> None:
    for is_ascii in (True, False):
        texts = [json.dumps(value, ensure_ascii=is_ascii) for value in values]
        if all(text.isascii() or "\\ud" not in ascii(text) for text in texts):
            assert spelled(values_of(texts)) == spelled([json.loads(text) for text in texts])


@pytest.mark.parametrize(
    "text",
    [
        "123456789012345678901234567890",
        "-" + "9" * 4_300,
        "-0",
        "-0.0",
        "1e400",
        "-Infinity",
        "0.1000000000000000055511151231257827",
        "9007199254740993.0",
        '{"a":1,"a":2}',
        '"\\ud83d\\ude00"',
        '"\\ud800"',
        '"\\u0000"',
        "[" * 300 + "]" * 300,
    ],
)
def test_what_parsers_disagree_about_is_as_python_has_it(text: str) -> None:
    beside = '{"é":1}'

    assert spelled(values_of([text, beside])) == spelled([json.loads(text), {"é": 1}])


def test_what_is_no_number_stays_none() -> None:
    [value] = values_of(["NaN"])

    assert math.isnan(value)


def test_no_texts_are_no_values() -> None:
    assert values_of([]) == []


@pytest.mark.parametrize("text", ["", "1,", "{", "[1,]", "nan"])
def test_what_is_not_valid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        values_of(["1", text])

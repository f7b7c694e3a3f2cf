"""Structured content is what parsing the whole answer gives, whatever is in the answer."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.ledger.structured import structured_column, structured_of

KEYS = ["structuredContent", "a", '"', "é", 'a"structuredContent']

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("structuredContent"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def parsed(text: str) -> Any:
    value: Any = json.loads(text)
    return cast("dict[str, Any]", value).get("structuredContent")


@given(st.dictionaries(st.sampled_from(["structuredContent", "content", "a"]), TREES))
def test_it_is_what_parsing_the_whole_gives(answer: dict[str, Any]) -> None:
    for text in (json.dumps(answer), json.dumps(answer, separators=(",", ":"), indent=1)):
        assert structured_of(text) == parsed(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"structuredContent":1,"structuredContent":2}',
        '{"structuredContent":1,"x":{"structuredContent":2}}',
        '{"x":"\\"structuredContent\\":5"}',
        '{"x\\"structuredContent":5}',
        '{"x":["structuredContent"]}',
        '{"x":{"structuredContent":5},"y":1}',
        '{"x":[{"structuredContent":5}]}',
        '{"structuredContent":1,"\\u0073tructuredContent":2}',
        '{"structuredContent" : 123456789012345678901234567890 , "isError":false} \n',
        '{"isError":false}',
    ],
)
def test_keys_elsewhere_do_not_mislead(text: str) -> None:
    assert structured_of(text) == parsed(text)


@pytest.mark.parametrize(
    "text", [None, '{"structuredContent":', '"structuredContent"', '{"structuredContent":1}}']
)
def test_what_is_no_answer_has_none(text: str | None) -> None:
    assert structured_of(text) is None


def test_answers_that_are_unlike_do_not_disturb_each_other() -> None:
    answers = [
        '{"structuredContent":{"a":1},"isError":false}',
        '{"x":[{"structuredContent":5},{"a":1}],"y":2}',
        '{"isError":false}',
        '{"x":"structuredContent","structuredContent":"\\ud800"}',
        '{"structuredContent":' + "[" * 300 + "]" * 300 + "}",
    ]

    assert structured_column([*answers, None]) == [*map(parsed, answers), None]

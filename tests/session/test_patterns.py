"""Patterns give what ``re`` gives, and never take long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.patterns import PatternTooCostly, matches
from asyncmcp_nb.session.validation import check_arguments

PATTERNS = [
    *("", "a", "^a$", "a|b", "^(ab|cd)*$", "^[a-z0-9]+(?:-[a-z0-9]+)*$", "[^a-c]", r"^\d{2,3}$"),
    *(r"\bword\b", r"\Bx", r"^\w+\s*=\s*\S+$", ".", r"^\S*\Z", "(a?){3}b", "a{0,2}?b+?", "x*?y"),
    *(r"^(?!\.)(?!.*\.\.)[\w.]*\w@(\w[\w\-]*\.)+[A-Za-z]{2,}$", "(?=a)ab", "^(?:a|ab)(?:c|bcd)$"),
    *(r"[\d\-a]", r"[^\s\d]", "(a*)*", "(a*)+b", "((a|b)*c)*$", "^$", r"\n$", "é", "[à-ü]+"),
]
TEXTS = st.text(alphabet="ab-cdx.@ 1_\nwordé", max_size=12)

ENDLESS = [
    ("^(a+)+$", "a" * 5_000 + "!"),
    ("^(a|a)*$", "a" * 5_000 + "!"),
    ("^(a|aa)+$", "a" * 5_000 + "!"),
    (r"^(\w+\s?)*$", "word " * 1_000 + "!"),
    ("a*" * 12 + "b", "a" * 2_000),
    ("(a?){50}a{50}$", "a" * 40),
    ("^(?=(a+)+$)", "a" * 150 + "!"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60, derandomize=True, database=None)
@given(text=TEXTS)
def test_a_pattern_finds_what_re_finds(pattern: str, text: str) -> None:
    assert matches(pattern, text) == (re.search(pattern, text) is not None)


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_a_pattern_that_re_would_try_for_ever_is_answered_or_given_up(
    pattern: str, text: str
) -> None:
    try:
        found = matches(pattern, text)
    except PatternTooCostly:
        found = False

    assert found is False


def test_a_search_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(PatternTooCostly):
        matches("^(a|aa)+$", "a" * 5_000 + "!")


def test_a_plain_pattern_is_searched_in_a_long_text() -> None:
    assert matches("^[a-z]", "a" * 100_000)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\p{L}+$", "Größe", "a1"),
        (r"^\p{Script=Greek}", "αβ", "ab"),
        (r"^(\p{Extended_Pictographic}|\p{Emoji_Component})+$", "😀", "x"),
        (r"^(?<year>\d{4})-(?<month>\d\d)$", "2026-01", "2026"),
    ],
)
def test_what_only_javascript_has_is_searched_for_too(pattern: str, good: str, bad: str) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}}
    tool = Tool(name="tool", input_schema=schema)

    check_arguments(tool, {"x": good})
    with pytest.raises(InvalidArguments, match="does not match"):
        check_arguments(tool, {"x": bad})


def test_what_is_no_pattern_is_an_error() -> None:
    with pytest.raises(re.error):
        matches("(", "a")

"""Patterns give what ``re`` gives, and never take long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncmcp_nb.session.automaton import Automaton
from asyncmcp_nb.session.patterns import PatternTooCostly, matches

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
def test_an_automaton_finds_what_re_finds(pattern: str) -> None:
    from importlib import import_module
    from typing import Any

    parser: Any = import_module("re._parser")
    automaton = Automaton(parser.parse(pattern))

    @settings(max_examples=60, derandomize=True, database=None)
    @given(TEXTS)
    def check(text: str) -> None:
        assert automaton.is_in(text) == (re.search(pattern, text) is not None)
        assert matches(pattern, text) == (re.search(pattern, text) is not None)

    check()


@pytest.mark.parametrize(("pattern", "text"), ENDLESS)
def test_a_pattern_that_re_would_try_for_ever_is_answered(pattern: str, text: str) -> None:
    assert matches(pattern, text) is False


@pytest.mark.parametrize(
    "pattern", [r"^(a+)+\1$", "(?i)^(a+)+$", "(?<=a)(b+)+$", "(a{900}){900}(b+)+$"]
)
def test_what_cannot_be_bounded_is_refused_where_the_text_is_long(pattern: str) -> None:
    with pytest.raises(PatternTooCostly):
        matches(pattern, "a" * 5_000 + "!")


def test_a_text_that_is_too_long_for_a_slow_pattern_is_refused() -> None:
    with pytest.raises(PatternTooCostly):
        matches("^(a+)+$", "a" * 2_000_000)


def test_a_plain_pattern_is_searched_in_a_long_text() -> None:
    assert matches("^[a-z]", "a" * 100_000)


def test_what_is_no_pattern_is_an_error() -> None:
    with pytest.raises(re.error):
        matches("(", "a")

"""Names that a value can be assigned to, and what is said of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from asyncmcp_nb.ui.kit.assign import NotAssigned, assign, described, require_free, usable_name


class Space:
    """A notebook's namespace."""

    def __init__(self, **variables: Any) -> None:
        self.user_ns: dict[str, Any] = variables

    def push(self, variables: dict[str, Any]) -> None:
        self.user_ns.update(variables)


@pytest.mark.parametrize(
    ("text", "name"),
    [("df", "df"), ("  größe_2 ", "größe_2"), ("\ufb01le", "file"), ("match", "match")],
)
def test_a_name_of_python_is_used_as_python_reads_it(text: str, name: str) -> None:
    assert usable_name(text) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "type the variable's name"),
        ("   ", "type the variable's name"),
        ("a b", "'a b' is no name for a variable"),
        ("1a", "'1a' is no name for a variable"),
        ("a.b", "'a.b' is no name for a variable"),
        ("x=1;import os", "'x=1;import os' is no name for a variable"),
        ("class", "'class' is a word of Python's; choose another name"),
        ("None", "'None' is a word of Python's; choose another name"),
        ("list", "'list' is a name that Python has already; choose another"),
        ("print", "'print' is a name that Python has already; choose another"),
        ("get_ipython", "'get_ipython' is a name that Python has already; choose another"),
        ("Out", "'Out' is a name that Python has already; choose another"),
    ],
)
def test_other_names_are_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(NotAssigned) as refused:
        usable_name(text)

    assert str(refused.value) == why


def test_a_variable_that_is_there_is_named_before_it_is_given_up() -> None:
    space = Space(df=[1, 2])

    with pytest.raises(NotAssigned, match="df is a list of 2 already; press Assign again"):
        require_free(space, "df")

    require_free(space, "other")
    assert assign(space, "df", "words") == "df is a str of 5 characters"
    assert space.user_ns == {"df": "words"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (pd.DataFrame({"a": [1, 2]}), "a DataFrame of 2 rows"),
        ({"a": 1}, "a dict of 1"),
        (b"abc", "a bytes of 3 bytes"),
        (3, "an int"),
    ],
)
def test_values_are_described_by_kind_and_size(value: Any, words: str) -> None:
    assert described(value) == words

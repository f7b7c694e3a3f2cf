"""Values as trees that fold: what is shown first, and what is said to be left out."""

from __future__ import annotations

from typing import Any

from asyncmcp_nb.ui.answer.tree import tree_html
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


def test_a_small_tree_is_open_and_says_types_and_sizes() -> None:
    read = page(tree_html({"a": [1, "x", None, True], "b": {}, "c": 2**70}))

    assert read.text == '{3 fields}a: [4 items]0: 11: "x"2: null3: trueb: {0 fields}c: ' + str(
        2**70
    )
    assert read.attributes.count(("open", None)) == 2


def test_a_larger_tree_is_open_at_its_first_level() -> None:
    read = page(tree_html({f"k{number}": {"a": 1} for number in range(50)}))

    assert read.tags.count("details") == 51
    assert read.attributes.count(("open", None)) == 1


def test_a_tree_that_is_too_large_shows_its_upper_levels() -> None:
    value = {f"k{number}": {"a": {"b": [1, 2, 3]}, "c": 1} for number in range(90)}

    words = page(tree_html(value)).text

    assert words.count("{2 fields}") == 90
    assert words.count("2: 3") == 79
    assert words.count("[3 items] … not shown, for want of room") == 11
    assert "k89" in words


def test_a_long_list_of_records_shows_the_first_ones_whole() -> None:
    record = {"i": 1, "big": 2**70, "s": "x", "t": "y", "u": "z", "v": 0, "nested": {"a": "inside"}}

    words = page(tree_html([record] * 400)).text

    assert words.count('a: "inside"') == words.count(f"big: {2**70}") == 35
    assert words.count("{7 fields} … not shown, for want of room") == 65
    assert "300 more not shown" in words


def test_a_long_list_says_how_much_more_there_is() -> None:
    assert "900 more not shown" in page(tree_html(list(range(1_000)))).text


def test_a_very_deep_value_ends_somewhere() -> None:
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]

    words = page(tree_html(deep)).text

    assert words.endswith("… deeper than is shown")


def test_long_words_and_names_are_cut() -> None:
    markup = tree_html({"n" * 1_000: "x" * 1_000_000})

    assert len(markup) < 5_000
    assert "more characters" in page(markup).text


def test_a_single_value_is_itself() -> None:
    assert page(tree_html(None)).text == "null"


def test_names_and_values_are_text() -> None:
    words = page(tree_html({HOSTILE: [HOSTILE]})).text

    assert words.count("<script>") == 2

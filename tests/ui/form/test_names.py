"""What the values of a choice are called: no two alike, and each found by its words again."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.ui.form.field import State
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form.names import Names
from tests.ui.form.shape_schemas import LOOK_ALIKES


def chosen(values: list[Any]) -> tuple[FormModel, Any, Names]:
    """A form of one choice, its place, and the words for its values."""
    model = FormModel({"type": "object", "properties": {"it": {"enum": values}}})
    (place,) = model.root.children
    return model, place, model.fields.names(place.field)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", "b"], ["a", "b"]),
        ([1, "1", 1.0], ["1", '"1"', "1.0"]),
        ([True, "true"], ["true", '"true"']),
        ([None, "null"], ["null"]),
        (["", " ", "x"], ['""', '" "', "x"]),
        (["(null)", "(not sent)"], ['"(null)"', '"(not sent)"']),
        (["a b", "a  b", "a\nb"], ['"a b" (1)', '"a b" (2)', '"a\\nb"']),
        ([{"a": 1}, '{"a": 1}'], ['{"a": 1}', '"{\\"a\\": 1}"']),
    ],
)
def test_values_that_look_alike_are_told_apart(values: list[Any], words: list[str]) -> None:
    assert list(chosen(values)[2].words) == words


def test_titles_that_are_the_same_are_told_apart_by_their_values() -> None:
    same_title = [{"const": 1, "title": "low"}, {"const": "1", "title": "low"}]
    model = FormModel({"type": "object", "properties": {"it": {"oneOf": same_title}}})

    words = model.fields.names(model.root.children[0].field).words

    assert words == ("low (1)", 'low ("1")')


@pytest.mark.parametrize("values", [LOOK_ALIKES, [f"value {n}" for n in range(5_000)]])
def test_what_is_typed_by_its_words_is_exactly_the_value(values: list[Any]) -> None:
    model, place, names = chosen(values)
    kept = [value for value in values if value is not None]
    found: list[Any] = []

    for word in names.words:
        place.type_text(word)
        found.append(model.value()["it"])

    assert len(set(names.words)) == len(kept)
    assert all(map(same, found, kept))


def test_capitals_do_not_matter_where_only_one_value_is_meant() -> None:
    model, place, _ = chosen(["Oslo", "Rome", "ROME"])
    found: list[Any] = []

    for typed in (" oslo", "rome", "ROME"):
        place.type_text(typed)
        found.append((model.is_valid, model.value()["it"]))

    assert found == [(True, "Oslo"), (False, "rome"), (True, "ROME")]


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("v1x", "choose one; none of 20 has that in it"),
        (" V", "choose one; 20 of 20 match: v0, v1, v2, …"),
        ("1", "choose one; 11 of 20 match: v1, v10, v11, …"),
        ("other", "choose one; none of 20 has that in it"),
    ],
)
def test_what_is_none_of_the_values_yet_is_no_value_and_says_what_matches(
    typed: str, problem: str
) -> None:
    model, place, _ = chosen([f"v{n}" for n in range(20)])
    model.load({"it": "v7"})
    (place,) = model.root.children

    place.type_text(typed)

    assert model.problems() == {("it",): problem}


def test_what_is_emptied_is_not_sent() -> None:
    model, place, _ = chosen(["a", ""])

    place.type_text("a")
    place.type_text("")

    assert (place.state, model.value(), model.is_valid) == (State.OMITTED, {}, True)

"""No schema makes a form raise or hang, and whatever is loaded comes back."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.validation import check_content
from asyncmcp_nb.ui.form.field import Kind
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.model import MAX_NODE_COUNT, FormModel
from asyncmcp_nb.ui.form.node import Node
from tests.ui.form.hostile_schemas import ENDLESS, HOSTILE

VALUES: list[Any] = [
    None,
    True,
    1.0,
    "x",
    "a" * 60 + "!",
    [1, ["b"]],
    {},
    {"x": "a" * 60 + "!", "1": 2},
]

TOOLS = [
    name
    for name, schema in HOSTILE.items()
    if isinstance(schema, dict) and name != "name_that_is_no_text"
]
"""Schemas that the SDK lets in as those of a tool."""


def nodes(node: Node) -> int:
    return 1 + sum(map(nodes, node.children))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_form_is_made_and_keeps_what_it_is_given(name: str) -> None:
    model = FormModel(HOSTILE[name])

    assert nodes(model.root) <= MAX_NODE_COUNT + 1
    for value in VALUES:
        model.load(value)
        assert same(model.value(), value)
        assert model.is_valid == (model.problems() == {})
    model.reset()
    model.root.give()
    model.root.as_json()
    model.root.as_field()
    assert isinstance(model.json_text(), str)
    assert isinstance(repr(model), str)


@pytest.mark.parametrize("name", TOOLS)
def test_what_submit_would_refuse_is_no_valid_form_of_a_tool(name: str) -> None:
    schema: dict[str, Any] = HOSTILE[name]
    model = FormModel(schema, is_tool=True)
    for value in ({}, {"x": 1}, {"x": "a" * 60 + "!"}):
        model.load(value)
        if model.is_valid:
            check_content(schema, value)
        else:
            with pytest.raises(InvalidArguments):
                check_content(schema, value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken_reference", "it refers to #/nope, which is not in the schema"),
        (
            "remote_reference",
            "it refers to http://192.0.2.1/schema.json, which is not in the schema",
        ),
        ("reference_to_itself", "its reference leads back to itself or is none"),
        ("ten_thousand_properties", "10,000 fields are too many to draw"),
        ("huge_enum_of_numbers", "100,000 values are too many to choose from"),
        ("doubling_all_of", "it is put together from too many parts"),
        ("contradiction", "its parts contradict each other: string, and integer"),
        ("false", "nothing is admitted here"),
    ],
)
def test_what_cannot_be_drawn_is_json_with_a_reason(name: str, reason: str) -> None:
    field = FormModel(HOSTILE[name]).root.field

    assert (field.kind, field.reason) == (Kind.JSON, reason)


def test_a_place_nested_too_deep_is_json() -> None:
    model = FormModel(HOSTILE["nested_500"])
    node = model.root
    while node.children:
        node = node.children[0]

    assert (node.field.kind, node.field.reason) == (Kind.JSON, "nested too deep to draw")


def test_a_schema_that_cannot_be_checked_is_a_problem_that_says_so() -> None:
    model = FormModel(HOSTILE["multiple_of_nothing"])

    assert model.problems() == {(): "the schema is not usable: integer modulo by zero"}


def test_references_that_multiply_are_a_problem_and_not_a_wait() -> None:
    model = FormModel(HOSTILE["doubling_all_of"])
    model.load("x")

    told = "the schema is not usable: its references multiply: checking takes too long"
    assert model.problems() == {(): told}


def test_an_endless_pattern_still_decides() -> None:
    model = FormModel({"type": "string", "pattern": ENDLESS})

    model.root.type_text("a" * 100)
    assert model.problems() == {}
    model.root.type_text("a" * 100 + "!")
    assert model.problems() == {(): f"must match {ENDLESS}"}


def test_a_long_list_is_json_rather_than_a_thousand_fields() -> None:
    model = FormModel({"type": "array", "items": {"type": "integer"}})
    model.load(list(range(1_000)))

    assert model.root.field.reason == "1,000 items are too many to draw"
    assert model.value() == list(range(1_000))
    assert model.is_valid

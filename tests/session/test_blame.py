"""Which error is told of arguments that do not fit, and how much of them it repeats."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.validation import check_arguments
from asyncmcp_nb.ui.form.model import FormModel
from tests.session.test_validation import tool


def told(properties: dict[str, Any], arguments: dict[str, Any], **more: Any) -> str:
    """What is said of arguments, without the signature."""
    with pytest.raises(InvalidArguments) as caught:
        check_arguments(tool({"properties": properties, **more}), arguments)
    return str(caught.value).rpartition("; add(")[0]


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (
            {"type": "array", "maxItems": 3},
            list(range(10_000)),
            "is too long",
        ),
        ({"type": "integer"}, "x" * 5_000, "is not of type 'integer'"),
        ({"enum": [f"value {n}" for n in range(9_000)]}, "x", "'x' is not one of ['value 0',"),
        ({"type": "object", "additionalProperties": False}, {"x" * 5_000: 1}, "not allowed ('xxx"),
    ],
)
def test_what_an_error_quotes_is_cut(schema: dict[str, Any], value: Any, words: str) -> None:
    message = told({"a": schema}, {"a": value})

    assert words in message
    assert "more characters)" in message
    assert len(message) < 500


CAT = {
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind", "lives"],
}
DOG = {
    "properties": {
        "kind": {"enum": ["dog"]},
        "tricks": {"type": "array", "items": {"type": "string"}},
        "size": {"enum": ["small", "large"]},
    },
    "required": ["kind"],
}
BIRDS = {"properties": {"kind": {"enum": ["owl", "jay"]}, "sings": {"type": "boolean"}}}
PETS: dict[str, Any] = {
    "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}, {"$ref": "#/$defs/Birds"}],
    "discriminator": {"propertyName": "kind"},
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"kind": "dog", "tricks": "sit"}, "pet.tricks: 'sit' is not of type 'array'"),
        ({"kind": "dog", "size": "huge"}, "pet.size: 'huge' is not one of ['small', 'large']"),
        ({"kind": "cat"}, "pet: 'lives' is a required property"),
        ({"kind": "owl", "sings": 1}, "pet.sings: 1 is not of type 'boolean'"),
    ],
)
@pytest.mark.parametrize("is_optional", [False, True])
def test_of_alternatives_the_one_is_told_that_the_value_names(
    value: dict[str, Any], words: str, is_optional: bool
) -> None:
    schema = {"anyOf": [PETS, {"type": "null"}]} if is_optional else PETS
    defs = {"Cat": CAT, "Dog": DOG, "Birds": BIRDS}

    assert told({"pet": schema}, {"pet": value}, **{"$defs": defs}) == words


def test_where_no_alternative_is_meant_all_are_told() -> None:
    one_of_two = {"anyOf": [{"type": "integer"}, {"type": "null"}]}

    assert told({"a": one_of_two}, {"a": "x"}) == (
        "a: 'x' is not valid under any of the given schemas"
    )


def test_a_form_tells_of_the_same_alternative() -> None:
    defs = {"Cat": CAT, "Dog": DOG, "Birds": BIRDS}
    model = FormModel({"properties": {"pet": PETS}, "$defs": defs})

    model.load({"pet": {"kind": "dog", "size": "huge"}})

    assert model.problems() == {("pet", "size"): "must be one of small, large"}

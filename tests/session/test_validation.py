from __future__ import annotations

from typing import Any

import pytest
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments, ToolNotFound
from asyncmcp_nb.session.validation import (
    check_arguments,
    find_tool,
    only_parameter,
    signature,
)


def tool(schema: dict[str, Any], name: str = "add") -> Tool:
    return Tool(name=name, input_schema={"type": "object", **schema})


ADD = tool(
    {
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 1}},
        "required": ["a"],
    }
)


def test_fitting_arguments_pass() -> None:
    check_arguments(ADD, {"a": 1, "b": 2})
    check_arguments(ADD, {"a": 2**70})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "'a' is a required property"),
        ({"a": "x"}, "a: 'x' is not of type 'integer'"),
        ({"a": 1, "bb": 2}, "no argument 'bb', did you mean 'b'?"),
        ({"a": 1, "zzz": 2}, "no argument 'zzz'; there are: a, b"),
    ],
)
def test_a_misfit_is_one_line_with_the_signature(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        check_arguments(ADD, arguments)

    assert str(caught.value) == f"{words}; add(a: integer, b: integer = 1)"


def test_names_that_an_error_has_no_room_for_are_counted() -> None:
    many = Tool(
        name="many",
        input_schema={"type": "object", "properties": {f"field_{n}": {} for n in range(12)}},
    )

    with pytest.raises(InvalidArguments, match="field_8, field_9 and 2 more"):
        check_arguments(many, {"zzz": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {}, "additionalProperties": True},
        {"properties": {}, "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {}}, "additionalProperties": True},
        {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {}}, "patternProperties": {"^b": {}}},
    ],
)
def test_an_open_schema_admits_other_names(schema: dict[str, Any]) -> None:
    check_arguments(tool(schema), {"b": 1})


@pytest.mark.parametrize("schema", [{"properties": {}}, {"properties": {}, "title": "A"}])
def test_a_tool_without_parameters_takes_none(schema: dict[str, Any]) -> None:
    nothing = tool(schema, name="nothing")

    check_arguments(nothing, {})
    with pytest.raises(InvalidArguments) as caught:
        check_arguments(nothing, {"foo": 5})

    assert str(caught.value) == "no argument 'foo': it takes none; nothing()"


@pytest.mark.parametrize("anything", [{}, True, {"type": "object", "properties": {}}])
def test_an_argument_that_may_be_anything_may_have_any_names(anything: Any) -> None:
    check_arguments(tool({"properties": {"a": anything}}), {"a": {"b": 1}})


def test_a_nested_violation_names_its_place() -> None:
    nested = tool({"properties": {"p": {"type": "array", "items": {"type": "integer"}}}})

    with pytest.raises(InvalidArguments, match=r"^p\.1: 'x' is not of type 'integer'"):
        check_arguments(nested, {"p": [1, "x"]})


def test_an_unusable_schema_is_said_to_be_one() -> None:
    with pytest.raises(InvalidArguments, match="input schema is not usable"):
        check_arguments(tool({"properties": {"a": {"type": "nonsense"}}}), {"a": 1})


def test_a_remote_reference_is_not_fetched() -> None:
    remote = tool({"properties": {"a": {"$ref": "https://example.invalid/schema.json"}}})

    with pytest.raises(InvalidArguments, match="input schema is not usable"):
        check_arguments(remote, {"a": 1})


def test_an_unknown_tool_is_named_with_the_nearest() -> None:
    with pytest.raises(ToolNotFound, match=r"no tool 'ad', did you mean 'add'\?"):
        find_tool([ADD], "ad")
    with pytest.raises(ToolNotFound, match=r"^no tool 'add'$"):
        find_tool([], "add")


def arrays(levels: int) -> dict[str, Any]:
    """Arrays in arrays."""
    schema: dict[str, Any] = {"type": "array"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"a": {"enum": ["x", "y"]}}, "f(a: 'x'|'y' = ...)"),
        ({"a": {"type": ["string", "null"]}}, "f(a: string|null = ...)"),
        ({"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "f(a: string|null = ...)"),
        ({"a": {}}, "f(a: any = ...)"),
        ({"a": {"oneOf": [{"const": "x"}, {"const": 2}]}}, "f(a: 'x'|2 = ...)"),
        ({"a": {"$ref": "#/$defs/Leg"}}, "f(a: Leg = ...)"),
        ({"a": {"$ref": "#/properties/b"}}, "f(a: any = ...)"),
        ({"a": {"oneOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}, "f(a: A|null = ...)"),
        ({"a": {"type": "array", "items": {"$ref": "#/$defs/Leg"}}}, "f(a: array[Leg] = ...)"),
        ({"a": {"type": "array"}}, "f(a: array = ...)"),
        ({"a": arrays(900)}, "f(a: array[array[array[array[array]]]] = ...)"),
        ({"a": True}, "f(a)"),
    ],
)
def test_signatures_read_like_python(properties: dict[str, Any], text: str) -> None:
    assert signature(tool({"properties": properties}, name="f")) == text


def test_a_bare_value_goes_to_the_only_required_or_only_parameter() -> None:
    assert only_parameter(ADD) == "a"
    assert only_parameter(tool({"properties": {"x": {}}})) == "x"
    with pytest.raises(InvalidArguments, match="give a dict for each call"):
        only_parameter(tool({"properties": {"x": {}, "y": {}}}))


def test_long_names_and_signatures_are_cut() -> None:
    wide = tool({"properties": {f"{n}{'p' * 900}": {"type": "integer"} for n in range(100)}})

    for arguments in ({"q" * 9_000: 1}, {f"1{'p' * 900}": "x" * 9_000}):
        with pytest.raises(InvalidArguments) as caught:
            check_arguments(wide, arguments)
        assert len(str(caught.value)) < 4_000
    with pytest.raises(ToolNotFound) as missing:
        find_tool([ADD], "q" * 9_000)
    assert len(str(missing.value)) < 300

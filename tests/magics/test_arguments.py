"""``key=value`` by the tool's schema, and notebook variables in values and JSON."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.magics.coerce import arguments_of, values_of
from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.interpolate import fill_json, fill_text
from asyncmcp_nb.magics.words import split

NAMES = {"n": 5, "text": 'a "b"', "rows": [{"x": 1}], "nan": float("nan"), "thing": object()}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {
        "Size": {"type": "string", "enum": ["small", "big"]},
        "Tree": {
            "anyOf": [
                {"type": "integer"},
                {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}},
            ]
        },
    },
    "properties": {
        "text": {"type": "string"},
        "whole": {"type": "integer"},
        "number": {"type": "number"},
        "flag": {"type": "boolean"},
        "list": {"type": "array"},
        "object": {"type": "object"},
        "size": {"$ref": "#/$defs/Size"},
        "level": {"enum": [1, 2, None]},
        "fixed": {"const": "yes"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"type": ["string", "integer", "null"]},
        "words": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
        "anything": {},
        "tree": {"$ref": "#/$defs/Tree"},
    },
}
TOOL = Tool(name="t", input_schema=SCHEMA)


def read(line: str) -> Any:
    (value,) = arguments_of(TOOL, split(line), NAMES).values()
    return value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("text=5", "5"),
        ("text=null", "null"),
        ("text={x}", "{x}"),
        ("text='a b'", "a b"),
        ("text=", ""),
        ("whole=5", 5),
        ("whole=-5", -5),
        ("whole=1e3", 1000),
        ("whole='5'", 5),
        ("whole=123456789012345678901234567890", 123456789012345678901234567890),
        ("number=5", 5),
        ("number=0.5", 0.5),
        ("number=+2.5", 2.5),
        ("flag=true", True),
        ("flag=False", False),
        ("list=[1, 2]", [1, 2]),
        ('object={"a": 1}', {"a": 1}),
        ("size=big", "big"),
        ("level=2", 2),
        ("level=null", None),
        ("fixed=yes", "yes"),
        ("maybe=null", None),
        ("maybe=3", 3),
        ("either=3", 3),
        ("either='3'", "3"),
        ("either=null", None),
        ("either='null'", "null"),
        ("either=x", "x"),
        ('words=["a", "b"]', ["a", "b"]),
        ("words=[draft", "[draft"),
        ("words=plain", "plain"),
        ("anything=1", 1),
        ("anything='1'", "1"),
        ("anything=true", True),
        ("anything=word", "word"),
        ("tree=7", 7),
        ('tree={"left": {"left": 7}}', {"left": {"left": 7}}),
        ('text:="json"', "json"),
        ("anything:=null", None),
        ("whole={{n}}", 5),
        ("text={{text}}", 'a "b"'),
        ("text='n is {{n}}'", "n is 5"),
        ("list=[{{n}}, {{rows}}]", [5, [{"x": 1}]]),
        ("words={{ text }}", 'a "b"'),
        ("list:={{rows}}", [{"x": 1}]),
    ],
)
def test_a_word_becomes_what_the_schema_says(line: str, value: Any) -> None:
    found = read(line)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("whole=x", "whole: 'x' is not an integer"),
        ("whole=1.5", "whole: '1.5' is not an integer"),
        ("number=NaN", "number: 'NaN' is not a number"),
        ("flag=maybe", "flag: 'maybe' is not a boolean"),
        ("list=1,2", "list: '1,2' is not an array"),
        ('object={"a": }', "object: not JSON at line 1, column 7"),
        ("size=huge", "size: 'huge' is none of 'small', 'big'"),
        ("maybe=x", "maybe: 'x' is not an integer or null"),
        ("text:=word", "text: not JSON at line 1, column 1"),
        (f"number={'9' * 5_000}", "number: '9999"),
        (f"anything:={'9' * 5_000}", "anything: not JSON: "),
        (f"list={'[' * 5_000 + ']' * 5_000}", "list: nested deeper than 200 levels"),
        ("list=[1e400]", "list: not JSON: "),
        ('object={"a": 1, "a": 2}', "object: not JSON: the name 'a' is there twice"),
        ("list=[12345678901234567890.0]", "list: not JSON: "),
        ("word", "'word' is not key=value"),
        ("flag=true flag=false", "flag is given twice"),
        ("whole={{rowz}}", "whole: no variable 'rowz', did you mean 'rows'?"),
        ("text={{thing}}", "text: variable 'thing' (object) is not JSON"),
        ("text={{nan}}", "text: variable 'nan' (float) is not JSON"),
    ],
)
def test_a_wrong_value_gets_one_line_with_the_signature(line: str, problem: str) -> None:
    with pytest.raises(MagicUsageError) as caught:
        read(line)

    assert str(caught.value).startswith(problem)
    assert str(caught.value).endswith("tree: Tree = ...)")
    assert "\n" not in str(caught.value)


AUTO_OR_TEXT = {"anyOf": [{"const": "auto"}, {"type": "string"}]}
SIZE_OR_TEXT = {"oneOf": [{"enum": ["small", "big"]}, {"type": "string", "minLength": 6}]}
AUTO_OR_WHOLE = {"anyOf": [{"const": "auto"}, {"type": "integer"}]}
TEXT_OR_WHOLE = {"type": ["string", "integer"]}
TEXT_OR_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string"}]}
LIST_OR_NULL = {"type": ["array", "null"], "items": {"type": "integer"}}
LIST_OR_NULL_APART = {"anyOf": [{"$ref": "#/$defs/Words"}, {"type": "null"}]}
TEXT_AROUND = {"type": "string", "anyOf": [{"minLength": 2}, {"enum": ["5"]}]}
ALL_OF = {"allOf": [{"type": ["string", "integer"]}, {"type": "integer"}]}
ALL_LISTED = {"allOf": [{"$ref": "#/$defs/Size"}, {"enum": ["big", "huge"]}]}
WIDE_AND_WHOLE = {"allOf": [{"type": "number"}, {"type": ["integer", "string"]}]}
LOOK_ALIKES = {"enum": [1, "1", 2.5, True, "true", None]}
DEFINED = {
    "Words": {"type": "array", "items": {"type": "string"}},
    "Size": {"enum": ["small", "big"]},
    "Either": {"anyOf": [{"$ref": "#/$defs/Size"}, {"$ref": "#/properties/other/anyOf/1"}]},
    "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}] * 50},
}


def read_as(schema: Any, line: str) -> Any:
    properties = {"x": schema, "other": {"anyOf": [{"type": "null"}, {"type": "integer"}]}}
    tool = Tool(
        name="t", input_schema={"type": "object", "$defs": DEFINED, "properties": properties}
    )
    return arguments_of(tool, split(line), NAMES)["x"]


@pytest.mark.parametrize(
    ("schema", "line", "value"),
    [
        (AUTO_OR_TEXT, "x=auto", "auto"),
        (AUTO_OR_TEXT, "x=free", "free"),
        (AUTO_OR_TEXT, "x=5", "5"),
        (SIZE_OR_TEXT, "x=big", "big"),
        (SIZE_OR_TEXT, "x=enormous", "enormous"),
        (AUTO_OR_WHOLE, "x=auto", "auto"),
        (AUTO_OR_WHOLE, "x=5", 5),
        (TEXT_OR_WHOLE, "x=12", 12),
        (TEXT_OR_WHOLE, "x='12'", "12"),
        (TEXT_OR_WHOLE, "x=-12", -12),
        (TEXT_OR_WHOLE, "x=1.0", "1.0"),
        (TEXT_OR_WHOLE, "x=1e3", "1e3"),
        (TEXT_OR_WHOLE, "x=007", "007"),
        (TEXT_OR_WHOLE, "x=+5", "+5"),
        (TEXT_OR_NUMBER, "x=1.0", 1.0),
        (TEXT_OR_NUMBER, "x='1.0'", "1.0"),
        (TEXT_OR_NUMBER, "x=1e999", "1e999"),
        ({"type": ["integer", "number"]}, "x=2.0", 2.0),
        ({}, "x=1.0", 1.0),
        (LIST_OR_NULL, "x=null", None),
        (LIST_OR_NULL, "x=[1, 2]", [1, 2]),
        (LIST_OR_NULL_APART, 'x=["a"]', ["a"]),
        (LIST_OR_NULL_APART, "x=null", None),
        (TEXT_AROUND, "x=5", "5"),
        (TEXT_AROUND, "x=true", "true"),
        (ALL_OF, "x=5", 5),
        (ALL_LISTED, "x=big", "big"),
        (WIDE_AND_WHOLE, "x=1e3", 1000),
        (LOOK_ALIKES, "x=1", 1),
        (LOOK_ALIKES, "x='1'", "1"),
        (LOOK_ALIKES, "x=true", True),
        (LOOK_ALIKES, "x='true'", "true"),
        (LOOK_ALIKES, "x=2.5", 2.5),
        (LOOK_ALIKES, "x=null", None),
        ({"const": [1, 2]}, "x=[1,2]", [1, 2]),
        ({"const": 1.0}, "x=1", 1.0),
        ({"type": "string", "enum": ["a", None]}, "x=a", "a"),
        ({"$ref": "#/$defs/Either"}, "x=small", "small"),
        ({"$ref": "#/$defs/Either"}, "x=7", 7),
        ({"$ref": "#/properties/other"}, "x=7", 7),
        ({"type": "integer"}, "x=1e30", 10**30),
        ({"type": "integer"}, "x=12345678901234567890.0", 12345678901234567890),
        ({"type": "number"}, "x=123456789012345678901", 123456789012345678901),
        (TEXT_OR_WHOLE, f"x={'9' * 400}", int("9" * 400)),
    ],
)
def test_a_word_of_several_alternatives_is_the_narrowest_that_it_can_be(
    schema: Any, line: str, value: Any
) -> None:
    found = read_as(schema, line)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("schema", "line", "problem"),
    [
        (AUTO_OR_WHOLE, "x=free", "x: 'free' is not an integer, and none of 'auto'"),
        (LIST_OR_NULL, "x=a", "x: 'a' is not an array or null"),
        (ALL_OF, "x=five", "x: 'five' is not an integer"),
        (ALL_LISTED, "x=small", "x: 'small' is none of 'big'"),
        ({"type": "number"}, "x=1e999", "x: '1e999' is not a number"),
        ({"type": "integer"}, "x=1e999999999", "x: '1e999999999' is not an integer"),
        ({"type": "integer"}, "x=5.5", "x: '5.5' is not an integer"),
        ({"type": "integer"}, f"x={'9' * 9_000}", f"x: '{'9' * 199}… (8,802 more characters)"),
    ],
)
def test_a_word_that_fits_no_alternative_is_refused_in_one_line(
    schema: Any, line: str, problem: str
) -> None:
    with pytest.raises(MagicUsageError) as caught:
        read_as(schema, line)

    assert str(caught.value).startswith(problem)


def test_references_that_lead_nowhere_end() -> None:
    with pytest.raises(InvalidArguments):
        read_as({"$ref": "#/$defs/Loop"}, "x=word")


def test_an_unknown_name_is_named_with_the_nearest() -> None:
    with pytest.raises(InvalidArguments, match="no argument 'flg', did you mean 'flag'"):
        read("flg=1")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("size", ["small", "big"]),
        ("level", ["1", "2", "null"]),
        ("flag", ["true", "false"]),
        ("maybe", ["null"]),
        ("either", ["null"]),
        ("anything", []),
        ("text", []),
    ],
)
def test_completion_offers_the_values_of_enums_and_booleans(name: str, offered: list[str]) -> None:
    assert values_of(SCHEMA["properties"][name], SCHEMA) == offered


def test_variables_enter_json_as_values_and_strings_as_text() -> None:
    body = '{"a": {{n}}, "b": "{{text}} and {{n}}", "c": {{text}}, "{{n}}": {{ rows }}}'

    assert fill_json(body, NAMES) == {
        "a": 5,
        "b": 'a "b" and 5',
        "c": 'a "b"',
        "5": [{"x": 1}],
    }


def test_a_value_that_looks_like_code_or_a_placeholder_stays_text() -> None:
    names = {"x": "{{y}} __import__('os')", "y": "secret"}

    assert fill_json('{"a": {{x}}, "b": "{{x}}"}', names) == {"a": names["x"], "b": names["x"]}
    assert fill_text("{{x}}", names) == names["x"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ('{"a": 1,\n "b": }', "line 2, column 7"),
        ('{"a": {{n}},\n "b": {{rows}} x}', "line 2, column 16"),
        ("", "line 1, column 1"),
    ],
)
def test_bad_json_is_told_by_the_line_and_column_that_were_typed(body: str, where: str) -> None:
    with pytest.raises(MagicUsageError, match=f"not JSON at {where}"):
        fill_json(body, NAMES)


def test_json_has_no_nan() -> None:
    with pytest.raises(MagicUsageError, match="NaN is no number there"):
        fill_json('{"a": NaN}', {})

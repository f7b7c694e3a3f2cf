"""What a person does in a form, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.ui.form.field import OMITTED, Change, FormTextError, Kind, Path, State
from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form.node import Node


def form(properties: dict[str, Any], *required: str, **rest: Any) -> FormModel:
    schema = {"type": "object", "properties": properties, "required": list(required), **rest}
    return FormModel(schema)


def place(model: FormModel, *path: str | int) -> Node:
    """The node of a path; of a union, what is below."""
    return below(model.root, path)


def below(node: Node, path: Path) -> Node:
    if not path:
        return node
    if node.field.kind is Kind.UNION:
        return below(node.children[0], path)
    (child,) = [child for child in node.children if child.slot == path[0]]
    return below(child, path[1:])


class TestThreeStates:
    def test_an_optional_place_starts_omitted_and_is_not_sent(self) -> None:
        model = form({"a": {"type": "string", "default": "x"}})

        assert place(model, "a").state is State.OMITTED
        assert place(model, "a").field.default == "x"
        assert model.value() == {}

    def test_omitted_null_and_empty_are_three_values(self) -> None:
        model = form({"a": {"type": ["string", "null"]}})
        node = place(model, "a")

        node.type_text("")
        assert model.value() == {"a": ""}
        node.set_null()
        assert model.value() == {"a": None}
        node.omit()
        assert model.value() == {}

    def test_what_was_typed_comes_back_with_the_value(self) -> None:
        node = place(form({"a": {"type": ["string", "null"]}}), "a")

        node.type_text("kept")
        node.set_null()
        node.give()

        assert (node.state, node.text) == (State.VALUE, "kept")

    def test_a_required_text_must_be_given_though_it_may_be_empty(self) -> None:
        model = form({"a": {"type": "string"}}, "a")
        node = place(model, "a")

        assert (model.problems(), node.may_omit) == ({("a",): "required"}, False)
        node.give()
        assert (model.problems(), model.value()) == ({}, {"a": ""})

    def test_required_places_start_with_their_default(self) -> None:
        model = form({"a": {"type": "integer", "default": 3}, "b": {"enum": ["only"]}}, "a", "b")

        assert model.value() == {"a": 3}

    def test_a_number_without_text_is_no_number(self) -> None:
        model = form({"a": {"type": "integer"}})
        node = place(model, "a")

        node.type_text("5")
        node.type_text("")

        assert (node.state, model.value(), model.problems()) == (State.OMITTED, {}, {})

    def test_null_is_offered_where_the_schema_admits_it(self) -> None:
        properties = {
            "a": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "b": {"type": ["null", "object"], "properties": {"c": {"type": "string"}}},
            "c": {"type": "string"},
            "d": {"type": "string", "nullable": True},
            "e": {"enum": ["x", None]},
        }
        model = form(properties)

        offered = {name: place(model, name).may_be_null for name in properties}
        assert offered == {"a": True, "b": True, "c": False, "d": False, "e": True}

    def test_a_loaded_null_is_null_even_where_it_is_wrong(self) -> None:
        model = form({"a": {"type": "integer"}})
        model.load({"a": None})

        assert place(model, "a").state is State.NULL
        assert model.problems() == {("a",): "must be a whole number"}


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("9007199254740993", 9007199254740993),
            ("-123456789012345678901234567890", -123456789012345678901234567890),
            ("1", 1),
            ("1.0", 1.0),
            ("+1", 1),
            (" 1e3 ", 1000.0),
            (".5", 0.5),
            ("-0.0", -0.0),
            ("1e22", 1e22),
        ],
    )
    def test_a_text_is_exactly_its_number(self, text: str, value: float) -> None:
        model = FormModel({"type": "number"})
        model.root.type_text(text)

        assert same(model.value(), value)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("abc", "not a number"),
            ("NaN", "not a number"),
            ("1e999", "too large for a number with a point or exponent"),
            ("1" * 5000, "more than 4,300 digits"),
            (
                "9007199254740993.0",
                "would be rounded to 9007199254740992.0: write it without point and exponent",
            ),
            ("١", "not a number"),
        ],
    )
    def test_what_is_no_number_is_a_problem_and_is_kept(self, text: str, told: str) -> None:
        model = form({"a": {"type": "integer"}})
        place(model, "a").type_text(text)

        assert model.problems() == {("a",): told}
        assert model.value() == {"a": text}
        assert place(model, "a").text == text

    def test_a_fraction_is_no_whole_number(self) -> None:
        model = form({"a": {"type": "integer"}})
        place(model, "a").type_text("1.5")

        assert model.problems() == {("a",): "must be a whole number"}

    def test_a_big_integer_survives_the_json_editor(self) -> None:
        model = form({"a": {"type": "integer"}})
        model.load_text('{"a": 9007199254740993}')

        assert model.json_text() == '{\n  "a": 9007199254740993\n}'
        assert place(model, "a").text == "9007199254740993"


class TestJsonEditor:
    def test_both_ways(self) -> None:
        model = form(
            {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}}
        )
        place(model, "a").type_text("1")
        model.load_text(model.json_text().replace("1", '2, "b": ["x"]'))

        assert place(model, "a").text == "2"
        assert place(model, "b", 0).text == "x"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ('{"a": 1 "b"}', "not JSON at line 1, column 9: expecting ',' delimiter"),
            ('{\n"a": }', "not JSON at line 2, column 6: expecting value"),
            ("", "not JSON at line 1, column 1: expecting value"),
            ("[NaN]", "not JSON: NaN is no number there"),
            ("1e999", "not JSON: too large for a number with a point or exponent"),
            ('{"a": 1, "a": 2}', "not JSON: the name 'a' is there twice"),
            ("[" * 10_000, "nested deeper than 200 levels"),
            ("[" * 300 + "]" * 300, "nested deeper than 200 levels"),
            ("1" * 5_000, "not JSON: more than 4,300 digits"),
        ],
    )
    def test_a_wrong_text_says_where_and_changes_nothing(self, text: str, told: str) -> None:
        model = form({"a": {"type": "integer"}})
        place(model, "a").type_text("7")
        root = model.root

        with pytest.raises(FormTextError) as raised:
            model.load_text(text)

        assert str(raised.value).startswith(told)
        assert (model.value(), model.root) == ({"a": 7}, root)

    @pytest.mark.parametrize(
        "value", [{1, 2}, float("nan"), {1: 2}, b"x", pytest.param(10**5000, id="huge")]
    )
    def test_what_is_no_json_is_not_loaded(self, value: Any) -> None:
        model = form({"a": {"type": "integer"}})

        with pytest.raises(FormTextError):
            model.load({"a": value})

        assert model.value() == {}


class TestStructure:
    def test_items_are_added_moved_and_removed(self) -> None:
        model = form({"a": {"type": "array", "items": {"type": "integer"}}}, "a")
        items = place(model, "a")
        for text in ("1", "2", "3"):
            items.add().type_text(text)
        first, second, third = items.children

        items.move(third, -2)
        items.remove(second)

        assert model.value() == {"a": [3, 1]}
        assert [child.path for child in items.children] == [("a", 0), ("a", 1)]
        assert not items.may_move(third, -1)
        assert items.may_move(first, -1)

    def test_an_item_that_is_not_there_yet_keeps_the_place_of_the_others(self) -> None:
        model = form({"a": {"type": "array", "items": {"type": "integer"}}}, "a")
        items = place(model, "a")
        items.add()
        items.add().type_text("0")

        assert model.problems() == {("a", 0): "required, or remove it"}
        assert model.value() == {"a": [None, 0]}

    def test_no_more_items_than_the_schema_admits_are_offered(self) -> None:
        model = form({"a": {"type": "array", "items": {"type": "integer"}, "maxItems": 1}}, "a")
        items = place(model, "a")

        offered = [items.may_add]
        items.add()
        offered.append(items.may_add)

        assert offered == [True, False]

    def test_a_tuple_keeps_each_kind_in_its_place(self) -> None:
        pair = {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "items": False,
        }
        model = form({"a": pair}, "a")
        items = place(model, "a")

        assert [child.field.kind for child in items.children] == [Kind.STRING, Kind.INTEGER]
        assert not items.may_add
        assert not items.may_move(items.children[0], 1)
        assert [items.may_remove(child) for child in items.children] == [False, True]

    def test_entries_are_added_renamed_and_removed(self) -> None:
        model = form({"m": {"type": "object", "additionalProperties": {"type": "integer"}}}, "m")
        entries = place(model, "m")
        entries.add("a").type_text("1")
        entries.add().type_text("2")
        first, second = entries.children

        entries.rename(second, "b")
        assert model.value() == {"m": {"a": 1, "b": 2}}
        entries.remove(first)
        assert model.value() == {"m": {"b": 2}}

    def test_two_entries_of_one_name_are_a_problem(self) -> None:
        model = form({"m": {"type": "object", "additionalProperties": {"type": "integer"}}}, "m")
        entries = place(model, "m")
        entries.add("a").type_text("1")
        entries.add("a").type_text("2")

        assert model.problems() == {("m", "a"): "this name is there twice"}

    def test_a_renamed_entry_gets_the_field_of_its_name(self) -> None:
        patterns = {"^n_": {"type": "integer"}, "^s_": {"type": "string"}}
        model = form({"m": {"type": "object", "patternProperties": patterns}}, "m")
        entries = place(model, "m")
        child = entries.add("s_x")
        child.type_text("5")

        entries.rename(child, "n_x")

        assert child.natural.kind is Kind.INTEGER
        assert model.value() == {"m": {"n_x": "5"}}
        assert model.problems() == {("m", "n_x"): "must be a whole number"}

    def test_a_recursive_place_waits_to_be_given(self) -> None:
        node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}
        model = form({"n": {"$ref": "#/$defs/n"}}, "n", **{"$defs": {"n": node}})

        assert model.value() == {"n": {}}
        place(model, "n", "next").give()
        place(model, "n", "next", "next").give()
        assert model.value() == {"n": {"next": {"next": {}}}}

    def test_names_that_are_not_declared_are_shown_and_may_be_taken_out(self) -> None:
        model = form({"a": {"type": "integer"}})
        model.load({"b": {"c": 1}, "a": 1})
        extra = place(model, "b")

        assert (extra.is_extra, extra.field.kind) == (True, Kind.JSON)
        model.root.remove(extra)
        assert model.value() == {"a": 1}

    def test_the_order_of_names_is_kept(self) -> None:
        model = form({"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}})
        model.load({"c": 1, "x": 2, "a": 3})
        place(model, "b").type_text("4")

        assert list(model.value()) == ["c", "x", "a", "b"]


CIRCLE = {"type": "object", "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}}
SQUARE = {"type": "object", "properties": {"kind": {"const": "square"}, "side": {"type": "number"}}}


class TestUnions:
    def test_choosing_an_alternative_gives_its_tag(self) -> None:
        model = form({"s": {"oneOf": [CIRCLE, SQUARE]}}, "s")
        shape = place(model, "s")

        assert [option.label for option in shape.field.options] == ["circle", "square"]
        shape.choose(1)
        assert model.value() == {"s": {"kind": "square"}}

    def test_another_alternative_and_back_loses_nothing(self) -> None:
        model = form({"s": {"oneOf": [CIRCLE, SQUARE]}}, "s")
        shape = place(model, "s")
        place(model, "s", "r").type_text("5")

        shape.choose(1)
        shape.choose(0)

        assert model.value() == {"s": {"kind": "circle", "r": 5}}

    @pytest.mark.parametrize(
        ("value", "chosen"),
        [
            ({"kind": "square", "r": 1}, 1),
            ({"side": 2}, 1),
            ({"kind": "circle"}, 0),
            ({"kind": "other", "side": 2}, 1),
        ],
    )
    def test_a_loaded_value_finds_its_alternative(self, value: Any, chosen: int) -> None:
        model = form({"s": {"anyOf": [CIRCLE, SQUARE]}})
        model.load({"s": value})

        assert place(model, "s").chosen == chosen

    def test_a_value_of_no_alternative_is_json(self) -> None:
        model = form({"s": {"oneOf": [CIRCLE, SQUARE]}})
        model.load({"s": [1]})
        node = place(model, "s")

        assert (node.field.kind, node.is_raw) == (Kind.JSON, True)
        assert node.field.reason == "the value fits none of the alternatives"
        node.as_field()
        assert (node.field.kind, node.is_raw) == (Kind.UNION, False)

    def test_problems_are_those_of_the_alternative_that_was_chosen(self) -> None:
        alternatives = [
            {**CIRCLE, "required": ["kind", "r"]},
            {**SQUARE, "required": ["kind", "side"]},
        ]
        model = form({"s": {"oneOf": alternatives}}, "s")
        place(model, "s").choose(1)

        assert model.problems() == {("s", "side"): "required"}

    def test_constants_with_titles_are_a_choice(self) -> None:
        model = form(
            {"e": {"oneOf": [{"const": 1, "title": "One"}, {"const": "2", "title": "Two"}]}}
        )
        node = place(model, "e")

        assert (node.field.kind, [o.label for o in node.field.options]) == (
            Kind.ENUM,
            ["One", "Two"],
        )
        node.choose(1)
        assert model.value() == {"e": "2"}

    def test_alternatives_that_only_require_are_not_drawn(self) -> None:
        model = form({"a": {"type": "string"}}, anyOf=[{"required": ["a"]}, {"required": ["b"]}])

        assert model.root.field.kind is Kind.OBJECT
        assert list(model.problems()) == [("a",)]


class TestRaw:
    def test_a_value_that_the_field_cannot_show_is_json_there(self) -> None:
        model = form({"a": {"type": "integer"}, "b": {"type": "string"}})
        model.load({"a": "5", "b": "x\x00y"})

        assert (place(model, "a").text, place(model, "b").text) == ('"5"', '"x\\u0000y"')
        assert place(model, "a").field.reason == "a number is wanted here"

    def test_any_place_can_be_edited_as_json(self) -> None:
        model = form({"o": {"type": "object", "properties": {"a": {"type": "integer"}}}}, "o")
        node = place(model, "o")
        place(model, "o", "a").type_text("1")

        node.as_json()
        node.type_text('{"a": 2}')
        assert (model.value(), node.children) == ({"o": {"a": 2}}, ())
        node.as_field()
        assert place(model, "o", "a").text == "2"

    def test_wrong_json_is_a_problem_with_its_place(self) -> None:
        model = form({"a": {}})
        place(model, "a").type_text("{")

        assert list(model.problems()) == [("a",)]
        assert model.problems()["a",].startswith("not JSON at line 1, column 2")

    def test_a_problem_below_a_json_field_says_where(self) -> None:
        model = form({"o": {"type": "object", "properties": {"a": {"type": "integer"}}}})
        place(model, "o").as_json()
        place(model, "o").type_text('{"a": "x"}')

        assert model.problems() == {("o",): "a: must be a whole number"}


class TestTold:
    def test_listeners_hear_what_changed_until_they_leave(self) -> None:
        model = form({"a": {"type": "integer"}, "b": {"type": "array", "items": {}}})
        heard: list[Change] = []
        leave = model.subscribe(heard.append)

        place(model, "a").type_text("1")
        place(model, "b").give()
        model.load({})
        leave()
        model.reset()

        assert heard == [Change(("a",), False), Change(("b",), True), Change((), True)]

    def test_two_forms_of_one_schema_share_nothing(self) -> None:
        schema = {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": {"type": "string"}, "default": ["x"]},
                "c": {"enum": [{"k": [1]}]},
            },
            "required": ["a"],
        }
        one, other = FormModel(schema), FormModel(schema)
        place(one, "a", 0).type_text("changed")
        place(one, "c").choose(0)
        one.value()["c"]["k"].append(2)
        one.value()["a"].append("y")

        assert one.value() == {"a": ["changed"], "c": {"k": [1]}}
        assert other.value() == {"a": ["x"]}
        assert schema["properties"]["a"]["default"] == ["x"]  # pyright: ignore[reportIndexIssue, reportArgumentType, reportCallIssue] # a literal's union

    def test_a_loaded_value_is_not_held(self) -> None:
        model = form({"a": {}})
        value: dict[str, Any] = {"a": [1]}
        model.load(value)
        value["a"].append(2)

        assert model.value() == {"a": [1]}

    def test_reset_is_as_first_shown(self) -> None:
        model = form({"a": {"type": "integer", "default": 1}, "b": {"type": "string"}}, "a")
        model.load({"a": 5, "b": "x", "c": 1})
        model.reset()

        assert model.value() == {"a": 1}

    def test_a_root_that_is_no_object(self) -> None:
        model = FormModel({"type": "integer"})

        assert (model.value(), model.problems()) == (OMITTED, {(): "required"})
        assert model.json_text() == ""

    def test_a_name_that_the_tool_does_not_declare_is_a_problem(self) -> None:
        schema = {"type": "object", "properties": {"limit": {"type": "integer"}}}
        tool, plain = FormModel(schema, is_tool=True), FormModel(schema)
        tool.load({"limt": 5})
        plain.load({"limt": 5})

        assert tool.problems() == {("limt",): "there is no argument of this name"}
        assert plain.problems() == {}
        assert not tool.root.may_add

    def test_a_tool_without_parameters_offers_no_entries(self) -> None:
        schema: dict[str, Any] = {"type": "object", "properties": {}}
        tool, plain = FormModel(schema, is_tool=True), FormModel(schema)
        anything = FormModel({"properties": {"a": schema}}, is_tool=True)
        anything.load({"a": {}})

        assert not tool.root.may_add
        assert plain.root.may_add
        assert anything.root.children[0].may_add
        tool.load({"foo": 5})
        assert tool.problems() == {("foo",): "there is no argument of this name"}


WORDS: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "integer", "minimum": 1}, 0, "must be at least 1"),
    ({"type": "number", "exclusiveMaximum": 5}, 5, "must be less than 5"),
    ({"type": "integer", "multipleOf": 5}, 7, "must be a multiple of 5"),
    ({"type": "string", "minLength": 1}, "", "must not be empty"),
    ({"type": "string", "minLength": 3}, "a", "needs at least 3 characters"),
    ({"type": "string", "maxLength": 1}, "ab", "may have at most 1 character"),
    ({"type": "string", "pattern": "^a"}, "b", "must match ^a"),
    ({"type": ["string", "integer"]}, True, "must be text or a whole number"),
    ({"enum": ["a", 1]}, "b", "must be one of a, 1"),
    ({"const": "a"}, "b", "must be a"),
    ({"format": "date"}, "x", "must be a date, such as 2026-01-31"),
    (
        {"format": "date-time"},
        "2026-01-31T10:00:00",
        "must be a date and time with its offset, such as 2026-01-31T14:30:00Z",
    ),
    ({"type": "array", "minItems": 2}, [1], "needs at least 2 items"),
    ({"type": "array", "uniqueItems": True}, [1, 1], "its items must all be different"),
    ({"not": {"const": 1}}, 1, "this is what the schema excludes"),
    ({"oneOf": [{"type": "integer"}, {"minimum": 1}]}, 5, "must fit one alternative, and only one"),
]


@pytest.mark.parametrize(("schema", "value", "told"), WORDS)
def test_problems_are_told_in_plain_words(schema: Any, value: Any, told: str) -> None:
    model = form({"x": schema})
    model.load({"x": value})

    assert model.problems() == {("x",): told}


def test_problems_of_names_stand_beside_the_names() -> None:
    model = form(
        {
            "o": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
            "n": {"type": "object", "propertyNames": {"maxLength": 1}},
            "card": {"type": "string"},
            "billing": {"type": "string"},
        },
        dependentRequired={"card": ["billing"]},
    )
    model.load({"o": {"b": 1}, "n": {"long": 1}, "card": "x"})

    assert model.problems() == {
        ("o", "b"): "this name is not admitted",
        ("n", "long"): "its name may have at most 1 character",
        ("billing",): "required where card is given",
    }


def test_hints_say_what_is_wanted() -> None:
    schema = {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2, "examples": [2, 4]}

    assert FormModel(schema).root.field.hints == ("1 to 10", "a multiple of 2", "for example 2, 4")


def test_a_title_is_the_place_s_own_and_not_its_class_s() -> None:
    model = form(
        {"home": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": {"title": "Address", "type": "object"}}}
    )

    assert place(model, "home").field.title == "home"


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), (1, True), (0.0, -0.0), ([1], [1.0]), ({"a": 1}, {"a": True})]
)
def test_values_that_python_calls_equal_are_told_apart(one: Any, other: Any) -> None:
    assert (same(one, other), same(one, one)) == (False, True)

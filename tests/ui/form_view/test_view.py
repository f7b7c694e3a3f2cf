"""The form's widgets, driven as a page drives them."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets
import pytest

from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.view import FormView
from tests.ui.form.filling import at, button, choices, form, labels, pick, shown_ids, state, words

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


# -- each kind of field -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        (TEXT, "a text", "a text"),
        ({"type": "string", "format": "date"}, "2026-01-31", "2026-01-31"),
        ({"type": "string", "format": "time"}, "10:20:30Z", "10:20:30Z"),
        ({"type": "string", "format": "date-time"}, "2026-01-31T10:20:30Z", "2026-01-31T10:20:30Z"),
        ({"type": "string", "format": "email"}, "a@example.org", "a@example.org"),
        ({"type": "string", "format": "uri"}, "https://example.org/", "https://example.org/"),
        (WHOLE, "9007199254740993", 9007199254740993),
        (WHOLE, "123456789012345678901234567890", 123456789012345678901234567890),
        ({"type": "number"}, "1e3", 1000.0),
        ({}, '{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_what_is_typed_is_the_value(schema: dict[str, Any], typed: str, value: Any) -> None:
    view = form(it=schema)

    at(view, "it").value = typed

    assert view.model.value() == {"it": value}
    assert view.problem_words() == ""


def test_several_lines_have_room() -> None:
    view = form({"it": "one\ntwo"}, it=TEXT | {"maxLength": 5000})

    assert isinstance(at(view, "it"), ipywidgets.Textarea)
    assert at(view, "it").value == "one\ntwo"


def test_a_listed_value_is_chosen_by_its_title_and_sent_as_it_is() -> None:
    levels = {"oneOf": [{"const": 1, "title": "low"}, {"const": 2, "title": "high"}]}
    view = form(it=levels)

    offered = choices(at(view, "it"))
    pick(at(view, "it"), "high")

    assert offered == ["(not sent)", "low", "high"]
    assert view.model.value() == {"it": 2}


def test_a_required_choice_begins_with_none() -> None:
    view = form(required=["it"], it={"enum": ["a", "b"]})
    chosen = at(view, "it *")

    assert choices(chosen) == ["(choose one)", "a", "b"]
    assert view.problem_words() != ""
    pick(chosen, "b")
    assert view.model.value() == {"it": "b"}
    assert view.problem_words() == ""


def test_a_required_yes_or_no_is_a_box_and_an_optional_one_has_three_choices() -> None:
    view = form(required=["sure"], sure={"type": "boolean"}, fast={"type": "boolean"})

    at(view, "sure *").value = True
    pick(at(view, "fast"), "false")

    assert isinstance(at(view, "sure *"), ipywidgets.Checkbox)
    assert choices(at(view, "fast")) == ["(not sent)", "false", "true"]
    assert view.model.value() == {"sure": True, "fast": False}


def test_what_can_only_be_one_value_is_shown_and_not_asked() -> None:
    view = form(required=["kind"], kind={"const": "circle"})

    assert at(view, "kind *").disabled
    assert at(view, "kind *").value == "circle"
    assert view.model.value() == {"kind": "circle"}


# -- many values ------------------------------------------------------------------------------

MANY: list[Any] = [f"unit {n}" for n in range(5_000)]


def test_many_values_are_searched_and_only_a_whole_one_is_sent() -> None:
    view = form(required=["it"], it={"enum": [*MANY, 1, "1"]})
    box, found = at(view, "it *"), list[Any]()
    offered = list(box.options)

    for typed in ("unit 49", "unit 499", '"1"', "1", "unit 5000", ""):
        box.value = typed
        found.append((view.problem_words(), view.model.value().get("it"), box.value))

    assert isinstance(box, ipywidgets.Combobox)
    assert offered == [*MANY, "1", '"1"']
    assert found == [
        ("", "unit 49", "unit 49"),
        ("", "unit 499", "unit 499"),
        ("", "1", '"1"'),
        ("", 1, "1"),
        ("it: choose one; none of 5,002 has that in it", "unit 5000", "unit 5000"),
        ("it needs a value", None, ""),
    ]


def test_a_value_that_was_sent_is_not_sent_again_while_another_is_searched() -> None:
    view = form({"it": "unit 7"}, it={"enum": MANY})

    at(view, "it").value = "unit 7x"

    assert view.problem_words() == "it: choose one; none of 5,000 has that in it"


def test_the_states_of_a_choice_of_many_values_are_seen_and_chosen() -> None:
    view = form(it={"enum": [*MANY, None]})
    box, chosen = at(view, "it"), state(view, "it")
    found = [(box.placeholder, view.model.value())]

    pick(chosen, "null")
    found.append((box.placeholder, view.model.value()))
    box.value = "unit 3"
    found.append((box.value, view.model.value()))
    at(view, "JSON").value = '{"it": "unit 4"}'
    found.append((box.value, view.model.value()))
    pick(chosen, "not sent")
    found.append((box.value, view.model.value()))

    assert choices(chosen) == ["not sent", "null", "value"]
    assert found == [
        ("not sent · type to search 5,000 values", {}),
        ("null", {"it": None}),
        ("unit 3", {"it": "unit 3"}),
        ("unit 4", {"it": "unit 4"}),
        ("", {}),
    ]


def test_a_list_of_listed_values_can_be_pasted_as_lines() -> None:
    view = form({"it": ["unit 1"]}, it={"type": "array", "items": {"enum": [*MANY, 1]}})

    button(view, "Edit as lines").click()
    at(view, "One item a line").value = "unit 2\n\n1\nunit 3\n"

    assert view.model.value() == {"it": ["unit 2", 1, "unit 3"]}


# -- omitted, null, empty ---------------------------------------------------------------------


def test_the_three_states_of_a_text_are_seen_and_chosen() -> None:
    view = form(it={"type": ["string", "null"]})
    box, chosen = at(view, "it"), state(view, "it")
    found = [(box.placeholder, view.model.value())]

    for label in ("null", "text", "not sent"):
        pick(chosen, label)
        found.append((box.placeholder, view.model.value()))

    assert choices(chosen) == ["not sent", "null", "text"]
    assert found == [
        ("not sent", {}),
        ("null", {"it": None}),
        ("empty text", {"it": ""}),
        ("not sent", {}),
    ]


def test_typing_makes_it_a_value_and_emptying_leaves_it_out_again() -> None:
    view = form(it=TEXT)
    found: list[tuple[Any, Any]] = []

    for typed in ("x", ""):
        at(view, "it").value = typed
        found.append((state(view, "it").value, view.model.value()))

    assert found == [("value", {"it": "x"}), ("omitted", {})]


def test_a_required_text_that_is_emptied_is_empty_text() -> None:
    view = form(required=["it"], it=TEXT)

    at(view, "it *").value = "x"
    at(view, "it *").value = ""

    assert view.model.value() == {"it": ""}
    assert at(view, "it *").placeholder == "empty text"


def test_a_number_needs_no_choice_of_its_state() -> None:
    view = form(it=WHOLE | {"default": 10})

    assert at(view, "it").placeholder == "not sent · default 10"
    with pytest.raises(AssertionError):
        state(view, "it")


def test_a_list_that_is_not_sent_is_not_an_empty_list() -> None:
    view = form(it={"type": "array", "items": TEXT})

    before = view.model.value()
    pick(state(view, "it"), "list")

    assert before == {}
    assert view.model.value() == {"it": []}
    assert "empty list" in words(view)


# -- what is wrong ----------------------------------------------------------------------------


def test_what_is_wrong_stands_beside_the_field_as_one_types() -> None:
    view = form(it=WHOLE | {"maximum": 10})

    at(view, "it").value = "12"
    wrong = words(view)
    at(view, "it").value = "1"

    assert "✗" in wrong
    assert "10" in wrong
    assert "✗" not in words(view)


def test_what_nobody_touched_is_wanted_and_not_wrong() -> None:
    view = form(required=["it"], it=WHOLE)
    before = words(view)

    view.point_out()

    assert "✗" not in before
    assert "✗" in words(view)


def test_what_was_typed_stays_though_it_is_no_number() -> None:
    view = form(it=WHOLE)

    at(view, "it").value = "12a"

    assert at(view, "it").value == "12a"
    assert "it" in view.problem_words()


def test_what_is_missing_is_named_in_its_order() -> None:
    inner = {"type": "object", "properties": {"zip": WHOLE}, "required": ["zip"]}
    names = [f"n{n}" for n in range(5)]
    view = form(required=["place", *names], place=inner, **dict.fromkeys(names, WHOLE))

    before = view.problem_words()
    at(view, "JSON").value = '{"place": {"zip": 1}, "n0": 0, "n1": 1, "n2": 2, "n3": 3}'
    one = view.problem_words()
    at(view, "n3 *").value = "x"

    assert before == "6 fields need a value: place / zip, n0, n1, n2, n3 and 1 more"
    assert one == "n4 needs a value"
    assert view.problem_words() == "2 problems; first n3: not a number"


def test_what_is_folded_opens_on_the_way_to_the_first_problem() -> None:
    deep: Any = WHOLE | {"maximum": 1}
    for name in "dcba":
        deep = {"type": "object", "properties": {name: deep}}
    view = form({"it": {"a": {"b": {"c": {"d": 5}}}}}, it=deep, other=deep)
    before = labels(view)

    view.point_out()

    assert before == []
    assert labels(view) == ["d"]


def test_the_first_problem_is_told_by_the_titles_on_the_way_to_it() -> None:
    inner = {"type": "object", "properties": {"zip": WHOLE | {"title": "Zip"}}}
    stops = {"type": "array", "items": inner, "title": "Stops"}
    view = form({"stops": [{"zip": 1}, {"zip": "x"}], "n": "y"}, stops=stops, n=WHOLE)

    assert view.problem_words().startswith("2 problems; first Stops / item 2 / Zip: ")


# -- nothing is made anew that need not be ------------------------------------------------------


def test_typing_keeps_every_widget() -> None:
    view = form(
        {"tags": ["a"], "it": "x"},
        it=TEXT,
        tags={"type": "array", "items": TEXT},
        kind={"enum": ["a", "b"]},
    )
    before = shown_ids(view)

    at(view, "it").value = "xy"
    at(view, "item 1 of 1").value = "b"
    at(view, "JSON").value = '{"tags": ["c"], "it": "z", "kind": "b"}'

    assert shown_ids(view) == before
    assert at(view, "item 1 of 1").value == "c"


def test_a_form_that_is_closed_leaves_no_widget() -> None:
    made: dict[str, Any] = vars(ipywidgets.widgets.widget)["_instances"]
    before = set(made)
    view = form(
        {"o": {"a": "x"}, "l": [1], "m": {"k": 1}, "u": "x"},
        o={"type": "object", "properties": {"a": TEXT}},
        l={"type": "array", "items": WHOLE},
        m={"type": "object", "additionalProperties": WHOLE},
        u={"anyOf": [TEXT, WHOLE]},
        b={"type": "boolean"},
    )

    view.close()

    assert set(made) - before == set()


def test_an_error_behind_a_widget_is_told() -> None:
    view = form(it=TEXT)

    def fail(text: str) -> None:
        raise RuntimeError("the disk is full")

    view.model.root.children[0].type_text = fail  # type: ignore[method-assign] # what else could fail
    at(view, "it").value = "x"

    assert "RuntimeError: the disk is full" in words(view)


# -- the whole as JSON ------------------------------------------------------------------------


def test_the_form_is_shown_as_json() -> None:
    view = form(a=TEXT, b=WHOLE)

    at(view, "b").value = "2"
    at(view, "a").value = "x"

    assert json.loads(at(view, "JSON").value) == {"a": "x", "b": 2}


def test_json_that_is_pasted_fills_the_form() -> None:
    view = form(a=TEXT, b=WHOLE)

    at(view, "JSON").value = '{"b": 9007199254740993, "a": null}'

    assert at(view, "b").value == "9007199254740993"
    assert view.model.value() == {"b": 9007199254740993, "a": None}


def test_bad_json_says_where_and_changes_nothing_but_holds_sending_up() -> None:
    view = form({"a": "x"}, a=TEXT)

    at(view, "JSON").value = '{"a": \n "y"'

    assert "line 2" in words(view)
    assert view.model.value() == {"a": "x"}
    assert view.problem_words().startswith("JSON: ")
    assert at(view, "JSON").value == '{"a": \n "y"'


def test_the_form_wins_over_json_that_was_never_finished() -> None:
    view = form(a=TEXT)
    at(view, "JSON").value = '{"a": '

    at(view, "a").value = "x"

    assert json.loads(at(view, "JSON").value) == {"a": "x"}
    assert view.problem_words() == ""


def test_json_is_not_rewritten_while_it_is_typed() -> None:
    view = form(a=TEXT)
    typed = '{"a":"x"   }'

    at(view, "JSON").value = typed
    view.refresh()

    assert at(view, "JSON").value == typed


def test_one_of_form_and_json_is_chosen_where_there_is_no_room_for_both() -> None:
    view = form(a=TEXT)
    classes: list[bool] = []

    for label in ("Edit as JSON", "Edit as a form"):
        button(view, label).click()
        classes.append("amcp-shows-json" in view.widget._dom_classes)  # type: ignore[attr-defined] # ipywidgets has no types

    assert classes == [True, False]


# -- forms of many fields ---------------------------------------------------------------------


def test_many_optional_fields_are_folded_until_they_are_wanted() -> None:
    view = form(required=["city"], city=TEXT, **{f"n{n}": WHOLE for n in range(9)})
    before = labels(view)

    button(view, "▸ 9 more optional fields").click()

    assert before == ["city *"]
    assert labels(view) == ["city *", *(f"n{n}" for n in range(9))]


def test_a_fold_opens_for_a_problem_and_counts_what_is_sent() -> None:
    view = form(required=["city"], city=TEXT, **{f"n{n}": WHOLE for n in range(9)})

    at(view, "JSON").value = '{"city": "x", "n3": "no number"}'

    assert "n3" in labels(view)
    assert button(view, "▾ 9 more optional fields").description.endswith("(1 sent)")


@pytest.mark.parametrize("rest", [{"additionalProperties": False}, {"properties": {}}])
def test_a_form_without_fields_says_so(rest: dict[str, Any]) -> None:
    view = FormView(FormModel({"type": "object", **rest}, is_tool=True))

    assert "There is nothing to fill in." in words(view)
    assert view.problem_words() == ""


def test_a_dot_stands_between_notes_of_one_line_and_a_long_description_below_them() -> None:
    short = {"type": "string", "description": "which", "maxLength": 3}
    view = form(required=["it"], it=short)
    long = form(required=["it"], it=short | {"description": "a word " * 40})

    assert "which · at most 3 characters" in words(view)
    assert "required · at most 3 characters\na word a word" in words(long)


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [1, 2]},
        {"enum": [f"unit {n}" for n in range(100)]},
        {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        {"type": "boolean"},
        TEXT,
        {"type": "object", "properties": {"a": TEXT}},
    ],
)
def test_a_null_that_is_pasted_where_none_belongs_is_seen_and_wrong(schema: dict[str, Any]) -> None:
    view = form(required=["it"], it=schema)

    view.model.load({"it": None})

    assert view.model.value() == {"it": None}
    assert "it" in view.problem_words()

"""Lists, maps, objects and unions as widgets, driven as a page drives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
import pytest

from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.array import MAX_ROWS
from asyncmcp_nb.ui.form_view.view import FormView
from tests.ui.conftest import HOSTILE
from tests.ui.form.filling import (
    at,
    button,
    choices,
    form,
    labels,
    pick,
    seen,
    shown_ids,
    state,
    words,
)

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
TEXTS = {"type": "array", "items": TEXT}


def everything(widget: Any) -> Iterator[Any]:
    """A widget and all that is in it, hidden or not."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


# -- lists ------------------------------------------------------------------------------------


def test_opening_a_list_begins_its_first_item() -> None:
    view = form(tags=TEXTS)

    button(view, "▸ tags").click()
    at(view, "item 1 of 1").value = "a"

    assert view.model.value() == {"tags": ["a"]}


def test_what_is_wrong_with_a_list_is_said_to_whoever_is_in_one_of_its_items() -> None:
    view = form({"tags": ["a", "b"]}, tags=TEXTS | {"uniqueItems": True})

    at(view, "item 2 of 2").value = "a"
    wrong = words(view)
    at(view, "item 2 of 2").value = "c"

    assert "✗its items must all be different" in wrong
    assert "✗" not in words(view)


def test_nothing_about_a_head_is_sent_to_the_page_while_it_stays_as_it_is() -> None:
    view = form({"tags": ["a", "b"]}, tags=TEXTS)
    changed: list[Any] = []
    for widget in everything(view.widget):
        widget.observe(changed.append, "_dom_classes")

    view.refresh()

    assert changed == []


def test_items_are_added_removed_and_moved() -> None:
    view = form({"tags": ["a", "b", "c"]}, tags=TEXTS)

    button(view, "+ Add an item").click()
    at(view, "item 4 of 4").value = "d"
    button(view, "move item 4 of 4 up").click()
    button(view, "remove item 1 of 4").click()
    button(view, "move item 1 of 3 down").click()

    assert view.model.value() == {"tags": ["d", "b", "c"]}
    assert [at(view, f"item {n} of 3").value for n in (1, 2, 3)] == ["d", "b", "c"]


def test_rows_stay_while_items_move_so_that_the_focus_does() -> None:
    view = form({"tags": ["a", "b", "c"]}, tags=TEXTS)
    before = shown_ids(view)

    button(view, "move item 1 of 3 down").click()

    assert shown_ids(view) == before


def test_an_item_at_an_end_cannot_be_moved_further() -> None:
    view = form({"tags": ["a", "b"]}, tags=TEXTS)

    ups = [button(view, f"move item {n} of 2 up").disabled for n in (1, 2)]
    downs = [button(view, f"move item {n} of 2 down").disabled for n in (1, 2)]

    assert (ups, downs) == ([True, False], [False, True])


def test_objects_in_a_list_have_fields_of_their_own() -> None:
    stop = {"type": "object", "properties": {"name": TEXT, "minutes": WHOLE}, "required": ["name"]}
    view = form(stops={"type": "array", "items": stop})

    button(view, "▸ stops").click()
    at(view, "name *").value = "Rome"
    at(view, "minutes").value = "5"

    assert view.model.value() == {"stops": [{"name": "Rome", "minutes": 5}]}


def test_a_column_is_pasted_as_lines() -> None:
    view = form({"tags": ["old"]}, tags=TEXTS)

    button(view, "Edit as lines").click()
    at(view, "One item a line").value = "a\n\nb\n"
    as_lines = view.model.value()
    button(view, "Edit item by item").click()

    assert as_lines == {"tags": ["a", "", "b"]}
    assert at(view, "item 3 of 3").value == "b"


def test_lines_of_numbers_say_which_line_is_none() -> None:
    view = form({"n": [1]}, n={"type": "array", "items": WHOLE})

    button(view, "Edit as lines").click()
    at(view, "One item a line").value = "9007199254740993\n\nx\n3"
    wrong = words(view)
    at(view, "One item a line").value = "9007199254740993\n2\n3"

    assert "line 2: " in wrong
    assert view.model.value() == {"n": [9007199254740993, 2, 3]}
    assert view.problem_words() == ""


def test_a_long_list_says_what_it_does_not_show() -> None:
    view = form({"n": list(range(MAX_ROWS + 20))}, n={"type": "array", "items": WHOLE})

    shown = [label for label in labels(view) if label.startswith("item")]

    assert len(shown) == MAX_ROWS
    assert "20 more items are not shown here" in words(view)


# -- objects and maps ---------------------------------------------------------------------------


def test_an_object_is_made_when_it_is_opened_and_left_out_again() -> None:
    address = {"type": "object", "properties": {"street": TEXT}, "required": ["street"]}
    view = form(address=address)
    found = [view.model.value()]

    button(view, "▸ address").click()
    at(view, "street *").value = "x"
    found.append(view.model.value())
    pick(state(view, "address"), "not sent")
    found.append(view.model.value())

    assert found == [{}, {"address": {"street": "x"}}, {}]


def test_folding_an_object_keeps_what_is_in_it() -> None:
    view = form({"o": {"a": "x"}}, o={"type": "object", "properties": {"a": TEXT}})

    button(view, "▾ o").click()

    assert labels(view) == []
    assert view.model.value() == {"o": {"a": "x"}}


def test_a_map_takes_names_and_values() -> None:
    view = form(weights={"type": "object", "additionalProperties": WHOLE})

    button(view, "▸ weights").click()
    button(view, "+ Add an entry").click()
    at(view, "Name").value = "north"
    at(view, "value").value = "3"

    assert view.model.value() == {"weights": {"north": 3}}
    button(view, "remove north").click()
    assert view.model.value() == {"weights": {}}


def test_a_name_given_twice_is_a_problem() -> None:
    view = form({"m": {"a": 1, "b": 2}}, m={"type": "object", "additionalProperties": WHOLE})
    names = [w for w in seen(view.widget) if getattr(w, "description", "") == "Name"]

    names[1].value = "a"

    assert "twice" in view.problem_words()


# -- unions -----------------------------------------------------------------------------------


def test_a_union_is_chosen_by_its_titles_and_keeps_what_was_typed_in_each() -> None:
    circle = {"type": "object", "title": "Circle", "properties": {"radius": WHOLE}}
    square = {"type": "object", "title": "Square", "properties": {"side": WHOLE}}
    view = form(shape={"anyOf": [circle, square]})
    shape = at(view, "shape")

    pick(shape, "Circle")
    at(view, "radius").value = "1"
    pick(shape, "Square")
    at(view, "side").value = "2"
    as_square = view.model.value()
    pick(shape, "Circle")

    assert choices(shape) == ["(not sent)", "Circle", "Square"]
    assert as_square == {"shape": {"side": 2}}
    assert view.model.value() == {"shape": {"radius": 1}}


def test_a_recursive_schema_opens_level_by_level() -> None:
    schema = {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {"name": TEXT, "left": {"$ref": "#/$defs/tree"}},
            }
        },
    }
    view = FormView(FormModel(schema))

    button(view, "▸ left").click()
    button(view, "▸ left").click()
    inner = [w for w in seen(view.widget) if getattr(w, "description", "") == "name"]
    inner[2].value = "leaf"

    assert view.model.value() == {"left": {"left": {"name": "leaf"}}}


def test_what_fits_no_field_is_json_and_can_be_a_field_again() -> None:
    view = form({"it": {"odd": True}}, it=WHOLE)
    as_json = at(view, "it").value

    button(view, "Edit as a field").click()
    at(view, "it").value = "5"

    assert as_json == '{\n  "odd": true\n}'
    assert view.model.value() == {"it": 5}


# -- what strangers wrote -----------------------------------------------------------------------


def test_hostile_words_are_text_wherever_they_stand() -> None:
    hostile = {"title": HOSTILE, "description": HOSTILE}
    view = form(
        {"o": {HOSTILE: HOSTILE}},
        a=TEXT | hostile | {"default": HOSTILE, "pattern": HOSTILE},
        b={"enum": [HOSTILE, "x"]} | hostile,
        c={"anyOf": [TEXT | hostile, WHOLE | hostile]} | hostile,
        d=TEXTS | hostile,
        o={"type": "object"},
    )
    shown = list(seen(view.widget))

    # ``words`` fails where markup holds anything that could run.
    assert "onerror" in words(view)
    assert [w for w in shown if getattr(w, "description_allow_html", False)] == []
    for widget in shown:
        for name in ("description", "tooltip", "placeholder"):
            assert "\u202e" not in (getattr(widget, name, "") or "")
        if isinstance(widget, ipywidgets.Dropdown):
            assert all("\u202e" not in label for label in choices(widget))


@pytest.mark.parametrize("text", ["costs $5 or $6", r"\(x\)", r"\[x\]"])
def test_a_label_is_no_formula(text: str) -> None:
    view = form(it=TEXT | {"title": text})

    label = labels(view)[0]

    assert label.count("$") < 2
    assert r"\(" not in label
    assert r"\[" not in label

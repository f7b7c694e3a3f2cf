"""Forms as somebody fills them in: keys, focus, and a kernel that is busy meanwhile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenCells
from tests.browser.lab import WIDTHS
from tests.browser.stage import START

FIELDS = """\
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.view import FormView
texts = {"type": "array", "items": {"type": "string"}}
properties = {"city": {"type": "string", "minLength": 3}, "tags": texts, "note": {"type": "string"}}
view = FormView(FormModel({"type": "object", "properties": properties, "required": ["city"]}))
view.model.load({"tags": ["a", "b", "c"]})
view.widget
"""
MANY = """\
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.view import FormView
units = {"enum": [*(f"unit {n}" for n in range(5_000)), 1, "1", None]}
view = FormView(FormModel({"type": "object", "properties": {"unit": units, "last": units}}))
view.widget
"""
WRONG_AND_RIGHT = """\
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.view import FormView
grams = {"type": "number", "minimum": 2_000}
island = {"type": "string", "pattern": "^[A-Z][a-z]+$", "description": "An island's name. " * 8}
most = {"type": "integer", "maximum": 344, "description": "How many to return at most, from the "
        "heaviest to the lightest of them"}
properties = {
    "city": {"type": "string", "minLength": 3},
    "most": most,
    "island": island,
    "code": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "What it stands for. " * 12},
    "day": {"type": "string", "format": "date"},
    "plain": {"type": "number"},
    "grams": {"type": "array", "items": grams},
    "numbers": {"type": "array", "items": {"type": "number"}},
    "by_name": {"type": "object", "additionalProperties": grams},
}
model = FormModel({"type": "object", "properties": properties, "required": ["city", "most"]})
model.load({"grams": [3_000], "numbers": [1], "by_name": {"a": 4_000}})
view = FormView(model)
view.widget
"""
PLACES = """
form => {
  const top = form.getBoundingClientRect().top;
  return [form, ...form.querySelectorAll('input, select, button, summary')]
    .filter(one => one.checkVisibility())
    .map(one => one.getBoundingClientRect())
    .map(at => [Math.round(at.top - top), Math.round(at.bottom - top)]);
}
"""
ACTIVE = "() => document.activeElement.labels[0].textContent"


def test_the_focus_stays_while_one_types_and_goes_with_an_item_that_moves(
    open_cells: OpenCells,
) -> None:
    lab = open_cells(FIELDS)
    form = lab.run(0)
    city, json = form.get_by_label("city *"), form.get_by_role("textbox", name="JSON")

    city.click()
    lab.page.keyboard.type("Rome", delay=30)
    expect(json).to_have_value(re.compile('"city": "Rome"'))
    typed_in = lab.page.evaluate(ACTIVE)
    form.get_by_role("button", name="move item 3 of 3 up").focus()
    lab.page.keyboard.press("Enter")
    expect(form.get_by_role("button", name="move item 2 of 3 up")).to_be_focused()
    json.fill('{"city": "Oslo", "tags": ["x"]}')

    assert typed_in == "city *"
    expect(city).to_have_value("Oslo")
    expect(form.get_by_label("item 1 of 1")).to_have_value("x")
    expect(json).to_have_value('{"city": "Oslo", "tags": ["x"]}')


def test_a_form_fits_its_place(open_cells: OpenCells) -> None:
    lab = open_cells(FIELDS)
    lab.run(0)

    assert lab.too_wide() == []


def test_every_control_has_a_name_of_its_own(open_cells: OpenCells) -> None:
    lab = open_cells(FIELDS)
    form = lab.run(0)

    assert lab.nameless(0) == []
    for found in (
        form.get_by_role("textbox", name="city *", exact=True),
        form.get_by_role("textbox", name="item 2 of 3", exact=True),
        form.get_by_role("combobox", name="what is sent for note", exact=True),
        form.get_by_role("combobox", name="what is sent for tags", exact=True),
        form.get_by_role("button", name="remove item 3 of 3", exact=True),
        form.get_by_role("button", name="move item 1 of 3 down", exact=True),
    ):
        expect(found).to_have_count(1)
    expect(form.get_by_label("what is sent for note")).to_have_value("not sent")


def test_what_a_list_of_states_is_about_is_seen_by_whoever_is_there(open_cells: OpenCells) -> None:
    lab = open_cells(FIELDS)
    form = lab.run(0)
    words = form.get_by_text("what is sent for note", exact=True)
    widths = [(words.bounding_box() or {}).get("width", 0)]

    form.get_by_label("what is sent for note").focus()
    widths.append((words.bounding_box() or {}).get("width", 0))

    assert [width > 40 for width in widths] == [False, True]
    assert lab.too_wide() == []


def test_one_of_many_values_is_searched_with_the_keyboard(open_cells: OpenCells) -> None:
    lab = open_cells(MANY, "1")
    form = lab.run(0)
    unit = form.get_by_role("combobox", name="unit", exact=True)
    json = form.get_by_role("textbox", name="JSON")
    keyboard = lab.page.keyboard

    unit.focus()
    keyboard.type("unit 49")
    expect(json).to_have_value(re.compile('"unit": "unit 49"'))
    keyboard.type("9x")
    expect(form).to_contain_text("choose one; none of 5,002 has that in it")
    keyboard.press("Backspace")
    keyboard.press("Escape")
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.type('"1"')

    expect(form.get_by_label("last", exact=True)).to_be_focused()
    expect(json).to_have_value(re.compile('"unit": "unit 499",\\s*"last": "1"'))
    keyboard.press("Control+a")
    keyboard.type("1")
    expect(json).to_have_value(re.compile('"last": 1\\s'))


def test_a_click_while_a_cell_runs_sends_all_that_was_typed(
    open_cells: OpenCells, folder: Path
) -> None:
    busy = "import os, time\nwhile not os.path.exists('go'):\n    time.sleep(0.05)"
    lab = open_cells(*START, 'session.form("greet", name="Ann")', busy, "session.log.frame()")
    for index in (0, 1, 2):
        lab.run(index)
    form = lab.output(2)
    run = lab.start(3)
    expect(lab.cell(3)).to_contain_text("[*]")

    name = form.get_by_label("Name *")
    name.click()
    lab.page.keyboard.press("End")
    lab.page.keyboard.type("abelle", delay=40)
    form.get_by_role("button", name="Send").click()
    expect(form.get_by_text("hello Annabelle").first).to_be_visible()
    expect(lab.cell(3)).to_contain_text("[*]")
    (folder / "go").touch()
    lab.wait(run)

    expect(lab.run(4)).to_contain_text("Annabelle")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_moves_while_values_go_wrong(open_cells: OpenCells, width: int) -> None:
    lab = open_cells(WRONG_AND_RIGHT)
    lab.page.set_viewport_size({"width": width, "height": 1000})
    form = lab.run(0).locator(".amcp-form")
    steps = {
        "city *": ("x", "Rome"),
        "most *": ("500", "20"),
        "island": ("biscoe", "Biscoe"),
        "code": ("bis", "BIS"),
        "day": ("yesterday", "2026-01-31"),
        "plain": ("x", "1"),
        "item 1 of 1": ("1e", "4000"),
        "value": ("1", "4000"),
    }
    form.locator("summary").click()
    before = form.evaluate(PLACES)
    moved: list[str] = []

    for label, typed in steps.items():
        for field in form.get_by_label(label, exact=True).all():
            for text, wrong_count in zip(typed, (1, 0), strict=True):
                field.fill(text)
                expect(form.get_by_role("alert")).to_have_count(wrong_count)
                if form.evaluate(PLACES) != before:
                    moved.append(f"{label}: {text}")

    assert moved == []

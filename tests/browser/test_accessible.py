"""With a keyboard, with a screen reader, in the dark: names, order, focus and contrast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenCells
from tests.browser.lab import THEMES, Lab, Theme
from tests.browser.stage import CONNECT, START, TICK

AT = len(START)

AA_RATIO = 4.5
"""WCAG 2.2, 1.4.3 Contrast (Minimum): https://www.w3.org/TR/WCAG22/#contrast-minimum"""

ONE_WANTED = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

RIDE = """
from mcp_types import Tool
from asyncmcp_nb.ui.tools.form import ToolForm
form = ToolForm(session, Tool(name="ride", input_schema={schema!r}))
form.widget
"""

FOCUSED = """
() => {
  const one = document.activeElement;
  const label = one.labels && one.labels[0] ? one.labels[0].innerText : '';
  return (one.getAttribute('aria-label') || label || one.innerText || one.placeholder || '').trim();
}
"""

# Visible texts of ours whose contrast with what is behind them is too low; each kind once.
TOO_PALE = """
least => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const over = (top, under) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map(i => top[i] * alpha + under[i] * (1 - alpha));
  };
  const behind = one => {
    const layers = [];
    for (let box = one; box; box = box.parentElement) {
      layers.push(numbers(getComputedStyle(box).backgroundColor));
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const found = new Map();
  const roots = document.querySelectorAll('.jp-OutputArea .amcp, .jp-OutputArea .jupyter-widgets');
  for (const root of roots) {
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const node = walk.currentNode, one = node.parentElement;
      // An icon stands beside a word that says the same.
      const isExempt = one.closest('[disabled], :disabled, option, [aria-hidden="true"]');
      if (!node.data.trim() || isExempt) continue;
      const box = one.getBoundingClientRect(), style = getComputedStyle(one);
      if (box.width < 2 || box.height < 2 || style.visibility === 'hidden') continue;
      const under = behind(one), ink = over(numbers(style.color), under);
      const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < least) {
        const kind = `${one.localName}.${one.className}`;
        found.set(kind, `${kind} '${node.data.trim().slice(0, 30)}' ${ratio.toFixed(2)}`);
      }
    }
  }
  return [...found.values()];
}
"""

# Lists whose arrow is a picture, which has one colour for all themes.
PICTURED_LISTS = """
() => [...document.querySelectorAll('.jp-OutputArea .widget-dropdown > select')]
  .filter(one => getComputedStyle(one).backgroundImage.includes('url('))
  .map(one => one.labels[0] ? one.labels[0].innerText : one.className)
"""

SHOWN = (
    "await session.call('greet', name='Ada'); decided = session.submit('decide')",
    "session.panel()",
    "session.form('greet', name='')",
    "decided",
    "session.messages()",
    "session.log",
)


@pytest.fixture
def shown(open_cells: OpenCells) -> Lab:
    """A notebook that shows each kind of widget."""
    lab = open_cells(*START, *SHOWN)
    lab.run_all()
    expect(at(lab, "decided")).to_contain_text("Are you sure?")
    at(lab, "session.panel()").get_by_role("listbox", name="Tools").select_option(label="greet")
    return lab


def at(lab: Lab, cell: str) -> Locator:
    """The output of one of the cells that show something."""
    return lab.output(AT + SHOWN.index(cell))


def test_every_control_has_a_name_and_every_text_enough_contrast(shown: Lab) -> None:
    nameless = {cell: shown.nameless(AT + n) for n, cell in enumerate(SHOWN)}
    pale: dict[Theme, Any] = {}
    for theme in THEMES:
        shown.use_theme(theme)
        found = shown.page.evaluate(TOO_PALE, AA_RATIO)
        if found:
            pale[theme] = found
    shown.use_theme("light")

    assert shown.page.evaluate(PICTURED_LISTS) == []
    assert {cell: roles for cell, roles in nameless.items() if roles} == {}
    assert pale == {}


def test_the_keyboard_alone_fills_in_a_form_in_order_and_sends_it(open_cells: OpenCells) -> None:
    lab = open_cells(*START, "session.form('greet')")
    lab.run_all()
    form = lab.output(AT)
    keyboard = lab.page.keyboard
    form.get_by_label(re.compile("^Name")).focus()

    keyboard.type("Ada")
    visited: list[str] = []
    while "Send" not in visited and len(visited) < 12:
        keyboard.press("Tab")
        visited.append(lab.page.evaluate(FOCUSED))
        if visited[-1].startswith("Times"):
            keyboard.type("3")
    keyboard.press("Enter")

    assert [name.split()[0] for name in visited if name] == ["Times", "Tone", "JSON", "Send"]
    expect(form).to_contain_text("hello Ada hello Ada hello Ada")


def test_a_press_in_vain_goes_to_the_first_field_that_wants_something(
    open_cells: OpenCells,
) -> None:
    schema = {
        "type": "object",
        "properties": {"note": {"type": "string"}, "a": ONE_WANTED, "unit": {"enum": ["km", "m"]}},
        "required": ["a", "unit"],
    }
    lab = open_cells(CONNECT, RIDE.format(schema=schema))
    lab.run_all()
    form = lab.output(1)
    form.get_by_role("button", name="▾ a *").click()
    form.get_by_role("button", name="Reset").focus()

    lab.page.keyboard.press("Shift+Tab")
    lab.page.keyboard.press("Enter")
    expect(form).to_contain_text("Not sent: 2 fields need a value: a / city, unit")
    expect(form.get_by_label("city *")).to_be_focused()
    # At a person's pace: two presses within 0.4 seconds are one, a double click.
    lab.page.keyboard.type("Oslo", delay=150)
    form.get_by_role("button", name="Send", exact=True).click()

    expect(form.get_by_label("unit *")).to_be_focused()
    expect(form).to_contain_text("Not sent: unit needs a value")
    expect(form).to_contain_text("✗required")


def test_focus_and_what_is_typed_stay_while_rows_change(
    open_cells: OpenCells, folder: Path
) -> None:
    submit = "calls = [session.submit('tick', seconds=0.1) for _ in range(6)]"
    lab = open_cells(*START, "session.table()", f"{TICK}\n{submit}")
    lab.run_all()
    table = lab.output(AT)
    find = table.get_by_label("Find", exact=True)
    newest = table.get_by_text(re.compile(r"at \d+\.")).first
    find.focus()

    for key in "seconds":
        said = newest.inner_text()
        lab.page.keyboard.press(key)
        expect(newest).not_to_have_text(said)

    expect(find).to_be_focused()
    expect(find).to_have_value("seconds")
    (folder / "go").touch()
    expect(table.get_by_role("group", name=re.compile(", done$"))).to_have_count(6)
    expect(find).to_be_focused()

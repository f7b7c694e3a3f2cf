"""A session at work: rows move while a cell blocks, calls are cancelled, opened and answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenCells
from tests.browser.lab import Lab
from tests.browser.stage import START, TICK

AT = len(START)
"""The first cell that is a test's own."""


@pytest.fixture
def start(open_cells: OpenCells) -> OpenCells:
    """Open a notebook of the usual server and more cells, and run all but those."""

    def start_(*cells: str) -> Lab:
        lab = open_cells(*START, *cells)
        lab.run_all(0, AT)
        return lab

    return start_


def call_row(place: Locator, tool: str) -> Locator:
    """The rows of the table that show calls of a tool."""
    return place.get_by_role("group", name=re.compile(rf"^call \w+ of {tool},"))


def test_rows_change_while_a_cell_blocks(start: OpenCells, folder: Path) -> None:
    block = "call = session.submit('tick')\nwhile not Path('end').exists():\n    time.sleep(0.05)"
    lab = start("session.table()", f"import time\n{TICK}", block)
    table = lab.run(AT)
    lab.run(AT + 1)
    blocking = lab.start(AT + 2)
    row = call_row(table, "tick")
    message = row.get_by_text(re.compile(r"at \d+\."))

    for _ in range(2):
        said = message.inner_text()
        expect(message).not_to_have_text(said)
    (folder / "go").touch()

    expect(row).to_contain_text("done")
    expect(lab.cell(AT + 2).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (folder / "end").touch()
    lab.wait(blocking)


def test_a_call_is_cancelled_in_the_table_while_a_cell_waits_for_it(start: OpenCells) -> None:
    lab = start("session.table()", "call = session.submit('count', to=500)\ncall", "await call")
    table = lab.run(AT)
    lab.run(AT + 1)
    waiting = lab.start(AT + 2)
    row = call_row(table, "count")
    expect(row).to_contain_text("at ")

    table.get_by_role("button", name=re.compile("^Cancel")).first.click()

    expect(row).to_contain_text("cancelled")
    lab.wait(waiting)
    assert "CallCancelled" in "".join(lab.errors(AT + 2))


BLOCK = """\
import pathlib, time
call = session.submit('count', to=500)
while not pathlib.Path('go').exists():
    time.sleep(0.05)
print('cancelled in the block:', str(call.status) == 'cancelled')
"""
"""A cell that blocks until the test says so."""


def test_a_click_on_cancel_counts_while_a_cell_blocks(start: OpenCells, folder: Path) -> None:
    lab = start("session.table()", BLOCK)
    table = lab.run(AT)
    blocking = lab.start(AT + 1)
    row = call_row(table, "count")
    expect(row).to_contain_text("at ")

    table.get_by_role("button", name=re.compile("^Cancel")).first.click()

    expect(row).to_contain_text("cancelled")
    expect(lab.cell(AT + 1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (folder / "go").touch()
    lab.wait(blocking)
    assert "cancelled in the block: True" in lab.output(AT + 1).inner_text()


def test_a_form_is_filled_and_sent_and_a_row_opened_while_a_cell_blocks(
    start: OpenCells, folder: Path
) -> None:
    lab = start("session.panel()", BLOCK)
    panel = lab.run(AT)
    blocking = lab.start(AT + 1)
    expect(call_row(panel, "count")).to_contain_text("at ")

    panel.get_by_role("listbox", name="Tools").select_option(label="greet")
    panel.get_by_label(re.compile("^Name")).press_sequentially("Grace Hopper", delay=20)
    panel.get_by_role("button", name="Send", exact=True).click()
    expect(call_row(panel, "greet")).to_contain_text("done")
    expect(panel).to_contain_text("hello Grace Hopper")
    panel.get_by_role("combobox", name="Tool", exact=True).select_option(label="count")
    expect(call_row(panel, "greet")).to_have_count(0)
    panel.get_by_role("button", name=re.compile("^Open")).first.click()
    panel.get_by_role("button", name="Cancel call").click()

    expect(call_row(panel, "count")).to_contain_text("cancelled")
    expect(lab.cell(AT + 1).locator(".jp-InputPrompt")).to_have_text("[*]:")
    (folder / "go").touch()
    lab.wait(blocking)
    assert "cancelled in the block: True" in lab.output(AT + 1).inner_text()


def test_a_call_is_opened_from_the_table_and_its_answer_shown(start: OpenCells) -> None:
    lab = start("session.table()", "await session.call('greet', name='Ada', times=2)")
    table = lab.run(AT)
    lab.run(AT + 1)

    expect(call_row(table, "greet")).to_contain_text("done")
    table.get_by_role("button", name=re.compile("^Open")).first.click()

    expect(table.get_by_role("group", name="call", exact=True)).to_contain_text("done")
    expect(table.get_by_role("button", name="Assign")).to_be_visible()


@pytest.mark.parametrize("width", [800, 1600])
def test_an_opened_call_comes_into_view(start: OpenCells, width: int) -> None:
    lab = start("await session.map('greet', [{'name': f'n{n}'} for n in range(20)])", "session")
    lab.run(AT)
    lab.use_width(width, 900)
    panel = lab.run(AT + 1)

    panel.get_by_title("open row 20", exact=True).click()

    card = panel.locator(".amcp-card")
    expect(card).to_contain_text("hello n0")
    close = card.get_by_role("button", name="Close")
    expect(close).to_be_focused()
    expect(close).to_be_in_viewport(ratio=1)
    close.press("Enter")
    expect(card).to_contain_text("Choose a call to see it here.")


@pytest.mark.parametrize(
    ("button", "ends"), [("Send", "sure: by heart"), ("Decline", "tool error"), ("Cancel", "")]
)
def test_a_question_is_answered_at_its_call(start: OpenCells, button: str, ends: str) -> None:
    lab = start("call = session.submit('decide')\ncall")
    shown = lab.run(AT)
    expect(shown).to_contain_text("Are you sure?")

    shown.get_by_role("checkbox", name=re.compile("^Sure")).check()
    shown.get_by_label("Why", exact=True).fill("by heart")
    shown.get_by_role("button", name=button, exact=True).first.click()

    expect(shown).not_to_contain_text("Are you sure?")
    expect(shown).to_contain_text(ends)


def test_a_restarted_kernel_finds_the_rows_of_the_name(start: OpenCells) -> None:
    lab = start("session.map('greet', [{'name': name} for name in 'abc'])", "session.table()")
    lab.run_all(AT)
    expect(call_row(lab.output(AT + 1), "greet")).to_have_count(3)

    lab.restart_kernel()
    lab.run(0)
    table = lab.run(AT + 1)

    expect(call_row(table, "greet")).to_have_count(3)
    expect(table).to_contain_text("hello c")


def test_what_destroys_is_asked_about_once_before_it_is_sent(start: OpenCells) -> None:
    lab = start("session.form('erase')", "print(len(session.log), 'erase')")
    form = lab.run(AT)
    what = form.get_by_label(re.compile("^What"))
    what.fill("the disk")

    form.get_by_role("button", name="Send", exact=True).click()
    form.get_by_role("button", name="Keep editing").click()
    what.clear()
    what.press_sequentially("the tape", delay=100)  # as quickly as somebody types
    expect(what).to_be_focused()
    form.get_by_role("button", name="Send", exact=True).click()
    form.get_by_role("button", name="Send it").click()

    expect(form).to_contain_text("the tape is gone")
    assert "1 erase" in lab.run(AT + 1).inner_text()


def test_the_panel_sends_a_call_and_shows_its_answer_and_its_row(start: OpenCells) -> None:
    lab = start("session.panel()")
    panel = lab.run(AT)

    panel.get_by_role("listbox", name="Tools").select_option(label="greet")
    panel.get_by_label(re.compile("^Name")).fill("Grace")
    panel.get_by_role("button", name="Send", exact=True).click()

    expect(call_row(panel, "greet")).to_contain_text("done")
    expect(panel).to_contain_text("hello Grace")
    lab.screenshots("panel")
    assert lab.too_wide() == []

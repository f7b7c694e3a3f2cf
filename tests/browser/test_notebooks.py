"""The six notebooks, used as a person would: forms filled in, questions answered, a restart.

Each keeps screenshots of itself in ``out/``, light and dark, narrow and wide.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab
from tests.notebooks.running import NOTEBOOKS

Open = Callable[..., Lab]

SHORT_BLOCK = "time.sleep(2)"
LONG_BLOCK = "for _ in iter(Path('go').exists, True): time.sleep(0.05)"
"""The same for as long as the test wants, however slow the page is."""


@pytest.fixture
def open_notebook(lab: Lab, folder: Path) -> Open:
    """Open one of ours, in a folder with its data; with other code in place of some."""

    def open_(name: str, changes: Mapping[str, str] | None = None) -> Lab:
        shutil.copytree(NOTEBOOKS / "data", folder / "data")
        copy = Path(shutil.copy(NOTEBOOKS / f"{name}.ipynb", folder))
        for old, new in (changes or {}).items():
            text = copy.read_text("utf-8")
            assert text.count(old) == 1
            copy.write_text(text.replace(old, new), "utf-8")
        lab.open(copy)
        return lab

    return open_


def pictured(lab: Lab, name: str) -> None:
    """Keep screenshots of the whole notebook, and check that nothing sticks out of it."""
    lab.screenshots(name)
    assert lab.too_wide() == []


def test_01_the_quickstart_ends_with_349_calls_in_its_log(open_notebook: Open) -> None:
    lab = open_notebook("01_quickstart")

    lab.run_all()

    expect(lab.output(lab.find("%mcp connect --name quickstart\nsession.log"))).to_contain_text(
        "349"
    )
    pictured(lab, "01")


def test_02_a_form_is_filled_in_and_sent_and_a_question_is_answered(open_notebook: Open) -> None:
    lab = open_notebook("02_tools_and_forms")
    at_form, at_call = lab.find("session.form("), lab.find('session.submit("note"')
    lab.run_all(0, at_form + 1)
    form = lab.output(at_form)

    limit = form.get_by_label("Limit")
    limit.fill("500")
    send = form.get_by_role("button", name="Send", exact=True)
    send.click()
    expect(form).to_contain_text("Not sent: Limit: must be at most")
    expect(limit).to_be_focused()
    limit.fill("2")
    send.click()

    expect(form.get_by_role("row", name=re.compile("Gentoo Biscoe"))).to_have_count(2)

    lab.run_all(at_form + 1, at_call + 1)
    question = lab.output(at_call)
    expect(question).to_contain_text("No Chinstrap of the 68 weighs 5,600 g. Are you sure?")
    lab.screenshots("02-asked")
    question.get_by_role("checkbox", name=re.compile("weighed it twice")).check()
    comment = question.get_by_label("Comment", exact=True)
    comment.fill("by two people")
    question.get_by_role("button", name="Send", exact=True).click()
    expect(question.get_by_role("group", name="call")).to_contain_text("done")

    lab.run_all(at_call + 1)
    told = lab.output(lab.find("def careful(question)"))
    expect(told).to_contain_text("'comment': 'by two people'")
    pictured(lab, "02")


def test_03_rows_are_mapped_and_two_fail(open_notebook: Open) -> None:
    lab = open_notebook("03_map_a_dataframe")

    lab.run_all()

    expect(lab.output(lab.find('answers["status"] != "done"'))).to_contain_text("tool_error")
    expect(lab.output(lab.find('session.map("guess_sex"'))).to_contain_text("344")
    pictured(lab, "03")


def test_04_a_tool_is_mended_and_answers_with_a_picture(open_notebook: Open) -> None:
    lab = open_notebook("04_serve_from_a_cell")

    lab.run_all()

    expect(lab.output(lab.find('session.call("heaviest", species="Gentoo")'))).to_contain_text(
        "KeyError: 'body_mass'"
    )
    drawn = lab.output(lab.find('session.call("histogram"')).get_by_role("img").first
    expect(drawn).to_be_visible()
    assert drawn.evaluate("picture => picture.naturalWidth") > 400
    pictured(lab, "04")


def test_05_a_restarted_kernel_finds_every_call_and_each_is_answered_once(
    open_notebook: Open, folder: Path
) -> None:
    lab = open_notebook("05_long_jobs_and_restarts", {SHORT_BLOCK: LONG_BLOCK})
    at_submit, at_return = lab.find('session.submit("bootstrap"'), lab.find("session.log.counts()")
    lab.run_all(0, at_submit)
    running = lab.start(at_submit)
    # While the cell blocks, its table shows how far the jobs are.
    table = lab.output(at_submit)
    expect(table).to_contain_text(re.compile(r"of \d+ resamples"))
    expect(prompt(lab, at_submit)).to_have_text("[*]:")
    (folder / "go").touch()
    lab.wait(running)

    lab.restart_kernel()
    lab.run_all(at_return)

    expect(lab.output(lab.find("%mcp wait"))).to_contain_text("9 done")
    answered = lab.output(lab.find("pd.DataFrame(calls"))
    expect(answered.get_by_role("row")).to_have_count(1 + 1 + 9)
    pictured(lab, "05")


def test_06_plots_are_drawn_and_files_written(open_notebook: Open, folder: Path) -> None:
    lab = open_notebook("06_exports_and_plots")

    lab.run_all()

    for plot in ("timeline", "latency", "throughput"):
        shown = lab.output(lab.find(f"session.log.{plot}()"))
        expect(shown.locator("canvas, svg, img").first).to_be_visible()
    assert sorted(path.suffix for path in (folder / "out").glob("afternoon.*")) == [
        *(".csv", ".html", ".jsonl", ".parquet")
    ]
    pictured(lab, "06")


def prompt(lab: Lab, index: int) -> Locator:
    """The number beside a cell; a star while it runs."""
    return lab.cell(index).locator(".jp-InputPrompt")

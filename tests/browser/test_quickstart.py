"""The quickstart, cell by cell, as a newcomer would run it."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.lab import Lab

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def test_the_quickstart_runs_from_top_to_bottom(lab: Lab, folder: Path) -> None:
    shutil.copytree(NOTEBOOKS / "data", folder / "data")
    lab.open(Path(shutil.copy(NOTEBOOKS / "01_quickstart.ipynb", folder)))

    lab.run_all()

    expect(lab.output(29)).to_contain_text("349")
    lab.screenshots("quickstart")

"""Every notebook, run without a front end and looked at as it is saved."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.running import (
    NAMES,
    NOTEBOOKS,
    complaints,
    kinds,
    outputs_of,
    places_in,
    read,
    run,
    with_papermill,
)

LONGEST_CELL_COUNT = 15
QUICKSTART = "01_quickstart"

every = pytest.mark.parametrize("name", NAMES)


def test_there_are_six() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06"]


# The others run under papermill in test_stories.py, which looks for complaints too.
@pytest.mark.slow
@pytest.mark.moto
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["01_quickstart", "03_map_a_dataframe"])
def test_under_papermill_it_runs_without_warnings_and_leaves_no_task_or_thread_behind(
    name: str, tmp_path: Path
) -> None:
    assert complaints(run(name, tmp_path, with_papermill)) == []


@every
def test_as_saved_it_was_run_in_order_to_its_end_and_names_no_place_on_a_machine(
    name: str,
) -> None:
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]

    assert counts == list(range(1, len(counts) + 1))
    assert places_in(notebook) == []
    assert [o for o in outputs_of(notebook) if o.output_type == "error"] == []


@every
def test_as_saved_each_output_can_be_read_without_a_kernel(name: str) -> None:
    outputs = outputs_of(read(NOTEBOOKS / f"{name}.ipynb"))

    assert [kind for kind in kinds(outputs) if "text/plain" not in kind] == []
    assert "widget-view" not in (NOTEBOOKS / f"{name}.ipynb").read_text("utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if name != QUICKSTART])
def test_it_is_short(name: str) -> None:
    assert len(read(NOTEBOOKS / f"{name}.ipynb").cells) <= LONGEST_CELL_COUNT


@every
def test_nbconvert_makes_a_page_of_it_that_shows_every_output(name: str) -> None:
    exporters: Any = importlib.import_module("nbconvert.exporters")
    notebook = read(NOTEBOOKS / f"{name}.ipynb")

    page, _ = exporters.HTMLExporter().from_notebook_node(notebook)

    shown = [output for output in outputs_of(notebook) if "text/html" in output.get("data", {})]
    assert page.count('class="amcp ') >= sum("amcp" in o.data["text/html"] for o in shown) > 0

"""The quickstart, run from top to bottom in a kernel with a home and a broker of its own."""

from __future__ import annotations

import importlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from nbclient import NotebookClient

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from asyncmcp_nb.frame import COLUMNS
from asyncmcp_nb.ledger import CallRecord, Ledger

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
CELL_SECONDS = 60
PENGUIN_COUNT = 344

pytestmark = [pytest.mark.slow, pytest.mark.moto, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Executed:
    """What a run left behind."""

    outputs: list[Any]
    """Of all cells, in order."""
    folder: Path
    calls: list[CallRecord]


def read(path: Path) -> Any:
    nbformat: Any = importlib.import_module("nbformat")
    return nbformat.read(path, as_version=4)


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executed]:
    folder = tmp_path_factory.mktemp("quickstart")
    shutil.copytree(NOTEBOOKS / "data", folder / "data")
    notebook = read(NOTEBOOKS / "01_quickstart.ipynb")
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder / "home"))
        try:
            client.execute()
        finally:
            stop_embedded()
    (path,) = folder.glob("home/ledgers/*/quickstart.sqlite")
    with Ledger.open(path) as ledger:
        yield Executed(outputs_of(notebook), folder, ledger.rows())


def test_every_call_of_the_quickstart_is_done_and_its_answer_came_once(executed: Executed) -> None:
    ended = Counter((call.tool, call.status.value, call.deliveries) for call in executed.calls)

    assert ended == {("classify", "done", 1): PENGUIN_COUNT + 2, ("interval", "done", 1): 3}


def test_the_slow_tool_reported_progress_to_the_end(executed: Executed) -> None:
    slow = [call for call in executed.calls if call.tool == "interval"]

    assert [call.progress for call in slow] == [1.0, 1.0, 1.0]


def test_the_exported_log_reads_back_with_a_row_for_each_call(executed: Executed) -> None:
    log = pd.read_parquet(executed.folder / "out" / "calls.parquet")

    assert [*log.columns] == [column.name for column in COLUMNS]
    assert [*log["call_id"]] == [call.call_id for call in executed.calls]


def test_no_cell_complains(executed: Executed) -> None:
    complaints = [
        output
        for output in executed.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]

    assert complaints == []


def test_the_bar_of_a_group_ends_in_the_cell_that_showed_it(executed: Executed) -> None:
    shown = [output for output in executed.outputs if output.output_type == "display_data"]
    # The others are the status lines of `%mcp connect`.
    said = [o.data["text/plain"] for o in shown if " calls in " in o.data["text/plain"]]

    assert [words.split(" calls in ")[0][-3:] for words in said] == ["344"]


def test_every_rich_output_has_a_plain_twin(executed: Executed) -> None:
    bundles = [output.data for output in executed.outputs if "data" in output]

    assert sum("text/html" in bundle for bundle in bundles) >= 8
    assert [bundle for bundle in bundles if "text/plain" not in bundle] == []


def test_the_plot_is_a_picture_that_needs_no_script(executed: Executed) -> None:
    pictures = [output for output in executed.outputs if "image/png" in output.get("data", {})]

    assert len(pictures) == 1


def test_a_reconnect_under_the_same_name_finds_every_call(executed: Executed) -> None:
    (log,) = executed.outputs[-1:]

    assert f"<Log: {PENGUIN_COUNT + 5} calls ({PENGUIN_COUNT + 5} done)>" in log.data["text/plain"]


def test_the_saved_notebook_was_run_in_order_and_names_no_place_on_a_machine() -> None:
    path = NOTEBOOKS / "01_quickstart.ipynb"
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    text = path.read_text("utf-8")

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [
        place for place in ("/home/", "/root", "/tmp", "/Users/", "C:\\\\") if place in text
    ] == []
    assert "widget-view" not in text
    assert [o for o in outputs_of(read(path)) if o.output_type == "error"] == []


def test_the_saved_notebook_shows_the_outputs_of_the_code_that_it_has_now(
    executed: Executed,
) -> None:
    saved = outputs_of(read(NOTEBOOKS / "01_quickstart.ipynb"))

    assert kinds(saved) == kinds(executed.outputs)


def kinds(outputs: list[Any]) -> list[list[str]]:
    """The MIME types of each output that is no stream, without those of widgets."""
    shown = [output for output in outputs if output.output_type != "stream"]
    return [sorted(kind for kind in o.data if "widget" not in kind) for o in shown]

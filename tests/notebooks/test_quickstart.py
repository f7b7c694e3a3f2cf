"""The quickstart, run from top to bottom in a kernel with a home and a broker of its own."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest

from asyncmcp_nb.frame import COLUMNS
from tests.notebooks.running import (
    NOTEBOOKS,
    Executed,
    complaints,
    outputs_of,
    read,
    run,
    shown_otherwise,
    with_nbclient,
)

PENGUIN_COUNT = 344

pytestmark = [pytest.mark.slow, pytest.mark.moto, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """As nbconvert runs it; under papermill it is run beside the others."""
    return run("01_quickstart", tmp_path_factory.mktemp("quickstart"), with_nbclient)


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
    assert complaints(executed) == []


def test_the_bar_of_a_group_ends_in_the_cell_that_showed_it(executed: Executed) -> None:
    (shown,) = executed.cell('group = session.map("classify"').outputs

    assert shown.output_type == "display_data"
    assert f" {PENGUIN_COUNT} calls in " in shown.data["text/plain"]


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
    assert shown_otherwise(read(NOTEBOOKS / "01_quickstart.ipynb"), executed.notebook) == []

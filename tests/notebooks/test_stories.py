"""What each notebook promises, held against a run; the quickstart has its own.

One is run by nbclient alone, the others by papermill, which uses nbclient.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from asyncmcp_nb.frame import COLUMNS
from tests.notebooks.running import (
    NOTEBOOKS,
    Executed,
    Runner,
    complaints,
    read,
    run,
    shown_otherwise,
    with_nbclient,
    with_papermill,
)

pytestmark = [pytest.mark.slow, pytest.mark.moto, pytest.mark.timeout(240)]


def told(name: str, folder: Path, runner: Runner = with_papermill) -> Executed:
    """Run a notebook; all that holds for each is checked."""
    executed = run(name, folder, runner)
    assert complaints(executed) == []
    saved = read(NOTEBOOKS / f"{name}.ipynb")
    assert shown_otherwise(saved, executed.notebook) == [], "save it: make notebooks"
    return executed


def outcomes(executed: Executed) -> Counter[tuple[str, str, int]]:
    """How many calls of which tool ended how, and how often their answers came."""
    return Counter((call.tool, call.status.value, call.deliveries) for call in executed.calls)


def test_02_a_question_that_waited_is_answered_by_the_policy_of_a_later_session(
    tmp_path: Path,
) -> None:
    executed = told("02_tools_and_forms", tmp_path)

    assert outcomes(executed) == {("find", "done", 1): 1, ("note", "done", 1): 1}
    asked = executed.output('session.submit("note"')
    (note,) = [call for call in executed.calls if call.tool == "note"]
    assert note.structured == {"notes": 1, "comment": "the scale was checked in the morning"}
    words = "No Chinstrap of the 68 weighs 5,600 g"
    assert [words in asked.data[kind] for kind in ("text/plain", "text/html")] == [True, True]


def test_03_two_of_344_rows_fail_with_the_words_of_the_tool(tmp_path: Path) -> None:
    # papermill saves the notebook between two cells, and hears of no output that changes then.
    executed = told("03_map_a_dataframe", tmp_path, with_nbclient)

    assert outcomes(executed) == {("guess_sex", "done", 1): 343, ("guess_sex", "tool_error", 1): 2}
    assert "344 calls in" in executed.text('group = session.map("guess_sex"')
    failed = [call.text or "" for call in executed.calls if call.status.value == "tool_error"]
    assert ["not measured: bill_length_mm" in text for text in failed] == [True, True]


def test_04_a_tool_that_was_mended_answers_and_worker_processes_take_over(tmp_path: Path) -> None:
    executed = told("04_serve_from_a_cell", tmp_path)

    assert outcomes(executed) == {
        ("heaviest", "tool_error", 1): 1,
        ("heaviest", "done", 1): 1,
        ("histogram", "done", 1): 1,
        ("count", "done", 1): 9,
    }
    assert "is not one of ['Adelie', 'Chinstrap', 'Gentoo']" in "".join(
        output.text for output in executed.outputs if output.output_type == "stream"
    )


def test_05_what_was_submitted_before_leaving_is_answered_once(tmp_path: Path) -> None:
    executed = told("05_long_jobs_and_restarts", tmp_path)

    assert outcomes(executed) == {("bootstrap", "done", 1): 9}
    assert [call.progress for call in executed.calls] == [1.0] * 9


def test_06_files_have_every_call_and_hide_what_they_should(tmp_path: Path) -> None:
    executed = told("06_exports_and_plots", tmp_path)

    assert outcomes(executed) == {
        ("nearest", "done", 1): 342,
        ("nearest", "tool_error", 1): 2,
        ("summarise", "done", 1): 6,
    }
    out = executed.folder / "out"
    log = pd.read_parquet(out / "afternoon.parquet")
    assert [*log.columns] == [column.name for column in COLUMNS]
    assert len(log) == 350
    told_of_somebody = [
        path.name for path in sorted(out.iterdir()) if "A. Person" in path.read_text("latin-1")
    ]
    assert told_of_somebody == ["afternoon.parquet"]

"""Every Python block of the README and the guide, run as the cells of a notebook."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbclient import NotebookClient

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/guide.md",
    "docs/decisions/README.md",
)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")
CELL_SECONDS = 80


def python_blocks(name: str) -> list[str]:
    return BLOCK.findall((PROJECT / name).read_text("utf-8"))


def run_cells(cells: list[str], folder: Path) -> list[Any]:
    """The cells of a notebook that ran in a folder without an error."""
    nbformat: Any = importlib.import_module("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=resources
    ).execute()
    return notebook.cells


def shown(cell: Any) -> str:
    """The text of what a cell displayed and printed."""
    parts = [o["text"] if "text" in o else o["data"]["text/plain"] for o in cell.outputs]
    return "\n".join(parts)


@pytest.fixture
def own_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home in which nobody else's calls are, with the broker that the documents start."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    yield
    stop_embedded()


@pytest.mark.slow
@pytest.mark.moto
@pytest.mark.usefixtures("own_broker")
def test_the_blocks_of_the_readme_run_in_a_notebook(tmp_path: Path) -> None:
    cells = run_cells(python_blocks("README.md"), tmp_path)

    _, _, magic, panel, answers, transport = (shown(cell) for cell in cells)
    assert magic == "HELLO!"
    assert "shout(text: string, seconds: number = 0.1)" in panel
    assert [word for word in ("ONE!", "TWO!", "THREE!") if word not in answers] == []
    assert transport == "'HELLO!'"
    assert (tmp_path / "calls.csv").read_text("utf-8").count(",shout,done,") == 4


@pytest.mark.slow
@pytest.mark.moto
@pytest.mark.usefixtures("own_broker")
def test_the_blocks_of_the_guide_run_in_a_notebook(tmp_path: Path) -> None:
    blocks = python_blocks("docs/guide.md")
    # Last: the others submit what nobody serves, and a server that is there would refuse it.
    served = [block for block in blocks if block.startswith("%%mcp serve")]
    others = [block for block in blocks if block not in served]
    cells = run_cells([*others, "%load_ext asyncmcp_nb", *served], tmp_path)

    assert "<Log: 0 calls (none)>" in shown(cells[1])
    assert shown(cells[2]) == "{'queued': 1}"
    assert "<Server report@local" in shown(cells[-1])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_that_are_there(name: str) -> None:
    folder = (PROJECT / name).parent
    targets = LINK.findall((PROJECT / name).read_text("utf-8"))

    assert [target for target in targets if not (folder / target).exists()] == []


def test_the_readme_is_short_enough_to_be_read() -> None:
    lines = (PROJECT / "README.md").read_text("utf-8").splitlines()

    assert len(lines) <= 150


def test_the_picture_of_the_readme_is_light() -> None:
    size_bytes = (PROJECT / "docs" / "images" / "panel.png").stat().st_size

    assert size_bytes < 400_000

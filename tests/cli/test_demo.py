"""`asyncmcp-nb demo` of an installed package, with notebooks that are quick."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asyncmcp_nb
from asyncmcp_nb.demo import find_quickstart

PATIENCE_SECONDS = 300

SERVE = '%%mcp serve\ndef double(n: int) -> int:\n    """Twice as much."""\n    return 2 * n\n'
CONNECT = "%load_ext asyncmcp_nb\n%mcp connect --name quick"
WELL = [CONNECT, SERVE, "await session.call('double', n=4)"]
ILL = [CONNECT, SERVE, "import asyncmcp_nb\nraise ValueError('no more')"]
CANCELLED = [CONNECT, "session.submit('nobody-serves-this', n=1).cancel()"]
SILENT = ["1 + 1"]
GRUMBLING = ["import os\nos.write(2, b'the kernel grumbles')"]
DYING = ["import os\nos.write(2, b'the kernel grumbles')\nos.abort()"]

pytestmark = [pytest.mark.moto, pytest.mark.timeout(330)]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder into which the package is installed, notebooks and all."""
    folder = tmp_path / "site"
    ignored = shutil.ignore_patterns("_notebooks")
    shutil.copytree(
        Path(asyncmcp_nb.__path__[0]), folder / "asyncmcp_nb", ignore=ignored, symlinks=True
    )
    (folder / "asyncmcp_nb" / "_notebooks" / "data").mkdir(parents=True)
    (folder / "asyncmcp_nb" / "_notebooks" / "data" / "some.csv").write_text("a\n1\n")
    return folder


def demo(site: Path, cells: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a demo of these cells."""
    nbformat: Any = importlib.import_module("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, site / "asyncmcp_nb" / "_notebooks" / "01_quickstart.ipynb")
    working_folder = site.parent / "work"
    working_folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "asyncmcp_nb", "demo"],
        cwd=working_folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=PATIENCE_SECONDS,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def test_an_installed_package_copies_its_notebooks_runs_them_and_prints_the_calls(
    site: Path,
) -> None:
    code, out, err = demo(site, WELL)

    work = site.parent / "work" / "notebooks"
    assert (code, err) == (0, "")
    assert out.startswith(f"running {Path('notebooks', '01_quickstart.ipynb')}\n")
    assert f"saved as {Path('notebooks', 'out', '01_quickstart.executed.ipynb')}\n" in out
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("double")] == [
        ["double", "done", "1"],
        ["double", "done", out.splitlines()[-1].split()[2]],
    ]
    assert out.rstrip().endswith("{'n': 4} {'result': 8}")
    assert (work / "data" / "some.csv").exists()
    assert (work / "out" / "01_quickstart.executed.ipynb").exists()


def test_a_cell_that_raises_ends_the_demo_with_its_error_and_exit_code_1(site: Path) -> None:
    code, out, err = demo(site, ILL)

    assert code == 1
    assert "saved as" in out
    assert err.startswith("error: the notebook failed:\n")
    assert err.rstrip().endswith("ValueError: no more")
    assert "\x1b" not in err


def test_a_call_that_is_not_done_is_exit_code_1(site: Path) -> None:
    code, out, err = demo(site, CANCELLED)

    assert (code, err) == (1, "error: 1 of 1 calls are not done\n")
    assert "cancelled" in out


def test_a_demo_without_calls_is_exit_code_1(site: Path) -> None:
    code, _, err = demo(site, SILENT)

    assert (code, err) == (1, "error: 0 of 0 calls are not done\n")


def test_what_the_kernel_itself_says_is_not_shown_where_it_lives(site: Path) -> None:
    code, _, err = demo(site, GRUMBLING)

    assert (code, err) == (1, "error: 0 of 0 calls are not done\n")


def test_the_last_words_of_a_kernel_that_dies_are_shown(site: Path) -> None:
    code, _, err = demo(site, DYING)

    assert code == 1
    assert err.startswith("error: the notebook failed:\nKernel died\n")
    assert "the kernel grumbles" in err


def test_a_checkout_runs_the_notebook_where_it_is(tmp_path: Path) -> None:
    found = find_quickstart(tmp_path)

    assert found == Path(__file__).resolve().parents[2] / "notebooks" / "01_quickstart.ipynb"
    assert [*tmp_path.iterdir()] == []

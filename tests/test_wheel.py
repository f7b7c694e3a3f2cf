"""What is in the wheel: an installed package has the notebooks, and runs offline with them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path.name for path in (PROJECT / "notebooks").glob("*.ipynb"))
WHEEL_BYTES = 1_500_000
"""The most that a wheel may have; our choice."""
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
FIND = "from pathlib import Path; from asyncmcp_nb.demo import find_quickstart; " + (
    "print(find_quickstart(Path.cwd()))"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    return folder / _python(BUILD, str(folder), cwd=PROJECT).splitlines()[-1]


def test_it_has_every_notebook_with_its_data_and_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        there = [name for name in packed.namelist() if "/_notebooks/" in name]

    assert sorted(name.rpartition("/_notebooks/")[2] for name in there) == [
        *NOTEBOOKS,
        "data/README.md",
        "data/penguins.csv",
    ]
    assert wheel.stat().st_size < WHEEL_BYTES


def test_installed_it_opens_a_folder_with_all_of_them(wheel: Path, tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    work.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)

    found = _python(FIND, cwd=work, path=site)

    assert found.strip() == str(work / "notebooks" / "01_quickstart.ipynb")
    assert sorted(path.name for path in (work / "notebooks").glob("*.ipynb")) == NOTEBOOKS
    assert (work / "notebooks" / "data" / "penguins.csv").is_file()


def _python(script: str, *arguments: str, cwd: Path, path: Path | None = None) -> str:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env={**os.environ, **({} if path is None else {"PYTHONPATH": str(path)})},
        timeout=60,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout

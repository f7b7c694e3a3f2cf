"""Notebooks made of plain cells."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_notebook(path: Path, cells: Iterable[str]) -> Path:
    """Write a notebook of code cells."""
    v4: Any = importlib.import_module("nbformat.v4")
    nbformat: Any = importlib.import_module("nbformat")
    notebook = v4.new_notebook(
        cells=[
            v4.new_code_cell(cell.strip("\n"), id=f"cell-{n:02}") for n, cell in enumerate(cells)
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path

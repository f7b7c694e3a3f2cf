"""Run notebooks on a broker of their own and save them with what they showed.

``make notebooks``, or ``python -m tests.notebooks.save 03_map_a_dataframe`` for one. A notebook
that fails, or that would show a place on this machine, stays as it is.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from asyncmcp_nb import demo
from tests.notebooks.running import NAMES, NOTEBOOKS, places_in, read, write


def main(names: list[str]) -> int:
    """Save those of these names, or all; how many could not be."""
    return sum(not save(name) for name in names or NAMES)


def save(name: str) -> bool:
    """Run one and save it; whether that went well."""
    with tempfile.TemporaryDirectory(prefix="notebooks-") as folder:
        copy = Path(shutil.copytree(NOTEBOOKS, folder, dirs_exist_ok=True)) / f"{name}.ipynb"
        outcome = demo.run(copy)
        notebook = read(outcome.executed)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    problem = outcome.problem
    if problem is None and (places := places_in(notebook)):
        problem = f"it would show {', '.join(places)}"
    sys.stdout.write(f"{name}: {problem or f'{outcome.took_seconds:.1f} s'}\n")
    sys.stdout.flush()
    if problem is None:
        write(notebook, NOTEBOOKS / f"{name}.ipynb")
    return problem is None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Run notebooks on a broker of their own and save them with what they showed.

``make notebooks``, or ``python -m tests.notebooks.save 03_map_a_dataframe`` for one. A notebook
that fails, or that would show a place on this machine, stays as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from asyncmcp_nb import demo
from tests.notebooks.running import NOTEBOOKS, places_in, read, write


def main(names: list[str]) -> int:
    """Save those of these names, or all; how many could not be."""
    chosen = sorted(path for path in NOTEBOOKS.glob("*.ipynb") if not names or path.stem in names)
    return sum(not save(path) for path in chosen)


def save(path: Path) -> bool:
    """Run one and save it; whether that went well."""
    outcome = demo.run(path)
    problem = outcome.problem
    notebook = read(outcome.executed)
    tidy(notebook)
    if problem is None and (places := places_in(notebook)):
        problem = f"it shows {', '.join(places)}"
    print(f"{path.name}: {problem or f'{outcome.took_seconds:.1f} s'}")
    if problem is None:
        write(notebook, path)
    return problem is None

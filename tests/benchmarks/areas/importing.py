"""What it takes to import the package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import Figure, compared, count
from tests.benchmarks.processes import PROJECT
from tests.benchmarks.samples import interleaved

_FACADE = "import asyncmcp_nb"
_IN_USE = "from asyncmcp_nb import Session, connect, serve"
_REFERENCE = "import mcp"


def figures(bench: Bench) -> Iterator[Figure]:
    """In new interpreters, to importing the MCP SDK."""
    found = interleaved(
        bench.repeats + 2,
        {line: (lambda line=line: _import(line)) for line in (_REFERENCE, _FACADE, _IN_USE)},
    )
    seconds = {line: [one for one, _ in values] for line, values in found.items()}
    for line in (_FACADE, _IN_USE):
        note = f"{min(seconds[line]) * 1e3:.0f} ms at best"
        yield compared(f"{line}, to {_REFERENCE}", seconds[line], seconds[_REFERENCE], note=note)
        yield count(f"{line}: modules loaded", found[line][0][1])


def _import(line: str) -> tuple[float, int]:
    """Seconds, and modules that were not there before."""
    program = (
        "import sys, time; before = len(sys.modules); began = time.perf_counter(); "
        f"{line}; print(time.perf_counter() - began, len(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    seconds, modules = done.stdout.split()
    return float(seconds), int(modules)

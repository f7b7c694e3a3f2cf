"""Notebooks, run without a front end and looked at as files."""

from __future__ import annotations

import getpass
import importlib
import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from nbclient import NotebookClient

from asyncmcp_nb.broker import stop_embedded
from asyncmcp_nb.config import HOME_VARIABLE
from asyncmcp_nb.ledger import CallRecord, Ledger

PROJECT: Final = Path(__file__).resolve().parents[2]
NOTEBOOKS: Final = PROJECT / "notebooks"
NAMES: Final = tuple(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
CELL_SECONDS: Final = 90

_BEFORE: Final = """\
import asyncio, threading, warnings
warnings.simplefilter("always")
_former = {*threading.enumerate()}, {*asyncio.all_tasks()}
"""
# What was stopped runs down: it gets some seconds, a fraction of a long poll. Tasks of the kernel
# and threads of other libraries are none of ours.
_AFTER: Final = """\
import asyncio, gc, json, threading, time
from asyncmcp_nb import registry

for _session in [*registry.sessions.values()]:
    await _session.close()
%mcp serve stop
_end = time.monotonic() + {patience_seconds}
while True:
    gc.collect()
    _threads = {{*threading.enumerate()}} - _former[0]
    _tasks = {{*asyncio.all_tasks()}} - _former[1]
    _left = [one.name for one in _threads if one.name.startswith({ours!r})]
    _left += [repr(one) for one in _tasks if "ipykernel" not in repr(one)]
    if not _left or time.monotonic() > _end:
        break
    await asyncio.sleep(0.1)
print(json.dumps(_left))
"""
_OURS: Final = "asyncmcp"
_PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True)
class Executed:
    """What a run left behind."""

    name: str
    notebook: Any
    """With its outputs."""
    left: list[str]
    """Threads and tasks that were there after the session was closed."""
    folder: Path
    calls: list[CallRecord]
    """Of all its ledgers, in the order of their submission."""

    @property
    def outputs(self) -> list[Any]:
        """Of all cells, in order."""
        return outputs_of(self.notebook)

    def cell(self, source: str) -> Any:
        """The only cell whose code has these words."""
        (cell,) = [cell for cell in code_cells(self.notebook) if source in cell.source]
        return cell

    def output(self, source: str) -> Any:
        """The last output of that cell."""
        return self.cell(source).outputs[-1]

    def text(self, source: str) -> str:
        """What that output says without markup."""
        output = self.output(source)
        return str(output.text if output.output_type == "stream" else output.data["text/plain"])


Runner = Callable[[Any, Path], Any]
"""Executes a notebook in a folder; the notebook with its outputs."""


def with_nbclient(notebook: Any, folder: Path) -> Any:
    """As nbconvert does."""
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    ).execute()
    return notebook


def with_papermill(notebook: Any, folder: Path) -> Any:
    """As a pipeline does."""
    papermill: Any = importlib.import_module("papermill")
    source = folder / "in.ipynb"
    write(notebook, source)
    executed = papermill.execute_notebook(
        str(source),
        str(folder / "executed.ipynb"),
        cwd=str(folder),
        execution_timeout=CELL_SECONDS,
        progress_bar=False,
        extra_arguments=["--log-level=ERROR"],
    )
    return executed


def run(name: str, folder: Path, runner: Runner = with_nbclient) -> Executed:
    """Run a notebook with a home and a broker of its own.

    Args:
        name: Of the notebook.
        folder: An empty one.
        runner: What runs it.
    """
    v4: Any = importlib.import_module("nbformat.v4")
    shutil.copytree(NOTEBOOKS / "data", folder / "data")
    notebook = read(NOTEBOOKS / f"{name}.ipynb")
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    notebook.cells.insert(0, v4.new_code_cell(_BEFORE))
    after = _AFTER.format(patience_seconds=_PATIENCE_SECONDS, ours=_OURS)
    notebook.cells.append(v4.new_code_cell(after))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder / "home"))
        try:
            executed = runner(notebook, folder)
        finally:
            stop_embedded()
            end_workers(folder)
    last = executed.cells.pop()
    del executed.cells[0]
    printed = "".join(output.text for output in last.outputs if output.get("name") == "stdout")
    records: list[CallRecord] = []
    for path in sorted(folder.glob("home/ledgers/*/*.sqlite")):
        with Ledger.open(path) as ledger:
            records += ledger.rows()
    left = json.loads(printed.splitlines()[-1])
    return Executed(name, executed, left, folder, records)


def end_workers(folder: Path) -> None:
    """End a process that a notebook started and, since it failed half-way, did not end."""
    for file in folder.glob("out/*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)


def complaints(executed: Executed) -> list[str]:
    """What must not be there after any run; as words, so that a test shows them."""
    said = [
        f"{output.output_type}: {output.get('text') or output.get('evalue')}"
        for output in executed.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    blank = [
        f"no text/plain: {[*output.data]}"
        for output in executed.outputs
        if "data" in output and "text/plain" not in output.data
    ]
    return said + blank + [f"left: {one}" for one in executed.left]


def read(path: Path) -> Any:
    """A notebook of a file."""
    nbformat: Any = importlib.import_module("nbformat")
    return nbformat.read(path, as_version=4)


def write(notebook: Any, path: Path) -> None:
    """A notebook as a file."""
    nbformat: Any = importlib.import_module("nbformat")
    nbformat.write(notebook, path)


def outputs_of(notebook: Any) -> list[Any]:
    """The outputs of all cells, in order."""
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def code_cells(notebook: Any) -> list[Any]:
    """The cells that have outputs."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown_otherwise(saved: Any, executed: Any) -> list[str]:
    """Cells that show other kinds of outputs than as saved, and which; a bar more is no other.

    Any wait for a group shows one where it takes more than a second: on a machine that is busy.
    """
    pairs = zip(code_cells(saved), code_cells(executed), strict=True)
    shown = [
        (ran.source, kinds(was.outputs), kinds(_without_more_bars(ran.outputs, was.outputs)))
        for was, ran in pairs
    ]
    return [f"{source}: {ran}, not {was}" for source, was, ran in shown if ran != was]


def _without_more_bars(executed: list[Any], saved: list[Any]) -> list[Any]:
    bars = [output for output in executed if _is_bar(output)]
    more_count = len(bars) - sum(map(_is_bar, saved))
    left_out = {id(bar) for bar in bars[: max(0, more_count)]}
    return [output for output in executed if id(output) not in left_out]


def _is_bar(output: Any) -> bool:
    words = output.get("data", {}).get("text/plain", "")
    return (
        output.output_type == "display_data"
        and re.search(r" calls? (in \d|ended)", words) is not None
    )


def kinds(outputs: Iterable[Any]) -> list[list[str]]:
    """The MIME types of each output that is no stream, without those of widgets."""
    shown = [output for output in outputs if output.output_type != "stream"]
    return [sorted(kind for kind in o.data if "widget" not in kind) for o in shown]


def places_in(notebook: Any) -> list[str]:
    """What in a notebook tells of the machine that it ran on."""
    # Letters of pictures may come together to any name.
    text = re.sub(r'"image/[a-z]+": "[^"]*"', "", json.dumps(notebook, ensure_ascii=False))
    own = {
        str(PROJECT),
        str(Path.home()),
        socket.gethostname(),
        os.sep + getpass.getuser() + os.sep,
    }
    common = {"/home/", "/root", "/tmp", "/Users/", "/var/folders", "C:\\\\", "site-packages"}
    return sorted(
        place for place in own | common if re.search(rf"(?<!\w){re.escape(place)}(?!\w)", text)
    )

"""The quickstart without a browser: find it, run it on a broker of its own, sum up its calls."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from asyncmcp_nb.config import HOME_VARIABLE
from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.profiles import PROFILE_VARIABLE

if TYPE_CHECKING:
    import pandas as pd

QUICKSTART: Final = "01_quickstart.ipynb"

_CELL_SECONDS: Final = 120
"""The most that a cell may take."""
_SHOWN_ROWS: Final = 5
_SHOWN_CHARACTERS: Final = 44
_SHOWN_BYTES: Final = 4_000
"""The end of what a kernel that died said."""
_WIDGET: Final = "application/vnd.jupyter.widget-view+json"
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of running the quickstart."""

    executed: Path
    """The notebook with its outputs, up to the cell that failed."""
    took_seconds: float
    problem: str | None
    """What a cell raised, or None."""
    calls: pd.DataFrame
    """Every call that it made, as ``session.log.frame()`` has them."""


def find_quickstart(working_folder: Path) -> Path:
    """The quickstart of the checkout, or the copy that an installed package makes.

    Args:
        working_folder: Where a copy goes, into ``notebooks/``; files there stay as they are.

    Raises:
        ConfigError: There is neither.
    """
    package = Path(__file__).resolve().parent
    packed, checkout = package / "_notebooks", package.parent / "notebooks"
    if not packed.is_dir():
        if not (checkout / QUICKSTART).is_file():
            raise ConfigError("the notebooks are not installed; run this in a clone of the project")
        return checkout / QUICKSTART
    target = working_folder / "notebooks"
    for source in sorted(packed.rglob("*")):
        copy = target / source.relative_to(packed)
        if source.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    return target / QUICKSTART


def run(notebook: Path) -> Run:
    """Run a notebook in its folder, and save the outcome in ``out/`` beside it.

    Its broker and ledgers are its own and go afterwards: nothing of the user's is touched.

    Raises:
        BrokerError: Its broker does not end.
    """
    executed = notebook.parent / "out" / f"{notebook.stem}.executed.ipynb"
    executed.parent.mkdir(exist_ok=True)
    with _own_home() as home:
        started = time.monotonic()
        problem = _execute(notebook, executed)
        took_seconds = time.monotonic() - started
        calls = _recorded_calls(home)
    return Run(executed=executed, took_seconds=took_seconds, problem=problem, calls=calls)


def summary(calls: pd.DataFrame) -> str:
    """Calls by tool and status, and the first of them, as text."""
    seconds = calls["latency"].dt.total_seconds()
    groups = calls.assign(seconds=seconds).groupby(["tool", "status"], observed=True)
    by_tool = groups["seconds"].agg(["size", "median", "max"]).round(2).reset_index()
    by_tool.columns = ["tool", "status", "calls", "median s", "slowest s"]
    first = calls.assign(seconds=seconds.round(2)).head(_SHOWN_ROWS)
    shown = first[["tool", "status", "seconds"]].copy()
    answers = first["structured"].where(first["structured"].notna(), first["text"])
    for name, values in (("arguments", first["arguments"]), ("answer", answers)):
        shown[name] = [_shortened(str(value)) for value in values]
    return (
        f"{by_tool.to_string(index=False)}\n\n"
        f"the first {len(shown)} of {len(calls):,} calls:\n{shown.to_string(index=False)}"
    )


@contextmanager
def _own_home() -> Generator[Path]:
    """A home for a broker and ledgers that nobody else uses, gone afterwards."""
    from asyncmcp_nb.broker import stop_embedded

    former = {name: os.environ.pop(name, None) for name in (HOME_VARIABLE, PROFILE_VARIABLE)}
    with tempfile.TemporaryDirectory(prefix="asyncmcp-nb-") as home:
        os.environ[HOME_VARIABLE] = home
        try:
            yield Path(home)
        finally:
            stop_embedded()
            del os.environ[HOME_VARIABLE]
            os.environ.update({name: value for name, value in former.items() if value is not None})


def _execute(notebook: Path, executed: Path) -> str | None:
    """Run a notebook and save it; what went wrong, or None."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    nbformat: Any = importlib.import_module("nbformat")
    content = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        content,
        timeout=_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(notebook.parent)}},
        store_widget_state=False,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    # What a kernel itself says, libraries' complaints above all, is of use where it died.
    with tempfile.TemporaryFile() as kernel_said:
        try:
            client.execute(stderr=kernel_said)
        except DeadKernelError as exc:
            return _failed(f"{exc}\n{_end_of(kernel_said)}")
        except (CellExecutionError, CellTimeoutError) as exc:
            return _failed(str(exc))
        finally:
            _leave_out_widgets(content)
            nbformat.write(content, executed)
    return None


def _failed(words: str) -> str:
    return f"the notebook failed:\n{_COLOURS.sub('', words).strip()}"


def _end_of(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _SHOWN_BYTES))
    return file.read().decode(errors="replace")


def _leave_out_widgets(notebook: Any) -> None:
    """Keep the HTML that each widget has beside it: its kernel is gone."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop(_WIDGET, None)


def _recorded_calls(home: Path) -> pd.DataFrame:
    """All calls in the ledgers of a home, in the order of their submission."""
    from asyncmcp_nb.frame import to_frame
    from asyncmcp_nb.ledger import CallRecord, Ledger

    records: list[CallRecord] = []
    for path in sorted(home.glob("ledgers/*/*.sqlite")):
        with Ledger.open(path) as ledger:
            records += ledger.rows()
    return to_frame(records)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[: _SHOWN_CHARACTERS - 1]}…"

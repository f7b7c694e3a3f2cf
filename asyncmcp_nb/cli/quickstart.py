"""``lab`` and ``demo``: the quickstart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import typer

from asyncmcp_nb.cli.said import fail, require, shown


def lab(context: typer.Context) -> None:
    """Open the quickstart in JupyterLab; further options go to JupyterLab."""
    require("jupyterlab")
    from asyncmcp_nb.demo import find_quickstart

    # JupyterLab refuses to run as root unless told to; containers often are root.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *as_root,
        str(find_quickstart(Path.cwd())),
        *context.args,
    ]
    try:
        raise typer.Exit(subprocess.call(command))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def demo() -> None:
    """Run the quickstart without a browser, on a broker of its own, and print its calls."""
    require("nbclient", "ipykernel", "moto")
    from asyncmcp_nb.demo import find_quickstart, run, summary

    notebook = find_quickstart(Path.cwd())
    print(f"running {shown(notebook)}", flush=True)
    outcome = run(notebook)
    print(f"took {outcome.took_seconds:.1f} s; saved as {shown(outcome.executed)}\n")
    if outcome.problem is not None:
        fail(outcome.problem)
    print(summary(outcome.calls))
    unfinished = int((outcome.calls["status"] != "done").sum())
    if unfinished or outcome.calls.empty:
        fail(f"{unfinished} of {len(outcome.calls)} calls are not done")

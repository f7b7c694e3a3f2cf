"""An app for worker processes: its tools tell who runs them, note that they run, and wait."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from pathlib import Path

from mcp.server.mcpserver import MCPServer

ALIVE_VARIABLE = "POOL_APP_FOLDER"
"""A folder where each process that imports this holds a lock on a file for as long as it lives."""

_MOST_SECONDS = 30.0
"""So that no tool outlives a test that failed."""

app = MCPServer("pooled", log_level="CRITICAL")

if _folder := os.environ.get(ALIVE_VARIABLE):
    _alive = (Path(_folder) / f"{os.getpid()}.alive").open("w")
    fcntl.flock(_alive, fcntl.LOCK_EX)


@app.tool()
def pid() -> int:
    """Say which process this is, after prints and reads that must not get in the pool's way."""
    os.write(1, b'{"failed": {"reason": "a tool that prints"}}\n')
    return os.getpid() if sys.stdin.read() == "" else 0


@app.tool()
def work(folder: str) -> int:
    """Note that it runs, work until there is a file ``finish``, and say which process it was."""
    place = Path(folder)
    with (place / "runs").open("a") as runs:
        runs.write(f"{os.getpid()}\n")
    pause, began_at = threading.Event(), time.monotonic()
    while not (place / "finish").exists() and time.monotonic() < began_at + _MOST_SECONDS:
        pause.wait(0.02)
    return os.getpid()

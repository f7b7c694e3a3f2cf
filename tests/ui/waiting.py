"""Waiting for what another thread does, while the loop stands still as under a cell that blocks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


def until(holds: Callable[[], bool]) -> None:
    """Wait, blocking the loop, until something another thread does has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)

"""What threads of the user print stays with the cell, though a click came in between.

IPython takes a message of a widget for the latest thing that happened, and so what a thread prints
for the click's. While a cell blocks it is the cell's still: a training that logs from a thread must
not fall silent because somebody opened a row.
"""

from __future__ import annotations

import contextvars
import threading
from typing import Any, Protocol


class Shell(Protocol):
    """IPython's shell in a kernel, as far as it is used."""

    events: Any

    def get_parent(self) -> Any:
        """The message that this thread works on."""
        ...

    def set_parent(self, parent: Any) -> None:
        """Take this for the latest message, for this context and for threads without one."""
        ...


class CellPrints:
    """Knows the latest cell of the main thread. Made there, and for good: once for each shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._lock = threading.Lock()
        self._cell: Any = shell.get_parent()
        shell.events.register("pre_run_cell", self._began)

    def restore(self) -> None:
        """Let threads print to that cell, and this thread as before."""
        with self._lock:
            self._restore()

    def _began(self, _: object) -> None:
        if threading.current_thread() is threading.main_thread():
            with self._lock:
                self._cell = self._shell.get_parent()
                # A click since the cell was received was taken for one during the cell before it.
                self._restore()

    def _restore(self) -> None:
        contextvars.Context().run(self._shell.set_parent, self._cell)

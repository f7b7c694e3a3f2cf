"""What a widget has done for it in a thread: one thing at a time, each with a line at its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.kit.turns import turn

logger = logging.getLogger(__name__)

_CHARACTERS = 400

Tell = Callable[[str], object]
"""Shows one line of text."""

Ending = str | Callable[[], None]
"""The line for a job's end, or what to do then, when the next job may be started."""


class Jobs:
    """Does one thing at a time, so that a widget's callback need not wait."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None

    def start(self, work: Callable[[Tell], Ending]) -> bool:
        """Do something soon.

        Args:
            work: Gets what shows how far it is, and returns how it ends.

        Returns:
            False, with a line saying so, where something else is being done.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, args=(work,), name="asyncmcp-job", daemon=True
                )
                self._thread.start()
                return True
        self._tell("something else is still being done; wait for it to end, then do this again")
        return False

    def join(self, timeout_seconds: float) -> bool:
        """Wait until nothing is being done; whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout_seconds)
        return self._thread is None

    def _run(self, work: Callable[[Tell], Ending]) -> None:
        ending: Ending
        try:
            ending = work(self._tell)
        except (AsyncMcpError, OSError) as exc:
            ending = str(exc)
        except Exception as exc:  # boundary: the thread's; nobody else would hear of it
            logger.exception("what a widget asked for failed")
            ending = f"{type(exc).__name__}: {exc}"
        with self._lock:
            self._thread = None
        if isinstance(ending, str):
            self._tell(cut(one_line(ending), _CHARACTERS))
        else:
            with turn():
                ending()

"""A thread that does small work when it is due, whatever the event loop does meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.logs import plain

logger = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
"""Until work that failed is tried again. Our choice."""

Work = Callable[[float], float | None]
"""Do what is due at this monotonic time; return when it is due again, None: not before a poke."""


class Ticker:
    """Calls its work when it is due and when poked."""

    def __init__(self, work: Work, *, name: str) -> None:
        self._work = work
        self._name = name
        self._changed = threading.Condition()
        self._poked = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def poke(self) -> None:
        """Look again now; starts the thread where there is none.

        Raises:
            RuntimeError: It cannot be started; the next poke tries again.
        """
        with self._changed:
            if self._closed:
                return
            self._poked = True
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify()

    def close(self, timeout_seconds: float = 0.0) -> None:
        """End the thread, waiting at most the timeout for work that is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_seconds)

    def _run(self) -> None:
        due: float | None = None
        while self._wait(due):
            try:
                due = self._work(time.monotonic())
            except AsyncMcpError as exc:
                logger.warning("%s: trying again in a second: %s", self._name, plain(exc))
                due = time.monotonic() + _RETRY_SECONDS
            except Exception:  # boundary: leases must go on after a bug, which is logged
                logger.exception("%s: work failed; trying again in a second", self._name)
                due = time.monotonic() + _RETRY_SECONDS

    def _wait(self, due: float | None) -> bool:
        with self._changed:
            while not self._poked and not self._closed:
                left = None if due is None else due - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._changed.wait(None if left is None else min(left, threading.TIMEOUT_MAX))
            self._poked = False
            return not self._closed

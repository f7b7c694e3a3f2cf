"""SIGTERM and SIGINT as something that can be waited for."""

from __future__ import annotations

import os
import select
import signal
import time
from types import TracebackType
from typing import Final, Self

_AWAITED: Final = frozenset({signal.SIGTERM, signal.SIGINT})


class StopSignals:
    """Notes SIGTERM and SIGINT while its context is open. For the main thread.

    An event of ``threading`` is no substitute: a handler that sets it while the main thread is just
    about to wait for it would wait for ever for that thread, which is its own.
    """

    def __init__(self) -> None:
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)
        self._came = False

    def __enter__(self) -> Self:
        self._former_descriptor = signal.set_wakeup_fd(self._writable, warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, _note) for number in _AWAITED}
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_descriptor)
        os.close(self._readable)
        os.close(self._writable)

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for one; whether one came, now or before."""
        deadline = time.monotonic() + timeout_seconds
        while not self._came:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._readable], [], [], left)[0]:
                return False
            # Any signal that Python code handles is noted here.
            self._came = not _AWAITED.isdisjoint(os.read(self._readable, 512))
        return True

    def simulate(self) -> None:
        """Let ``wait`` return as if SIGTERM had come. From any thread."""
        os.write(self._writable, bytes([signal.SIGTERM]))


def _note(number: int, frame: object) -> None:
    """Do nothing: that the signal came is written to the pipe."""

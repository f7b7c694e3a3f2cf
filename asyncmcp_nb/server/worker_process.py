"""A worker process as its pool sees it: started, spoken to, listened to, and told to end.

Threads wait for what it says and for its end, and hand both to the pool.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.server.pool_messages import Assignment, Report, decode_report

logger = logging.getLogger(__name__)

_MODULE: Final = "asyncmcp_nb.worker"
_KEPT_LINE_COUNT: Final = 40
"""Lines of its standard error that are kept to explain its end. Our choice."""
_LINE_BYTES: Final = 2_000
_LAST_WORDS_SECONDS: Final = 1.0
"""How long what it wrote last is waited for. A process of its own may keep its pipes open."""


@dataclass(frozen=True, slots=True)
class Told:
    """A process said something."""

    process: WorkerProcess
    report: Report


@dataclass(frozen=True, slots=True)
class Ended:
    """A process is gone, and reaped."""

    process: WorkerProcess
    how: str
    """Such as ``exited with code 1``."""


class WorkerProcess:
    """One process, from its start to its end."""

    def __init__(
        self,
        assignment: Assignment,
        post: Callable[[Told | Ended], object],
        *,
        directory: str,
        keeps_errors: bool,
    ) -> None:
        """Start it.

        Args:
            assignment: What it is to do.
            post: Takes what happens, in threads of this object.
            directory: Where it works.
            keeps_errors: Keep what it writes to standard error for ``last_lines``, and do not pass
                it on.

        Raises:
            OSError: It cannot be started.
        """
        self._post = post
        self._lines: deque[str] = deque(maxlen=_KEPT_LINE_COUNT)
        path = os.environ.get("PYTHONPATH")
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if keeps_errors else None,
            # So that Ctrl-C in a terminal reaches the pool alone.
            start_new_session=True,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": _with_this_package(path)},
        )
        self.pid = self._popen.pid
        self._readers = [self._start(self._read_reports, self._popen.stdout)]
        if self._popen.stderr is not None:
            self._readers.append(self._start(self._read_errors, self._popen.stderr))
        self._assign(replace(assignment, environment={"PYTHONPATH": path}))
        self._start(self._wait, self._popen.stdin)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of what it wrote to standard error, where that is kept."""
        return tuple(self._lines)

    def terminate(self) -> None:
        """Ask it to finish what it has in hand, and to end."""
        self._popen.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._popen.kill()

    def _assign(self, assignment: Assignment) -> None:
        stdin = self._popen.stdin
        try:
            if stdin is not None:
                stdin.write(assignment.to_line())
                stdin.flush()
        except BrokenPipeError:
            logger.debug("worker process %d ended before it knew what to do", self.pid)

    def _start(
        self, target: Callable[[IO[bytes]], None], pipe: IO[bytes] | None
    ) -> threading.Thread:
        thread = threading.Thread(
            target=target, args=(pipe,), name=f"asyncmcp-worker-{self.pid}", daemon=True
        )
        thread.start()
        return thread

    def _read_reports(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                try:
                    self._post(Told(self, decode_report(line)))
                except DecodeError as exc:
                    logger.warning("worker process %d said what nobody knows: %s", self.pid, exc)

    def _read_errors(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(_LINE_BYTES):
                self._lines.append(line.decode("utf-8", "replace").rstrip())

    def _wait(self, stdin: IO[bytes]) -> None:
        code = self._popen.wait()
        for reader in self._readers:
            reader.join(_LAST_WORDS_SECONDS)
        try:
            stdin.close()
        except BrokenPipeError:
            logger.debug("worker process %d ended before it knew what to do", self.pid)
        self._post(Ended(self, _how(code)))


def _how(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _with_this_package(path: str | None) -> str:
    """A search path on which this package is found, wherever it came from."""
    package = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join([package, path] if path else [package])

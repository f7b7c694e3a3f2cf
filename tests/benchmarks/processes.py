"""A process that is measured, as the one sees it that tells it what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).parents[2]

PATIENCE_SECONDS = 2_400.0
"""The most that a command may take."""
_END_SECONDS = 10.0


class PeerFailed(Exception):
    """A process did not do what it was told; the text says why."""


class Peer:
    """A module of ``peers`` at work in a process of its own, which ends with this one."""

    def __init__(
        self, module: str, plan: dict[str, Any], *, python: Path = Path(sys.executable)
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            module: Its name in ``peers``.
            plan: What it is told at first.
            python: The interpreter of its environment.

        Raises:
            PeerFailed: It ended instead.
        """
        self._module = module
        self._process = subprocess.Popen(
            [python, "-m", f"tests.benchmarks.peers.{module}", json.dumps(plan)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=self._read, name=f"peer-{module}", daemon=True)
        self._reader.start()
        try:
            self.ready: Any = self._answer()
            """What it said when it was."""
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """For a profiler."""
        return self._process.pid

    def do(self, command: str, **arguments: Any) -> Any:
        """Tell it to do something, and wait for what that brings.

        Raises:
            PeerFailed: It could not, or has ended.
        """
        line = json.dumps({"do": command, **arguments})
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> dict[str, Any]:
        """Let it close what it has open: what it says of that."""
        return self.do("close")

    def _answer(self) -> Any:
        try:
            line = self._lines.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise PeerFailed(f"{self._module} said nothing for {PATIENCE_SECONDS:.0f} s") from None
        if not line:
            raise PeerFailed(f"{self._module} ended")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise PeerFailed(f"{self._module}: {said['error']}")
        return said["value"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                self._lines.put(line)
        self._lines.put("")

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            # A long poll of the asyncmcp package holds its process up for as long as it lasts.
            self._process.kill()
            self._process.wait(_END_SECONDS)
        self._reader.join(_END_SECONDS)

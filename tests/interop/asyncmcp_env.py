"""The published ``asyncmcp`` package in an environment of its own, and its programs in processes.

That package needs the first generation of the MCP SDK, so it cannot stand beside ours. The
environment is made once, in the user's cache folder, from ``asyncmcp-requirements.txt``::

    python tests/interop/asyncmcp_env.py
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final

from filelock import FileLock, Timeout

HERE: Final = Path(__file__).parent
REQUIREMENTS: Final = HERE / "asyncmcp-requirements.txt"
COMMAND: Final = "python tests/interop/asyncmcp_env.py"

INSTALL_SECONDS: Final = 240.0
"""The most that making the environment may take."""
PATIENCE_SECONDS: Final = 60.0
"""The most that a test waits for a program's next word, or for its end."""

_CACHE_VARIABLE = "XDG_CACHE_HOME"


class EnvironmentUnavailable(Exception):
    """The package could not be installed; the text says what was tried and what came of it."""


def interpreter() -> Path:
    """The Python that has the package; made at the first use, shared by test processes.

    Raises:
        EnvironmentUnavailable: It cannot be installed, for instance without a network.
    """
    folder = _folder()
    python, stamp = folder / "bin" / "python", folder / "ready"
    if stamp.exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{folder}.lock", timeout=INSTALL_SECONDS):
            if not stamp.exists():
                _make(folder)
                stamp.touch()
    except Timeout:
        raise EnvironmentUnavailable(
            f"another process has been at it for {INSTALL_SECONDS:.0f} s"
        ) from None
    return python


def _folder() -> Path:
    """A folder for these very requirements and this Python."""
    cache = Path(os.environ.get(_CACHE_VARIABLE) or Path.home() / ".cache")
    inputs = REQUIREMENTS.read_bytes() + sys.version.encode()
    return cache / "asyncmcp-nb-interop" / hashlib.sha256(inputs).hexdigest()[:12]


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    install = [*pip, "install", "--requirement", str(REQUIREMENTS)]
    try:
        done = subprocess.run(
            install,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise EnvironmentUnavailable(f"pip took over {INSTALL_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise EnvironmentUnavailable(f"pip ended with {done.returncode}: {done.stderr[-500:]}")


class Program:
    """A script of this folder at work in the package's environment; it speaks JSON, a line each."""

    def __init__(self, script: str, plan: dict[str, Any]) -> None:
        command = [str(interpreter()), str(HERE / script), json.dumps(plan)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=self._read, name="interop-reader", daemon=True)
        self._reader.start()

    def next(self, timeout_seconds: float = PATIENCE_SECONDS) -> dict[str, Any] | None:
        """The next thing it says; None where it has ended.

        Raises:
            TimeoutError: It said nothing for that long.
        """
        try:
            line = self._lines.get(timeout=timeout_seconds)
        except Empty:
            raise TimeoutError(f"it said nothing for {timeout_seconds} s") from None
        return json.loads(line) if line else None

    def rest(self) -> list[dict[str, Any]]:
        """All that it says until it ends by itself."""
        words: list[dict[str, Any]] = []
        while (word := self.next()) is not None:
            words.append(word)
        return words

    def go_on(self) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Close its input and wait for its end; one that does not end is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


@contextmanager
def running(script: str, plan: dict[str, Any]) -> Generator[Program]:
    """A program that is ended with the context."""
    program = Program(script, plan)
    try:
        yield program
    finally:
        program.end()


if __name__ == "__main__":
    sys.stdout.write(f"{interpreter()}\n")

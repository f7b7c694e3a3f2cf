"""The SNS and SQS servers that tests run on, beside the memory bus.

moto, the embedded broker, is what users get. fauxqs is a second implementation by other people:
what holds on both holds because of SNS and SQS, not because of one server's way with them.
``conftest`` has the fixtures.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import pytest

REGION: Final = "us-east-1"

FAUXQS_FOLDER: Final = Path(
    os.environ.get("FAUXQS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "asyncmcp-nb-fauxqs")
)
"""Where ``fauxqs/prepare.sh`` puts fauxqs and a Node that runs it."""

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0

_SCRIPT: Final = Path(__file__).parent / "fauxqs" / "serve.mjs"


class Fauxqs:
    """A fauxqs process, on 127.0.0.1 and a port of its own; it ends with the process that made it.

    What it holds is in its memory alone.
    """

    def __init__(self) -> None:
        """Start it and wait until it listens.

        Raises:
            TimeoutError: It does not within ``START_SECONDS``.
            RuntimeError: It ended instead; what it said is in the message.
        """
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [FAUXQS_FOLDER / "node", "--no-warnings", _SCRIPT, FAUXQS_FOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self.endpoint_url = f"http://127.0.0.1:{self._port()}"
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """To stop and continue it with signals."""
        return self._process.pid

    def stop(self) -> None:
        """End it, and lose what it holds; a second time is no error."""
        self._stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        finally:
            self._stdout.close()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _port(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        said = b""
        while not said.endswith(b"\n"):
            readable, _, _ = select.select([self._stdout], [], [], deadline - time.monotonic())
            if not readable:
                raise TimeoutError(f"fauxqs did not listen within {START_SECONDS:.0f} s: {said!r}")
            piece = os.read(self._stdout.fileno(), 4096)
            if not piece:
                raise RuntimeError(f"fauxqs ended instead of listening: {said!r}")
            said += piece
        return int(said)


def require_fauxqs() -> None:
    """Skip a test where fauxqs is not installed; in CI, where it has to be, fail it."""
    if (FAUXQS_FOLDER / "node").exists():
        return
    missing = f"fauxqs is not in {FAUXQS_FOLDER}: install it with `make fauxqs`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)

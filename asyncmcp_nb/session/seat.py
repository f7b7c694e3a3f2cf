"""Names and ledger files of clients, and who holds one.

A client's name is its return address, so one process at a time may use it: two would take each
other's answers from the queue. A lock beside the ledger file says who does; the system frees it
when that process ends, however it ends.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from asyncmcp_nb.config import Deployment, data_directory, require_name
from asyncmcp_nb.errors import NameInUse

NOTEBOOK_VARIABLE: Final = "JPY_SESSION_NAME"
"""Path of the notebook, as Jupyter Server gives it to the kernels it starts."""
MEMORY: Final = ":memory:"
_DEFAULT_NAME: Final = "default"
_TRIES_COUNT: Final = 20


@dataclass(frozen=True, slots=True)
class Seat:
    """A client's name, held by this process, with its ledger file."""

    name: str
    ledger_path: str
    _lock: FileLock | None

    def release(self) -> None:
        """Let others have the name."""
        if self._lock is not None:
            self._lock.release()


def default_name() -> str:
    """A name that stays over restarts: made from the notebook's path where there is one."""
    path = os.environ.get(NOTEBOOK_VARIABLE)
    if not path:
        return _DEFAULT_NAME
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(path).stem).strip("-_")[:28] or "notebook"
    return f"{stem}-{hashlib.sha256(path.encode()).hexdigest()[:6]}"


def take_seat(deployment: Deployment, name: str | None, ledger: str | Path | None) -> Seat:
    """Hold a name for this process.

    Args:
        deployment: Whose client.
        name: The name wanted; without, the default one, or one beside it where that is in use.
        ledger: The ledger's file; in the user's data directory by default.

    Raises:
        NameInUse: Another process holds the name that was asked for.
        ConfigError: The name is unusable.
    """
    if name is not None:
        require_name(name, "client")
        return _sit(deployment, name, ledger)
    first = default_name()
    for number in range(1, _TRIES_COUNT):
        try:
            return _sit(deployment, first if number == 1 else f"{first}-{number}", ledger)
        except NameInUse:
            continue
    raise NameInUse(f"{first!r} and {_TRIES_COUNT - 1} names like it are in use; give a name")


def _sit(deployment: Deployment, name: str, ledger: str | Path | None) -> Seat:
    path = str(ledger) if ledger is not None else str(_ledger_file(deployment, name))
    # The name is what must not be shared, also by sessions with ledgers elsewhere.
    lock_file = _ledger_file(deployment, name).with_suffix(".lock")
    for folder in (lock_file.parents[1], lock_file.parent):
        # The mode is that of the last folder only, not of parents that are made with it.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(lock_file, timeout=0, mode=0o600, thread_local=False)
    owner = lock_file.with_suffix(".pid")
    try:
        lock.acquire()
    except Timeout:
        raise NameInUse(
            f"{name!r} is in use by process {_read(owner)}; close that session or kernel, or "
            "connect under another name"
        ) from None
    owner.touch(mode=0o600)
    owner.write_text(str(os.getpid()), "utf-8")
    return Seat(name, path, lock)


def _ledger_file(deployment: Deployment, name: str) -> Path:
    # Equal names in two accounts or regions are two deployments.
    place = hashlib.sha256(deployment.request_topic_arn.encode()).hexdigest()[:8]
    return data_directory() / "ledgers" / f"{deployment.name}-{place}" / f"{name}.sqlite"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip() or "unknown"
    except OSError:
        return "unknown"

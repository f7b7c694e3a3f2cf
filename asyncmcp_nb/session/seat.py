"""Names and ledger files of clients, and who holds one.

A client's name is its return address, so one process at a time may use it: two would take each
other's answers from the queue. Nor may two sessions have one ledger file, under whatever names:
each would send what the other has queued. A lock beside the ledger file says who does; the system
frees it when that process ends, however it ends. Who only reads a ledger takes none.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from asyncmcp_nb.config import HOME_VARIABLE, Deployment, data_directory, require_name
from asyncmcp_nb.errors import LedgerError, LedgerInUse, NameInUse

NOTEBOOK_VARIABLE: Final = "JPY_SESSION_NAME"
"""Path of the notebook, as Jupyter Server gives it to the kernels it starts."""
MEMORY: Final = ":memory:"
_DEFAULT_NAME: Final = "default"
_TRIES_COUNT: Final = 20
_SUFFIX: Final = ".sqlite"
_LOCK_SUFFIX: Final = ".lock"
_OWNER_SUFFIX: Final = ".pid"


@dataclass(frozen=True, slots=True)
class Seat:
    """A client's name, held by this process, with its ledger file."""

    name: str
    ledger_path: str
    _locks: Sequence[FileLock]

    def release(self) -> None:
        """Let others have the name, and the file."""
        for lock in self._locks:
            lock.release()


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
        NameInUse: Another session holds the name that was asked for.
        LedgerInUse: Another session, of whatever name, holds the file that was asked for.
        LedgerError: The name, or the file that was asked for, is where no lock can be made.
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
    own = _ledger_file(deployment, name)
    # The name is what must not be shared, also by sessions with ledgers elsewhere.
    lock_file = _lock_file(own)
    try:
        locks = [_take(lock_file)]
    except Timeout:
        raise NameInUse(
            f"{name!r} is in use by process {_owner(lock_file)}; close that session or kernel, or "
            "connect under another name"
        ) from None
    except OSError as exc:
        raise LedgerError(
            f"{lock_file} cannot be made ({exc.strerror}), and a session needs it for its name; "
            f"check the permissions of its folder, or name another with {HOME_VARIABLE}"
        ) from exc
    if ledger is None:
        return Seat(name, str(own), locks)
    with ExitStack() as taken:
        taken.callback(locks[0].release)
        if str(ledger) != MEMORY and _lock_file(ledger) != lock_file:
            locks.append(_take_ledger(ledger))
        taken.pop_all()
    return Seat(name, str(ledger), locks)


def _take_ledger(ledger: str | Path) -> FileLock:
    lock_file = _lock_file(ledger)
    try:
        return _take(lock_file)
    except Timeout:
        raise LedgerInUse(
            f"ledger {ledger} is in use by a session of process {_owner(lock_file)}; close that "
            "session or kernel, or connect with another ledger="
        ) from None
    except OSError as exc:
        raise LedgerError(
            f"ledger {ledger} cannot be locked ({exc.strerror}); check the permissions of its "
            "folder, or name another file"
        ) from exc


def _take(lock_file: Path) -> FileLock:
    for folder in reversed(lock_file.parents):
        # The mode is that of the last folder only, not of parents that are made with it.
        if not folder.exists():
            folder.mkdir(exist_ok=True, mode=0o700)
    lock = FileLock(lock_file, timeout=0, mode=0o600, thread_local=False)
    lock.acquire()
    owner = lock_file.with_suffix(_OWNER_SUFFIX)
    owner.touch(mode=0o600)
    owner.write_text(str(os.getpid()), "utf-8")
    return lock


def _lock_file(ledger: str | Path) -> Path:
    """One for each file, however it is written; that of a client's own ledger is its name's."""
    path = Path(os.path.realpath(ledger))
    is_own = path.suffix == _SUFFIX and path.parent.parent == Path(os.path.realpath(_ledgers()))
    return path.with_suffix(_LOCK_SUFFIX) if is_own else Path(f"{path}{_LOCK_SUFFIX}")


def _ledgers() -> Path:
    return data_directory() / "ledgers"


def _ledger_file(deployment: Deployment, name: str) -> Path:
    # Equal names in two accounts or regions are two deployments.
    place = hashlib.sha256(deployment.request_topic_arn.encode()).hexdigest()[:8]
    return _ledgers() / f"{deployment.name}-{place}" / f"{name}{_SUFFIX}"


def _owner(lock_file: Path) -> str:
    try:
        return lock_file.with_suffix(_OWNER_SUFFIX).read_text("utf-8").strip() or "unknown"
    except OSError:
        return "unknown"

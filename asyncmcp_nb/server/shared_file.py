"""The SQLite file under the shared answers: opened when it is used, made anew where it is no use.

One connection for each user of it, under a lock. What is damaged or not ours is set aside, and
whoever had the old file open follows to the new one.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from filelock import FileLock, Timeout

from asyncmcp_nb.errors import AnswerStoreError

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 2.0
"""Unless told otherwise, how long to wait for other threads and processes. Requests wait as well,
so it is short."""

APPLICATION_ID: Final = 0x616D6E61
"""``amna`` in the file's header: tells our files from other SQLite files."""

_VERSION_1: Final = (
    # Names of workers, and when each counts as dead unless it says again that it lives.
    """CREATE TABLE workers (
        worker TEXT PRIMARY KEY,
        lives_until REAL NOT NULL
    ) WITHOUT ROWID""",
    # key: the identity of a request.
    """CREATE TABLE claims (
        key BLOB PRIMARY KEY,
        worker TEXT NOT NULL,
        message_id TEXT NOT NULL
    ) WITHOUT ROWID""",
    # body is null where a request ended without an answer.
    """CREATE TABLE answers (
        position INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        expires_at REAL NOT NULL,
        weight_bytes INTEGER NOT NULL,
        group_id TEXT,
        deduplication_id TEXT,
        attributes TEXT,
        body TEXT
    )""",
    "CREATE INDEX answers_expiry ON answers (expires_at)",
    # Counting all rows would take longer than all else that a transaction does.
    "CREATE TABLE totals (answer_count INTEGER NOT NULL, answer_bytes INTEGER NOT NULL)",
    "INSERT INTO totals VALUES (0, 0)",
    """CREATE TRIGGER answer_kept AFTER INSERT ON answers BEGIN
        UPDATE totals SET answer_count = answer_count + 1,
            answer_bytes = answer_bytes + new.weight_bytes;
    END""",
    """CREATE TRIGGER answer_gone AFTER DELETE ON answers BEGIN
        UPDATE totals SET answer_count = answer_count - 1,
            answer_bytes = answer_bytes - old.weight_bytes;
    END""",
)

MIGRATIONS: Final = (_VERSION_1,)
"""Statements that lead from version *n* to *n + 1*; the newest version is how many there are.
Workers of two versions may serve side by side, so a step that the older does not understand makes
tables of new names."""

_DAMAGE: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR_SHORT_READ")
_ADVICE: Final = {
    "SQLITE_BUSY": "another process keeps it locked; this passes when it ends or goes on",
    "SQLITE_FULL": "the disk is full; free some space",
    "SQLITE_READONLY": "it cannot be written; check its permissions and those of its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check its permissions and those of its folder",
    "SQLITE_IOERR": "the disk failed; check it",
}


class _NotOursError(Exception):
    """The file is another program's."""


class SharedFile:
    """The file, and this process's connection to it. Safe to use from any thread."""

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = Lock()
        self._db: sqlite3.Connection | None = None
        self._file_id: tuple[int, int] | None = None
        """Of the file that was opened last."""
        self._is_damaged = False
        self._has_replaced = False
        self._is_closed = False

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """One transaction: committed when the block ends, undone when it raises.

        Raises:
            AnswerStoreError: The file cannot be used; nothing was written.
        """
        with self._turn():
            try:
                db = self._db or self._open()
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                finally:
                    # Still open only when something was raised.
                    if db.in_transaction:
                        db.execute("ROLLBACK")
            except sqlite3.Error as exc:
                self._is_damaged = self._is_damaged or _is_damage(exc)
                if not _is_busy(exc):
                    # Whatever it is, to open the file again is the way out where there is one.
                    self._disconnect()
                raise self._explained(exc) from exc

    def follow(self) -> None:
        """Let go of a file that has been set aside, or removed; the next use opens the new one."""
        with self._turn():
            if self._db is not None and self._file_id != _id_of(self._path):
                self._disconnect()

    def close(self) -> None:
        """Refuse further use. May be called again."""
        # Nobody has its turn for longer than SQLite waits.
        with self._lock:
            self._is_closed = True
            self._disconnect()

    # -- with a turn ------------------------------------------------------------------------------

    @contextmanager
    def _turn(self) -> Generator[None]:
        """Exclude the other threads of this process, for a bounded time."""
        if not self._lock.acquire(timeout=self._busy_seconds):
            raise self._error("it is in use by other threads; this passes")
        try:
            if self._is_closed:
                raise self._error("it is closed, since its server has stopped")
            yield
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        """Connect to the file, and make it where there is none or none of use."""
        try:
            for folder in reversed(self._path.absolute().parents):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
            # Two that set the same file aside would each have a new one of its own.
            with FileLock(f"{self._path}.lock", timeout=self._busy_seconds, mode=0o600):
                if self._is_damaged and self._file_id == _id_of(self._path):
                    self._set_aside("it is damaged")
                try:
                    self._db = self._connect()
                except (sqlite3.DatabaseError, _NotOursError) as exc:
                    if isinstance(exc, sqlite3.Error) and not _is_damage(exc):
                        raise
                    self._set_aside(str(exc))
                    self._db = self._connect()
                self._is_damaged = False
                self._file_id = _id_of(self._path)
                return self._db
        except Timeout as exc:
            raise self._error("another process is opening it; this passes") from exc
        except OSError as exc:
            raise self._error(
                f"{exc.strerror}; check the permissions of the folder and what is in it"
            ) from exc

    def _connect(self) -> sqlite3.Connection:
        # SQLite gives the files beside it the same mode. One that exists is not opened here: to
        # close it again would end the locks of every connection that this process has to it.
        if _id_of(self._path) is None:
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # Transactions are ours to begin; the lock sees to it that no two threads meet.
        db = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            if db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                db.execute("PRAGMA journal_mode = WAL")
            # With WAL a killed process loses nothing; NORMAL spares each commit a flush to disk.
            db.execute("PRAGMA synchronous = NORMAL")
            self._migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        owner = int(db.execute("PRAGMA application_id").fetchone()[0])
        is_empty = db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
        if owner != APPLICATION_ID and not is_empty:
            raise _NotOursError("it is a database of another program")
        if version > len(MIGRATIONS):
            raise self._error(
                f"a newer asyncmcp-nb made it (version {version}, this one knows "
                f"{len(MIGRATIONS)}); upgrade this one, or stop the newer servers and move it away"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                db.execute(statement)
        if version < len(MIGRATIONS):
            # A pragma takes no parameters.
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")

    def _set_aside(self, reason: str) -> None:
        """Give the file and those beside it another name; once only, lest a bad disk fill up."""
        if self._has_replaced:
            raise self._error(f"{reason}, though it was made anew before; check the disk")
        self._has_replaced = True
        aside = f"{self._path}.aside-{secrets.token_hex(4)}"
        for suffix in ("", "-wal", "-shm"):
            beside = Path(f"{self._path}{suffix}")
            if beside.exists():
                beside.rename(f"{aside}{suffix}")
        logger.warning("%s: %s; it is now %s, and a new one is made", self._path, reason, aside)

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _explained(self, exc: sqlite3.Error) -> AnswerStoreError:
        code: str = getattr(exc, "sqlite_errorname", "")
        known = [advice for prefix, advice in _ADVICE.items() if code.startswith(prefix)]
        advice = known[0] if known else "if it stays so, stop its servers and move it away"
        if _is_damage(exc):
            advice = "it is set aside and made anew when it is used next"
        return self._error(f"{exc}; {advice}")

    def _error(self, what: str) -> AnswerStoreError:
        return AnswerStoreError(f"shared answers {self._path}: {what}")


def _is_damage(exc: sqlite3.Error) -> bool:
    return str(getattr(exc, "sqlite_errorname", "")).startswith(_DAMAGE)


def _is_busy(exc: sqlite3.Error) -> bool:
    return str(getattr(exc, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


def _id_of(path: Path) -> tuple[int, int] | None:
    """What names a file whatever it is called; None where there is none to be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

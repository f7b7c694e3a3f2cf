"""One SQLite file: a writer, and readers that never wait for it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, RLock
from typing import Final

from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger.schema import migrate, require_ours

IN_MEMORY: Final = ":memory:"

BUSY_SECONDS: Final = 5.0
"""Unless told otherwise, how long a write waits for another process that writes the file."""

_ADVICE: Final = {
    "SQLITE_NOTADB": "{damaged}",
    "SQLITE_CORRUPT": "{damaged}",
    "SQLITE_BUSY": "another process keeps it locked; close the other session of this name",
    "SQLITE_FULL": "the disk is full; free some space and try again",
    "SQLITE_READONLY": "it cannot be written; check its permissions and those of its folder",
    "SQLITE_CANTOPEN": "it cannot be opened; check its permissions and those of its folder",
    "SQLITE_IOERR": "the disk failed; check it, or name a file on another one",
    "SQLITE_CONSTRAINT": "it holds an entry of that identity already; nothing was written",
}
_DAMAGED = (
    "it is damaged or no ledger; move it away together with its -wal and -shm files "
    "(mv '{name}' '{name}.damaged') and connect again: a new one is made, nothing is deleted"
)


class Store:
    """Connections to one file, for many threads.

    There is one writer under a lock. Reads take a connection of their own from a pool, so a table
    of 100,000 rows that is being read holds up neither pollers nor other readers (WAL). A database
    in memory has but the one connection.
    """

    def __init__(self, path: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open or make the file.

        Args:
            path: The file, or ``":memory:"``.
            busy_seconds: How long a write waits for another process that writes.

        Raises:
            LedgerError: It cannot be made, read or written, or is no ledger.
        """
        self.name: Final = str(path)
        self._busy_seconds: Final = busy_seconds
        self._lock: Final = RLock()
        self._pool_lock: Final = Lock()
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self.version = 0
        """How many transactions this process has committed to it."""
        self.trouble: LedgerError | None = None
        """Why the latest write failed; None while they succeed."""
        if self.name != IN_MEMORY:
            self._make_file(Path(path))
        try:
            self._writer: Final = self._connect()
        except sqlite3.Error as exc:
            raise self._explain(exc) from exc
        try:
            with self.writing() as db:
                migrate(db, self.name)
        except LedgerError:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """One transaction: committed when the block ends, undone when it raises.

        Raises:
            LedgerError: SQLite refused, or the store is closed; nothing was written.
        """
        with self._lock:
            self._check_open()
            try:
                try:
                    # In here: a Ctrl-C that came while it waited is raised when it has begun.
                    self._writer.execute("BEGIN IMMEDIATE")
                    yield self._writer
                    self._writer.execute("COMMIT")
                    self.version += 1
                    self.trouble = None
                finally:
                    # Still open only when something was raised, Ctrl-C in a cell included.
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
            except sqlite3.Error as exc:
                self.trouble = self._explain(exc)
                raise self.trouble from exc

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """A connection for reading what is committed by now.

        Raises:
            LedgerError: SQLite refused, or the store is closed.
        """
        try:
            if self.name == IN_MEMORY:
                with self._lock:
                    self._check_open()
                    yield self._writer
            else:
                reader = self._take_reader()
                try:
                    yield reader
                except BaseException:
                    # A statement that was broken off may live on in a traceback, and would keep
                    # whoever reads with its connection at that moment.
                    reader.close()
                    raise
                self._give_back(reader)
        except sqlite3.Error as exc:
            raise self._explain(exc) from exc

    @contextmanager
    def snapshot(self) -> Generator[sqlite3.Connection, None, None]:
        """As ``reading``, with all reads of one moment, whatever is written meanwhile."""
        with self.reading() as db:
            if self.name == IN_MEMORY:  # and nobody else's, until this ends
                yield db
                return
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")

    def close(self) -> None:
        """Refuse further use; a read under way ends by itself. May be called again."""
        with self._lock, self._pool_lock:
            if self._is_closed:
                return
            self._is_closed = True
            for reader in self._idle:
                reader.close()
            self._idle.clear()
            self._writer.close()

    def _take_reader(self) -> sqlite3.Connection:
        with self._pool_lock:
            self._check_open()
            return self._idle.pop() if self._idle else self._connect()

    def _give_back(self, reader: sqlite3.Connection) -> None:
        with self._pool_lock:
            if self._is_closed:
                reader.close()
            else:
                self._idle.append(reader)

    def _connect(self) -> sqlite3.Connection:
        # Transactions are ours to begin; the locks above see to it that no two threads meet.
        db = sqlite3.connect(
            self.name, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            require_ours(db, self.name)
            if db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                db.execute("PRAGMA journal_mode = WAL")
            # With WAL a killed process loses nothing; NORMAL spares each commit a flush to disk.
            db.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            db.close()
            raise
        return db

    def _make_file(self, path: Path) -> None:
        try:
            for folder in reversed(path.absolute().parents):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
            # Before SQLite writes a byte: arguments and answers are nobody else's business. One
            # that exists is not opened here: closing it would end the locks of all connections that
            # this process has to it. https://www.sqlite.org/howtocorrupt.html, section 2.2
            if not path.is_file():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as exc:
            raise LedgerError(
                f"ledger {self.name} cannot be made ({exc.strerror}); check the permissions of "
                "its folder, or name another file"
            ) from exc

    def _check_open(self) -> None:
        if self._is_closed:
            raise LedgerError(f"ledger {self.name} is closed; connect again")

    def _explain(self, exc: sqlite3.Error) -> LedgerError:
        code: str = getattr(exc, "sqlite_errorname", "")
        known = [advice for prefix, advice in _ADVICE.items() if code.startswith(prefix)]
        advice = known[0] if known else "if it stays so, name another file"
        text = advice.format(damaged=_DAMAGED.format(name=self.name))
        return LedgerError(f"ledger {self.name}: {exc}; {text}")

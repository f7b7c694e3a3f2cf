"""Tables of the ledger and how older files become newer ones."""

from __future__ import annotations

import sqlite3
from typing import Final

from asyncmcp_nb.errors import LedgerError

APPLICATION_ID: Final = 0x616D6E62
"""``amnb`` in the file's header: tells our files from other SQLite files."""

CALL_COLUMNS: Final = (
    "position, call_id, tool, status, submitted_at, sent_at, responded_at, finished_at, deadline, "
    "progress, progress_message, error_code, error_message, request_bytes, response_bytes, "
    "deliveries, attempts, group_name, session, retry_of, arguments, text, error_data, result, "
    "trace_context, running_at"
)
"""What ``CallRecord.from_row`` takes. Long values come last: reading the others skips them."""

_VERSION_1: Final = (
    # status is Status.rank; below 4 the call is outstanding.
    """CREATE TABLE calls (
        position INTEGER PRIMARY KEY,
        call_id TEXT NOT NULL UNIQUE,
        tool TEXT NOT NULL,
        status INTEGER NOT NULL DEFAULT 0,
        submitted_at REAL NOT NULL,
        sent_at REAL,
        responded_at REAL,
        finished_at REAL,
        deadline REAL,
        progress REAL,
        progress_message TEXT,
        error_code INTEGER,
        error_message TEXT,
        request_bytes INTEGER,
        response_bytes INTEGER,
        deliveries INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        group_name TEXT,
        session TEXT NOT NULL,
        retry_of TEXT,
        arguments TEXT NOT NULL,
        text TEXT,
        error_data TEXT,
        result TEXT
    )""",
    # SQLite ends every index with the position, so these sort within equal values as well.
    "CREATE INDEX calls_status ON calls (status)",
    "CREATE INDEX calls_tool ON calls (tool, status)",
    "CREATE INDEX calls_group ON calls (group_name, status)",
    "CREATE INDEX calls_session ON calls (session, status)",
    "CREATE INDEX calls_deadline ON calls (deadline) WHERE status < 4 AND deadline IS NOT NULL",
    "CREATE INDEX calls_waiting ON calls (submitted_at) WHERE status < 4",
    # answers: how often an answer to this request arrived.
    """CREATE TABLE requests (
        request INTEGER PRIMARY KEY,
        connection_id TEXT NOT NULL,
        request_id TEXT NOT NULL,
        position INTEGER NOT NULL REFERENCES calls (position),
        answers INTEGER NOT NULL DEFAULT 0,
        UNIQUE (connection_id, request_id)
    )""",
    "CREATE INDEX requests_call ON requests (position)",
    # A sequence that is not known is null, and nulls are never equal in UNIQUE.
    """CREATE TABLE logs (
        entry INTEGER PRIMARY KEY,
        position INTEGER NOT NULL REFERENCES calls (position),
        request INTEGER NOT NULL,
        sequence INTEGER,
        severity INTEGER NOT NULL,
        level TEXT NOT NULL,
        logger TEXT,
        data TEXT NOT NULL,
        received_at REAL NOT NULL,
        UNIQUE (request, sequence)
    )""",
    "CREATE INDEX logs_call ON logs (position)",
    """CREATE TABLE unsolicited (
        entry INTEGER PRIMARY KEY,
        connection_id TEXT NOT NULL,
        request_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL,
        received_at REAL NOT NULL,
        size_bytes INTEGER NOT NULL
    )""",
)

_VERSION_2: Final = (
    # JSON: what goes into the ``_meta`` of a call's requests, so that a trace goes on through them.
    "ALTER TABLE calls ADD COLUMN trace_context TEXT",
)

_VERSION_3: Final = (
    # Why an entry could not be verified or read; its payload is then the start of what came.
    "ALTER TABLE unsolicited ADD COLUMN reason TEXT",
)

_VERSION_4: Final = (
    # When the first progress or log message of a call came.
    "ALTER TABLE calls ADD COLUMN running_at REAL",
)

_VERSION_5: Final = (
    # Ends with the entry: the newest messages of a severity come without sorting.
    "CREATE INDEX logs_severity ON logs (severity)",
)

_VERSION_6: Final = (
    # Copies of calls that have ended, column by column: see ``blocks``.
    """CREATE TABLE blocks (
        first INTEGER NOT NULL,
        field TEXT NOT NULL,
        data BLOB NOT NULL,
        numbers BLOB,
        missing BLOB,
        PRIMARY KEY (first, field)
    )""",
)

MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6)
"""Statements that lead from version *n* to *n + 1*; the newest version is how many there are."""


def require_ours(db: sqlite3.Connection, name: str) -> None:
    """Look whose file it is, and change nothing.

    Args:
        db: The file.
        name: Its name, for the message.

    Raises:
        LedgerError: The file is another program's.
    """
    # In this order: another process may make the file between the two.
    is_empty = db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    owner = int(db.execute("PRAGMA application_id").fetchone()[0])
    if owner != APPLICATION_ID and not is_empty:
        raise LedgerError(f"{name} is a database of another program; name another file")


def migrate(db: sqlite3.Connection, name: str) -> None:
    """Bring a file to the newest version, or make it, in one transaction that the caller holds.

    Args:
        db: A file of ours or an empty one, in a transaction that excludes other writers.
        name: The file, for messages.

    Raises:
        LedgerError: A newer version of this package wrote the file.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise LedgerError(
            f"{name} was written by a newer asyncmcp-nb (ledger version {version}, this one knows "
            f"{len(MIGRATIONS)}); upgrade asyncmcp-nb, or name another file"
        )
    if version == len(MIGRATIONS):
        return
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            db.execute(statement)
    # A pragma takes no parameters.
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

"""What the workers of one host know of each other's requests, in one SQLite file a deployment.

All processes of one user that serve a deployment share it, whoever started them. It remembers for
minutes and may be lost: then a request that is delivered again may run again. So a file that is
damaged, or not ours, is set aside under another name, never deleted, and a new one is made.

A killed process loses nothing of what it wrote (WAL); a machine that fails may lose the last
moments. Like every SQLite file in WAL mode it must lie on a disk of the host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from asyncmcp_nb.config import Deployment, data_directory
from asyncmcp_nb.server.shared_file import BUSY_SECONDS, SharedFile
from asyncmcp_nb.sns_sqs.answers import (
    FORGET_SECONDS,
    Claim,
    Elsewhere,
    Holder,
    Kept,
    Standing,
)
from asyncmcp_nb.wire import Ordering, Outgoing

if TYPE_CHECKING:
    import sqlite3

KEPT_COUNT: Final = 100_000
KEPT_BYTES: Final = 256 * 1024 * 1024
"""Bounds of the answers of all workers of a deployment on one host. Our choice."""

_KEY_BYTES: Final = 128
"""Of an identity, what stands in the file as it is. Our clients' are shorter."""

_EXPIRED_COUNT: Final = 100
"""Answers forgotten at a time since their time is over: each transaction stays short, and forgets
more than it keeps."""


def open_answers(deployment: Deployment) -> SqliteAnswers:
    """What the workers of a deployment share on this host. The file is opened when it is used."""
    digest = sha256(deployment.request_topic_arn.encode()).hexdigest()[:8]
    return SqliteAnswers(data_directory() / "answers" / f"{deployment.name}-{digest}.sqlite")


class SqliteAnswers:
    """An ``AnswerStore`` in a file. Safe to use from any thread.

    Every method raises ``AnswerStoreError`` where the file cannot be used, another process keeps it
    locked for too long, or it is closed; nothing was written then.
    """

    def __init__(
        self,
        path: Path,
        *,
        limit_count: int = KEPT_COUNT,
        limit_bytes: int = KEPT_BYTES,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        """Name the file; it is opened, or made, when it is used first.

        Args:
            path: The file. Its folder is for nobody but this user.
            limit_count: The most answers that are kept; the oldest go first.
            limit_bytes: The most that they weigh together.
            busy_seconds: How long to wait for other threads and processes.
        """
        self._file = SharedFile(path, busy_seconds=busy_seconds)
        self._limit_count = limit_count
        self._limit_bytes = limit_bytes

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        """See ``AnswerStore.claim``."""
        with self._file.writing() as db:
            _forget_dead(db, now)
            db.execute("INSERT OR IGNORE INTO workers VALUES (?, 0)", (worker,))
            return [_claim(db, worker, claim, now=now) for claim in claims]

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        """See ``AnswerStore.keep``."""
        keys = {key: _stored(key) for key in answers}
        rows = {key: _row(answer) for key, answer in answers.items()}
        with self._file.writing() as db:
            for key, row in rows.items():
                _keep(db, keys[key], row, now=now, until=until)
            db.executemany("DELETE FROM claims WHERE key = ?", [(key,) for key in keys.values()])
            db.execute(
                "DELETE FROM answers WHERE position IN "
                "(SELECT position FROM answers WHERE expires_at <= ? LIMIT ?)",
                (now, _EXPIRED_COUNT),
            )
            self._evict(db)

    def release(self, worker: str, keys: Sequence[str]) -> None:
        """See ``AnswerStore.release``."""
        rows = [(_stored(key), worker) for key in keys]
        with self._file.writing() as db:
            db.executemany("DELETE FROM claims WHERE key = ? AND worker = ?", rows)

    def live(self, worker: str, until: float) -> None:
        """See ``AnswerStore.live``."""
        self._file.follow()
        with self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO workers VALUES (?, ?)", (worker, until))

    def close(self) -> None:
        """See ``AnswerStore.close``; other processes go on."""
        self._file.close()

    def _evict(self, db: sqlite3.Connection) -> None:
        """Forget the oldest answers above the bounds; the newest stays."""
        count, weight = db.execute("SELECT answer_count, answer_bytes FROM totals").fetchone()
        doomed: list[tuple[int]] = []
        oldest_first = db.execute(
            "SELECT position, weight_bytes FROM answers ORDER BY expires_at, position"
        )
        while count > 1 and (count > self._limit_count or weight > self._limit_bytes):
            position, weight_bytes = oldest_first.fetchone()
            doomed.append((position,))
            count, weight = count - 1, weight - weight_bytes
        oldest_first.close()
        db.executemany("DELETE FROM answers WHERE position = ?", doomed)


def _claim(db: sqlite3.Connection, worker: str, claim: Claim, *, now: float) -> Standing:
    key = _stored(claim.key)
    kept = db.execute(
        "SELECT body, attributes, group_id, deduplication_id FROM answers "
        "WHERE key = ? AND expires_at > ?",
        (key, now),
    ).fetchone()
    if kept is not None:
        return Kept(_answer(kept))
    held = db.execute(
        "SELECT worker, message_id, lives_until FROM claims JOIN workers USING (worker) "
        "WHERE key = ?",
        (key,),
    ).fetchone()
    if held is not None and (holder := Holder(*held)).refuses(worker, claim, now):
        return Elsewhere(holder.worker)
    db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (key, worker, claim.message_id))
    return None


def _keep(
    db: sqlite3.Connection, key: bytes, row: tuple[Any, ...], *, now: float, until: float
) -> None:
    known = db.execute(
        "SELECT body IS NOT NULL, expires_at FROM answers WHERE key = ? AND expires_at > ?",
        (key, now),
    ).fetchone()
    has_answer, until = (False, until) if known is None else (known[0], max(known[1], until))
    if has_answer:
        db.execute("UPDATE answers SET expires_at = ? WHERE key = ?", (until, key))
        return
    db.execute("DELETE FROM answers WHERE key = ?", (key,))
    db.execute(
        "INSERT INTO answers (key, expires_at, body, attributes, group_id, deduplication_id, "
        "weight_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, until, *row),
    )


def _forget_dead(db: sqlite3.Connection, now: float) -> None:
    dead = db.execute(
        "SELECT worker FROM workers WHERE lives_until <= ?", (now - FORGET_SECONDS,)
    ).fetchall()
    db.executemany("DELETE FROM workers WHERE worker = ?", dead)
    db.executemany("DELETE FROM claims WHERE worker = ?", dead)


def _stored(key: str) -> bytes:
    """As it is, so that requests of a connection lie side by side, but for ids of any length."""
    text = key.encode("utf-8", "surrogatepass")
    return text if len(text) <= _KEY_BYTES else text[:_KEY_BYTES] + sha256(text).digest()


def _row(answer: Outgoing | None) -> tuple[Any, ...]:
    if answer is None:
        return None, None, None, None, 0
    ordering = answer.ordering
    return (
        answer.body,
        json.dumps(dict(answer.attributes)),
        None if ordering is None else ordering.group_id,
        None if ordering is None else ordering.deduplication_id,
        answer.size_bytes,
    )


def _answer(row: tuple[str | None, str, str | None, str | None]) -> Outgoing | None:
    body, attributes, group_id, deduplication_id = row
    if body is None:
        return None
    ordering = None
    if group_id is not None and deduplication_id is not None:
        ordering = Ordering(group_id, deduplication_id)
    return Outgoing(body, json.loads(attributes), ordering=ordering)

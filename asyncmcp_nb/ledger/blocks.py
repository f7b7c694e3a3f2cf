"""Blocks of calls that have ended, kept beside their rows so that a frame of many is quick.

A block is a copy and never the truth: when a call of it changes after all, the block is deleted in
the same transaction, and its calls are read from their rows again.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from asyncmcp_nb.ledger.block import FIELDS, Block, Packed, pack
from asyncmcp_nb.ledger.query import select

SIZE: Final = 250
"""Positions in a block. Files have blocks of this size: another one needs a migration."""

_CONSIDERED_COUNT: Final = 8
_MADE_COUNT: Final = 2
"""Blocks that are looked at, and made, at once: about 4 ms each, on the path of an answer. Two,
so that those come in that had to wait for a call, beside the one that comes in its turn."""

_MOST_CHARACTERS: Final = 2_000_000
"""In a block. More is left in its rows: it would hold up an answer, and a frame of it takes its
time in any case."""


def make_blocks(db: sqlite3.Connection, position: int) -> None:
    """Make blocks of calls that have ended, in the transaction of the caller.

    The latest is left for the next time: answers come twice, and requests are known to be sent
    after their answer, but both soon.

    Args:
        db: In a transaction.
        position: Of a call that has just ended.
    """
    if position % SIZE:
        return
    newest = position - 2 * SIZE + 1
    oldest = max(1, newest - (_CONSIDERED_COUNT - 1) * SIZE)
    there = set(blocks_between(db, oldest, last_of(newest)))
    wanted = [first for first in range(newest, oldest - 1, -SIZE) if first not in there]
    whole = [first for first in wanted if _has_ended(db, first)]
    for first in whole[:_MADE_COUNT]:
        _make(db, first)


def drop_block(db: sqlite3.Connection, position: int) -> None:
    """Delete the block of a call, where there is one: the call changes although it has ended."""
    db.execute("DELETE FROM blocks WHERE first = ?", (position - (position - 1) % SIZE,))


def blocks_between(db: sqlite3.Connection, begin: int, end: int) -> list[int]:
    """The first positions of the blocks between two positions, both of them included, in order."""
    found = db.execute(
        "SELECT DISTINCT first FROM blocks WHERE first BETWEEN ? AND ?", (begin, end - SIZE + 1)
    )
    return sorted(int(row[0]) for row in found)


def last_of(first: int) -> int:
    """The last position of the block that begins with this one."""
    return first + SIZE - 1


def read_block(db: sqlite3.Connection, first: int) -> Block:
    """The block that begins with a position."""
    rows = db.execute("SELECT field, data, numbers, missing FROM blocks WHERE first = ?", (first,))
    return Block({str(field): Packed(*packed) for field, *packed in rows})


def _has_ended(db: sqlite3.Connection, first: int) -> bool:
    """Whether there are calls in a block's place, and all of them have ended."""
    (outstanding,) = db.execute(
        "SELECT max(status < 4) FROM calls WHERE position BETWEEN ? AND ?",
        (first, last_of(first)),
    ).fetchone()
    return outstanding == 0


def _make(db: sqlite3.Connection, first: int) -> None:
    rows = _rows(db, first)
    packed = pack(dict(zip(FIELDS, zip(*rows, strict=True), strict=True))) if rows else None
    if packed is None:
        return
    db.executemany(
        "INSERT INTO blocks (first, field, data, numbers, missing) VALUES (?, ?, ?, ?, ?)",
        [(first, field, *column) for field, column in packed.items()],
    )


def _rows(db: sqlite3.Connection, first: int) -> list[tuple[Any, ...]]:
    """The calls in a block's place; none where they are more than a block holds."""
    statement = select(FIELDS, "WHERE position BETWEEN ? AND ? ORDER BY position")
    found: list[tuple[Any, ...]] = []
    room = _MOST_CHARACTERS
    for row in db.execute(statement, (first, last_of(first))):
        room -= sum(len(value) for value in row if isinstance(value, str))
        if room < 0:
            return []
        found.append(row)
    return found

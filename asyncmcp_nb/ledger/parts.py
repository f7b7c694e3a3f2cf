"""Many calls a part at a time: blocks where there are some, else rows turned into columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from asyncmcp_nb.ledger import query
from asyncmcp_nb.ledger.block import FIELDS, Block
from asyncmcp_nb.ledger.blocks import blocks_between, last_of, read_block
from asyncmcp_nb.ledger.query import EVERYTHING, CallFilter

Columns = Mapping[str, Sequence[Any]]
"""For each of ``FIELDS`` a value a call."""

_CHUNK_COUNT: Final = 1_000
"""As much as stays in a processor's cache until it is made into something else."""
_LAST_POSITION: Final = 2**63 - 1


def parts(db: sqlite3.Connection, chosen: CallFilter) -> Generator[Block | Columns]:
    """The calls that a filter lets through, in the order of submission.

    Args:
        db: In a transaction, so that blocks and rows are of the same moment.
        chosen: The filter; blocks serve where it is about positions alone.
    """
    done = chosen.after or 0
    if replace(chosen, after=None, up_to=None) == EVERYTHING:
        up_to = _LAST_POSITION if chosen.up_to is None else chosen.up_to
        for first in blocks_between(db, done + 1, up_to):
            if first > done + 1:
                yield from _rows(db, replace(chosen, after=done, up_to=first - 1))
            yield read_block(db, first)
            done = last_of(first)
    yield from _rows(db, replace(chosen, after=done))


def _rows(db: sqlite3.Connection, chosen: CallFilter) -> Generator[Columns]:
    clause, parameters = query.where(chosen)
    rows = db.execute(query.select(FIELDS, f"{clause} ORDER BY position"), parameters)
    while chunk := rows.fetchmany(_CHUNK_COUNT):
        yield dict(zip(FIELDS, zip(*chunk, strict=True), strict=True))

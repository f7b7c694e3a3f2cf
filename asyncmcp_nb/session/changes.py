"""Rows that have changed, read so that it can be told which reading is the newer one."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from asyncmcp_nb.ledger import CallRecord, Ledger


class Changes(NamedTuple):
    """Rows of the ledger, as they were at once."""

    records: Sequence[CallRecord]
    number: int
    """Higher than that of any reading before: threads may tell of theirs in another order."""


class Changed:
    """Reads rows of one ledger. Safe to use from any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._numbers = count(1)

    def read(self, call_ids: Iterable[str]) -> Changes:
        """These calls as they are now; ids that the ledger does not have are left out.

        Raises:
            LedgerError: The ledger is closed, or cannot be read.
        """
        with self._lock:
            return Changes(self._ledger.get_many(call_ids), next(self._numbers))

"""What the desk's threads know and the ledger does not yet: kept until it does.

A ledger that refuses, since another process has it locked for instance, is asked again by whoever
records next; nothing is forgotten meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.errors import AsyncMcpError, LedgerError
from asyncmcp_nb.ledger import Ledger, Sent, Status

_FAILURES_COUNT: Final = 1_000
"""Errors that are kept as they were raised; the ledger has the words of all. Our choice."""


@dataclass(frozen=True, slots=True)
class News:
    """Calls of which others are to be told."""

    call_ids: Collection[str]
    ended: Collection[str] = ()
    """Those among them that have just ended."""


class Unrecorded:
    """What became of the requests of calls. Safe to use from any thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turn = threading.Lock()
        self._sent: deque[tuple[str, float, Sequence[int]]] = deque()
        self._failed: deque[tuple[str, AsyncMcpError]] = deque()
        self._untold: deque[News] = deque()
        self._failures: dict[str, AsyncMcpError] = {}

    def sent(self, call_id: str, sizes_bytes: Sequence[int]) -> None:
        """Note that the topic has accepted a call's request just now.

        Args:
            call_id: The call.
            sizes_bytes: Of the request; who posts it may fill it in afterwards.
        """
        self._sent.append((call_id, time.time(), sizes_bytes))

    def failed(self, call_id: str, error: AsyncMcpError) -> None:
        """Note that a call's request cannot be published."""
        self._failed.append((call_id, error))

    def untold(self, news: News) -> None:
        """Note calls whose changes are recorded, and that could not be told of."""
        self._untold.append(news)

    def failure(self, call_id: str) -> AsyncMcpError | None:
        """What kept a call's request from being published, where it is known."""
        return self._failures.get(call_id)

    def record(self) -> None:
        """Record what is noted; it is to be told then.

        Raises:
            LedgerError: The ledger refuses; what is not recorded is kept.
        """
        with self._turn:
            self._record_sent()
            while self._failed:
                self._record_failed(*self._failed[0])
                self._failed.popleft()

    def tell(self, tell: Callable[[News], None]) -> None:
        """Tell of what is to be told.

        Raises:
            LedgerError: From ``tell``; what was not told of is kept.
        """
        while self._untold:
            news = self._untold.popleft()
            try:
                tell(news)
            except LedgerError:
                self._untold.appendleft(news)
                raise

    def _record_sent(self) -> None:
        noted = list(self._sent)
        if not noted:
            return
        self._ledger.mark_sent(Sent(call_id, at, sum(sizes)) for call_id, at, sizes in noted)
        self._untold.append(News([call_id for call_id, _, _ in noted]))
        for _ in noted:
            self._sent.popleft()

    def _record_failed(self, call_id: str, error: AsyncMcpError) -> None:
        self._failures[call_id] = error
        while len(self._failures) > _FAILURES_COUNT:
            del self._failures[next(iter(self._failures))]
        is_over = self._ledger.finish(
            call_id, Status.FAILED, at=time.time(), error_message=str(error)
        )
        self._untold.append(News([call_id], [call_id] if is_over else []))

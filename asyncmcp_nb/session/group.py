"""Many calls of one tool, and calls in the order in which they end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, overload

import anyio

from asyncmcp_nb.ledger import STATUSES, Status
from asyncmcp_nb.session.call import Call, CallOwner
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox

if TYPE_CHECKING:
    import pandas as pd


class GroupOwner(CallOwner, Protocol):
    """What a group needs of its session."""

    def joined_frame(self, source: Any, call_ids: Sequence[str]) -> pd.DataFrame:
        """The input with its answers beside it."""
        ...


class CallGroup(Sequence[Call]):
    """The calls of one ``map``, in the order of their input.

    Await it until all have ended, iterate ``as_completed(group)``, or take ``await group.frame()``.
    """

    def __init__(self, owner: GroupOwner, calls: Sequence[Call], *, name: str, source: Any) -> None:
        self.name = name
        """Its name in the ledger's ``group`` column."""
        self._owner = owner
        self._calls = list(calls)
        self._source = source
        self._lock = threading.Lock()
        self._left = len(self._calls)
        self._waiters: list[tuple[Handoff, anyio.Event]] = []
        self._listeners: list[Callable[[], object]] = []
        for call in self._calls:
            call.add_done_callback(self._one_ended)

    def __len__(self) -> int:
        return len(self._calls)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...
    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        return self._calls[index]

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __repr__(self) -> str:
        parts = ", ".join(f"{number} {status}" for status, number in self.counts().items())
        return f"<CallGroup {self.name}: {len(self)} calls ({parts or 'none'})>"

    @property
    def is_done(self) -> bool:
        """Whether all calls have ended, in whatever way."""
        return self._left == 0

    def counts(self) -> dict[Status, int]:
        """Calls by status, in the order of the statuses; absent ones left out."""
        counted = Counter(call.status for call in self._calls)
        return {status: counted[status] for status in STATUSES if counted[status]}

    def __await__(self) -> Generator[Any, Any, CallGroup]:
        return self._wait().__await__()

    def wait(self, timeout: float | None = None) -> CallGroup:
        """Block until all have ended, from plain functions and scripts.

        Args:
            timeout: Seconds to wait; for ever by default.

        Raises:
            TimeoutError: Some have not ended by then; they go on.
        """
        if not self.is_done:
            self._owner.block(self._all_ended, timeout)
        return self

    def on_progress(self, listener: Callable[[], object]) -> None:
        """Call ``listener()`` in some thread whenever a call has ended. Must not block."""
        with self._lock:
            self._listeners.append(listener)

    def cancel(self) -> int:
        """Give up what has not ended; how many calls that were."""
        return sum(call.cancel() for call in self._calls if not call.is_done)

    async def frame(self) -> pd.DataFrame:
        """Wait for all, then the input joined with the answers, in the order of the input."""
        await self
        return self._owner.joined_frame(self._source, [call.id for call in self._calls])

    async def _wait(self) -> CallGroup:
        if not self.is_done:
            await self._owner.wait_at_home(self._all_ended)
        return self

    async def _all_ended(self) -> None:
        handoff, ended = Handoff(), anyio.Event()
        with self._lock:
            if self._left == 0:
                return
            self._waiters.append((handoff, ended))
        await ended.wait()

    def _one_ended(self, _: Call) -> None:
        with self._lock:
            self._left -= 1
            ready = self._waiters if self._left == 0 else []
            listeners = list(self._listeners)
        for handoff, ended in ready:
            handoff.post(ended.set)
        for listener in listeners:
            listener()


async def as_completed(calls: Iterable[Call]) -> AsyncIterator[Call]:
    """Yield calls as they end, the quickest first; those that have ended already come at once."""
    pending = list(calls)
    ended: Mailbox[Call] = Mailbox(Handoff(), limit_count=len(pending))
    for call in pending:
        call.add_done_callback(partial(ended.put, force=True))
    for _ in pending:
        yield await ended.receive()

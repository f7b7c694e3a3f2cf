"""Many calls of one tool, and calls in the order in which they end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, overload

import anyio

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.ledger import CallRecord, Status
from asyncmcp_nb.printable import counted
from asyncmcp_nb.session.call import Call, CallOwner
from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.session.waiting import Waiter
from asyncmcp_nb.sns_sqs.handoff import Mailbox, handoff_here

if TYPE_CHECKING:
    import pandas as pd


class GroupOwner(CallOwner, Protocol):
    """What a group needs of its session."""

    def joined_frame(self, source: Any, call_ids: Sequence[str]) -> pd.DataFrame:
        """The input with its answers beside it."""
        ...

    def timeline(self, call_ids: Sequence[str]) -> Any:
        """A plot of who waited for what."""
        ...

    def adopt(self, tally: Tally) -> None:
        """Close it with the session."""
        ...


class CallGroup(Sequence[Call]):
    """The calls of one ``map``, in the order of their input.

    Await it until all have ended, iterate ``as_completed(group)``, or take ``await group.frame()``:
    each raises ``SessionClosed`` where the session is closed before.
    """

    def __init__(self, owner: GroupOwner, calls: Sequence[Call], *, name: str, source: Any) -> None:
        self.name = name
        """Its name in the ledger's ``group`` column."""
        self._owner = owner
        self._calls = list(calls)
        self._source = source
        self.tally = Tally(self._calls, name=name)
        """How many have ended, and how."""
        owner.adopt(self.tally)

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
        return f"<CallGroup {self.name}: {counted(len(self), 'call')} ({parts or 'none'})>"

    @property
    def is_done(self) -> bool:
        """Whether all calls have ended, in whatever way."""
        return self.tally.is_done

    def counts(self) -> dict[Status, int]:
        """Calls by status, in the order of the statuses; absent ones left out."""
        return self.tally.counts()

    def __await__(self) -> Generator[Any, Any, CallGroup]:
        return self._wait().__await__()

    def wait(self, timeout: float | None = None) -> CallGroup:
        """Block until all have ended, from plain functions and scripts.

        Args:
            timeout: Seconds to wait; for ever by default.

        Raises:
            TimeoutError: Some have not ended by then; they go on.
            SessionClosed: Some had not ended when the session was closed; they go on.
        """
        with self._owner.watched(self.tally):
            if not self.is_done:
                self._owner.block(self._all_ended, timeout)
        return self

    def on_progress(self, listener: Callable[[], object]) -> None:
        """Call ``listener()`` in some thread whenever a call has ended. Must not block."""
        self.tally.subscribe(listener)

    def cancel(self) -> int:
        """Give up what has not ended; how many calls that were."""
        return sum(call.cancel() for call in self._calls if not call.is_done)

    async def frame(self) -> pd.DataFrame:
        """Wait for all, then the input joined with the answers, in the order of the input."""
        await self
        return self._owner.joined_frame(self._source, [call.id for call in self._calls])

    def timeline(self) -> Any:
        """A plot of how long its calls were queued, sent and running (needs altair).

        Raises:
            MissingDependency: altair is not installed.
        """
        return self._owner.timeline([call.id for call in self._calls])

    async def _wait(self) -> CallGroup:
        with self._owner.watched(self.tally):
            if not self.is_done:
                await self._owner.wait_at_home(self._all_ended)
        return self

    async def _all_ended(self) -> None:
        handoff, ended = handoff_here(), anyio.Event()

        def look() -> None:
            if self.is_done or self.tally.is_closed:
                handoff.post(ended.set)

        self.tally.subscribe(look)
        try:
            look()  # the last may have ended before this was subscribed
            await ended.wait()
        finally:
            self.tally.unsubscribe(look)
        if not self.is_done and (closed := self._owner.closed()) is not None:
            raise closed


class _Arrival(Waiter[CallRecord | Exception]):
    """Puts a call among those that have ended, or says why that will not be seen."""

    def __init__(self, call: Call, arrived: Mailbox[Call | Exception]) -> None:
        super().__init__()
        self.call = call
        self._arrived = arrived

    def find(self, found: CallRecord | Exception) -> None:
        """In place of waking a task."""
        self._arrived.put(found if isinstance(found, Exception) else self.call, force=True)


async def as_completed(calls: Iterable[Call], *, progress: bool = False) -> AsyncIterator[Call]:
    """Yield calls as they end, the quickest first; those that have ended already come at once.

    Args:
        calls: A group, or any calls.
        progress: Show a bar when it takes more than a second.

    Raises:
        SessionClosed: The session was closed; all that ended before have been yielded.
    """
    pending = list(calls)
    watched = _watched(calls, pending) if progress else nullcontext()
    ended: Mailbox[Call | Exception] = Mailbox(handoff_here(), limit_count=len(pending))
    arrivals = [_Arrival(call, ended) for call in pending]
    try:
        refusals = [_expect(arrival, ended) for arrival in arrivals]
        for refusal in filter(None, refusals):
            ended.put(refusal, force=True)
        with watched:
            for _ in pending:
                found = await ended.receive()
                if isinstance(found, Exception):
                    raise found
                yield found
    finally:
        for arrival in arrivals:
            arrival.call.wake_no_more(arrival)


def _expect(arrival: _Arrival, ended: Mailbox[Call | Exception]) -> SessionClosed | None:
    try:
        if not arrival.call.wake_at_end(arrival):
            ended.put(arrival.call, force=True)
    except SessionClosed as exc:
        return exc
    return None


def _watched(calls: Iterable[Call], pending: Sequence[Call]) -> AbstractContextManager[object]:
    if not pending:
        return nullcontext()
    tally = calls.tally if isinstance(calls, CallGroup) else Tally(pending, name="calls")
    return pending[0].watched(tally)

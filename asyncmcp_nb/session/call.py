"""One call: a handle on a row of the ledger, which drives nothing and can be dropped at will."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from mcp_types import CallToolResult
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError, LedgerError
from asyncmcp_nb.ledger import TERMINAL, CallRecord, NewCall, Status
from asyncmcp_nb.session.observers import tell
from asyncmcp_nb.session.outcome import outcome_of
from asyncmcp_nb.session.waiting import Waiter

T = TypeVar("T")

CallWaiter = Waiter[CallRecord | Exception]
"""Who waits for the end of a call: woken with its row, or with why there is none to see."""

OnDone = Callable[["Call"], object]
"""Called once in some thread when a call has ended, or at once where it has.

It must not block. What it raises is logged and costs nobody else anything.
"""

OnChange = Callable[[Status, Status], object]
"""Called in some thread with a call's status before and now. Must not block."""


class CallOwner(Protocol):
    """What a call needs of its session."""

    def record(self, call_id: str) -> CallRecord | None:
        """The call's row."""
        ...

    def failure(self, call_id: str) -> Exception | None:
        """What kept its request from being published in this process, or None."""
        ...

    def cancel(self, call_id: str) -> bool:
        """Give it up; False where it had ended."""
        ...

    def retry(self, call_id: str, overrides: Mapping[str, Any]) -> Call:
        """Submit it again."""
        ...

    def keep(self, call: Call) -> None:
        """Hold it until it has ended: somebody is to be told, who may not hold it."""
        ...

    def closed(self) -> Exception | None:
        """What those who wait for an end are told after the session's; None before."""
        ...

    def session(self) -> Any:
        """The session that they are calls of; None once nobody holds it any more."""
        ...

    def watched(self, tally: Any) -> AbstractContextManager[object]:
        """Show how far the calls of a ``Tally`` are, while somebody waits in here."""
        ...

    async def wait_at_home(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await something, with the session's loop kept awake."""
        ...

    def block(self, make: Callable[[], Coroutine[Any, Any, T]], timeout_seconds: float | None) -> T:
        """Wait for something from plain code."""
        ...


class Call:
    """A tool call that was submitted, in whatever state it is.

    Await it for the MCP ``CallToolResult`` (one with ``is_error`` set where the tool failed). It
    goes on without anybody waiting, and without this object: its row is in the session's ledger.
    """

    __slots__ = (
        "__weakref__",
        "_lock",
        "_on_change",
        "_on_done",
        "_owner",
        "_reading",
        "_status",
        "_waiters",
        "id",
        "tool",
    )

    def __init__(self, owner: CallOwner, record: CallRecord | NewCall) -> None:
        self.id = record.call_id
        """Unique in the ledger."""
        self.tool = record.tool
        """The tool's name."""
        self._owner = owner
        self._status = record.status if isinstance(record, CallRecord) else Status.QUEUED
        self._reading = 0
        """The number of the latest reading of its row."""
        self._lock = threading.Lock()
        self._on_done: list[OnDone] = []
        self._on_change: tuple[OnChange, ...] = ()
        self._waiters: list[CallWaiter] = []

    def __repr__(self) -> str:
        record = self.record
        took = "" if record.latency_seconds is None else f" after {record.latency_seconds:.2f} s"
        what = record.error_message or record.text or ""
        detail = f": {_shortened(what)}" if what else ""
        return f"<Call {self.id} {self.tool} {record.status}{took}{detail}>"

    # -- what is known of it ----------------------------------------------------------------------

    @property
    def record(self) -> CallRecord:
        """The ledger's row, read now.

        Raises:
            LedgerError: The ledger is closed, or does not have it any more.
        """
        record = self._owner.record(self.id)
        if record is None:
            raise LedgerError(f"call {self.id} is not in the ledger")
        return record

    @property
    def session(self) -> Any:
        """The session that it was found by; None once nobody holds that any more."""
        return self._owner.session()

    @property
    def status(self) -> Status:
        """``queued``, ``sent``, ``running``, ``input_required``, or how it ended."""
        return self._status

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._status in TERMINAL

    @property
    def arguments(self) -> dict[str, Any]:
        """What the tool is called with."""
        return self.record.arguments

    @property
    def progress(self) -> float | None:
        """0 to 1 as the server last reported, or None."""
        return self.record.progress

    @property
    def submitted_at(self) -> datetime:
        """When it was submitted, in UTC."""
        return datetime.fromtimestamp(self.record.submitted_at, UTC)

    @property
    def latency(self) -> timedelta | None:
        """From submission to the answer; None while there is none."""
        seconds = self.record.latency_seconds
        return None if seconds is None else timedelta(seconds=seconds)

    @property
    def error(self) -> Exception | None:
        """What ``result`` would raise; None while it runs and where it has a result."""
        if not self.is_done:
            return None
        try:
            self.outcome()
        except (AsyncMcpError, ValidationError) as exc:
            return exc
        return None

    # -- waiting for it ---------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, CallToolResult]:
        return self.wait().__await__()

    async def wait(self) -> CallToolResult:
        """Wait for the result, on any event loop.

        Returns:
            The result; with ``is_error`` set where the tool says that it failed.

        Raises:
            CallFailed: The server or the transport answered with an error.
            CallTimedOut: Its deadline passed.
            CallCancelled: It was cancelled.
            BusError: Its request could not be published.
            PayloadTooLarge: Its request is above the topic's limit.
            SessionClosed: It had not ended when its session was closed; it goes on.
        """
        record = None if self.is_done else await self._owner.wait_at_home(self._ended)
        return self.outcome(record)

    def result(self, timeout: float | None = None) -> CallToolResult:
        """Block for the result, from plain functions called in a cell, and from scripts.

        Args:
            timeout: Seconds to wait; for ever by default. The call goes on after a timeout.

        Raises:
            TimeoutError: It has not ended by then.
            CallError: As ``wait``.
            SessionClosed: As ``wait``.
        """
        record = None
        if not self.is_done:
            try:
                record = self._owner.block(self._ended, timeout)
            except TimeoutError:
                raise TimeoutError(
                    f"call {self.id} is still {self.status} after {timeout} s; it goes on"
                ) from None
        return self.outcome(record)

    def add_done_callback(self, on_done: OnDone) -> None:
        """Call ``on_done(call)`` in some thread once it has ended; at once where it has."""
        with self._lock:
            if not self.is_done:
                self._on_done.append(on_done)
                self._owner.keep(self)
                return
        tell(on_done, self)

    def cancel(self) -> bool:
        """Give it up: it becomes ``cancelled`` and the worker that runs it is told.

        Returns:
            False where it had ended already.
        """
        return self._owner.cancel(self.id)

    def retry(self, **overrides: Any) -> Call:
        """Submit it again as a new call, with some arguments replaced."""
        return self._owner.retry(self.id, overrides)

    # -- for its session --------------------------------------------------------------------------

    def watched(self, tally: Any) -> AbstractContextManager[object]:
        """Show how far this and other calls are; the business of ``as_completed``."""
        return self._owner.watched(tally)

    def watch(self, on_change: OnChange) -> Status:
        """Call ``on_change`` at each change of the status from now on; the business of a group.

        Returns:
            The status now.
        """
        with self._lock:
            if not self.is_done:
                self._on_change = (*self._on_change, on_change)
                self._owner.keep(self)
            return self._status

    def update(
        self, record: CallRecord, number: int, news: list[Callable[[], None]]
    ) -> Sequence[CallWaiter]:
        """Take the row as it was read, from any thread; the session's business.

        Args:
            record: The row.
            number: Of the reading; what was read before the latest is passed over.
            news: What to call once all rows of the reading were taken is added here.

        Returns:
            Those who waited for its end, to be woken with the row.
        """
        status = record.status
        with self._lock:
            if self.is_done or number < self._reading:
                return ()
            self._reading = number
            before, self._status = self._status, status
            watchers = self._on_change if before is not status else ()
            ready: list[OnDone] = []
            waiters: list[CallWaiter] = []
            if status in TERMINAL:
                ready, self._on_done, self._on_change = self._on_done, [], ()
                waiters, self._waiters = self._waiters, []
        news.extend(partial(tell, on_change, before, status) for on_change in watchers)
        news.extend(partial(tell, on_done, self) for on_done in ready)
        return waiters

    def wake_at_end(self, waiter: CallWaiter) -> bool:
        """Have a task woken with the row when it has ended; False where it has.

        Raises:
            SessionClosed: It has not, and nobody would see it here.
        """
        with self._lock:
            if self.is_done:
                return False
            if (closed := self._owner.closed()) is not None:
                raise closed
            self._waiters.append(waiter)
            return True

    def wake_no_more(self, waiter: CallWaiter) -> None:
        """Forget a task that does not wait any more."""
        with self._lock, suppress(ValueError):
            self._waiters.remove(waiter)

    def abandon(self) -> Sequence[CallWaiter]:
        """Forget those who wait for its end, to be woken with why; the session's business."""
        with self._lock:
            waiters, self._waiters = self._waiters, []
        return waiters

    async def _ended(self) -> CallRecord | None:
        """Wait for the end; the row then, None where it had ended already."""
        waiter: CallWaiter = Waiter()
        if not self.wake_at_end(waiter):
            return None
        try:
            found = await waiter.wait()
        finally:
            self.wake_no_more(waiter)
        if isinstance(found, Exception):
            raise found
        return found

    def outcome(self, record: CallRecord | None = None) -> CallToolResult:
        """What ``wait`` gives, of a call that has ended.

        Args:
            record: Its row, where that has been read since.

        Raises:
            CallError: As ``wait``.
        """
        return outcome_of(record or self.record, self._owner.failure)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"

"""The calls of a session as objects: made from ledger rows, kept up to date by the desk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet, WeakValueDictionary, ref

from asyncmcp_nb.errors import LedgerError, SessionClosed
from asyncmcp_nb.ledger import CallRecord, Ledger, NewCall
from asyncmcp_nb.session.admission import Asked, interrupted
from asyncmcp_nb.session.call import Call, CallWaiter
from asyncmcp_nb.session.catalogue import Catalogue
from asyncmcp_nb.session.changes import Changes
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.new_calls import new_call
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.plain import plain_arguments
from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.session.waiting import Gathering, Waiter, wake

if TYPE_CHECKING:
    import pandas as pd
    from mcp_types import CallToolResult

T = TypeVar("T")


class CallBook:
    """What calls and groups need of their session: their rows, the desk, the loop to wait on."""

    def __init__(
        self, desk: CallDesk, catalogue: Catalogue, home: Home, *, parts: SessionParts
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._home = home
        self._views = parts.views
        self._displays = parts.displays
        self._name = parts.name
        self._lock = threading.Lock()
        self._is_closed = False
        self._calls: WeakValueDictionary[str, Call] = WeakValueDictionary()
        self._kept: dict[str, Call] = {}
        self._tallies: WeakSet[Tally] = WeakSet()
        self._session: Callable[[], object | None] = lambda: None
        self._gathering: Gathering[Asked] = Gathering(desk.ask, lose=interrupted)

    def belong_to(self, session: object) -> None:
        """Be the book of this session, which it does not keep alive."""
        self._session = ref(session)

    def get(self, call_id: str) -> Call:
        """A call by its id.

        Raises:
            LedgerError: The ledger has none of this id.
        """
        found = self.get_many([call_id])
        if not found:
            raise LedgerError(f"no call {call_id!r} in {self._desk.ledger.path}")
        return found[0]

    def get_many(self, call_ids: Iterable[str]) -> list[Call]:
        """Calls by their ids; ids that the ledger does not have are left out."""
        made: list[str] = []
        calls = [self._entered(record, made) for record in self._desk.ledger.get_many(call_ids)]
        if made:
            # One may have ended between the read and its entry, when nobody would have told it.
            self.take_changes(self._desk.changed.read(made))
        return calls

    def submit(self, calls: Sequence[NewCall], *, max_in_flight: int | None = None) -> list[Call]:
        """Submit calls; see ``CallDesk.submit``. What becomes of them is read from nowhere.

        Raises:
            InvalidArguments: Arguments are not JSON; nothing was recorded.
            LedgerError: The ledger could not be written; nothing was recorded.
        """
        with self._begun(calls) as traced:
            return self._submit(traced, max_in_flight)

    async def call(self, new: NewCall) -> CallToolResult:
        """Submit a call, with those that other tasks of this loop submit meanwhile; its result.

        Raises:
            InvalidArguments: Its arguments are not JSON; it was not recorded.
            LedgerError: The ledger could not be written; it was not recorded.
            CallError: As ``Call.wait``.
            SessionClosed: As ``Call.wait``.
        """
        with self._begun([new]) as [traced]:
            call = self._entered(new, [])
            waiter: CallWaiter = Waiter()
            call.wake_at_end(waiter)
            self._gathering.put(Asked(traced, waiter))
            found = await self.wait_at_home(waiter.wait)
            if isinstance(found, Exception):
                raise found
        return call.outcome(found)

    @contextmanager
    def _begun(self, calls: Sequence[NewCall]) -> Generator[Sequence[NewCall]]:
        """Begin the spans of calls, in the caller's; end them where the calls are refused."""
        traced = self._desk.traces.begin(calls)
        try:
            yield traced
        except Exception as exc:
            self._desk.traces.refuse(traced, exc)
            raise

    def _submit(self, calls: Sequence[NewCall], max_in_flight: int | None = None) -> list[Call]:
        # Before anything happens to them, so that they are told of all of it.
        handles = [self._entered(call, []) for call in calls]
        self._desk.submit(calls, max_in_flight=max_in_flight)
        return handles

    def take_changes(self, changes: Changes) -> None:
        """Bring the objects there are up to date, from any thread."""
        news: list[Callable[[], None]] = []
        ended: list[tuple[CallWaiter, CallRecord | Exception]] = []
        for record in changes.records:
            call = self._calls.get(record.call_id)
            if call is not None:
                ended += [(waiter, record) for waiter in call.update(record, changes.number, news)]
                if call.is_done:
                    self._kept.pop(call.id, None)
        try:
            for tell in news:
                tell()
        finally:  # Ctrl-C in a callback ends the others, but nobody's waiting
            wake(ended)

    def _entered(self, record: CallRecord | NewCall, made: list[str]) -> Call:
        """The one object there is of a call, noted among those made where there was none."""
        with self._lock:
            call = self._calls.get(record.call_id)
            if call is None:
                call = self._calls[record.call_id] = Call(self, record)
                made.append(record.call_id)
            return call

    # -- CallOwner and GroupOwner -----------------------------------------------------------------

    def session(self) -> Any:
        """See ``CallOwner``."""
        return self._session()

    def keep(self, call: Call) -> None:
        """See ``CallOwner``."""
        if not self._is_closed:
            self._kept[call.id] = call

    def closed(self) -> SessionClosed | None:
        """See ``CallOwner``."""
        return self._session_closed() if self._is_closed else None

    def record(self, call_id: str) -> CallRecord | None:
        """See ``CallOwner``. It is read after the close too, where there is a file."""
        ledger = self._desk.ledger
        try:
            return ledger.get(call_id)
        except LedgerError:
            if not (self._is_closed and Path(ledger.path).is_file()):
                raise
        with Ledger.open(ledger.path) as reopened:
            return reopened.get(call_id)

    def failure(self, call_id: str) -> Exception | None:
        """See ``CallOwner``."""
        return self._desk.failure(call_id)

    def cancel(self, call_id: str) -> bool:
        """See ``CallOwner``."""
        return self._desk.cancel(call_id)

    def retry(self, call_id: str, overrides: Mapping[str, Any]) -> Call:
        """See ``CallOwner``."""
        record = self.get(call_id).record
        arguments = plain_arguments({**record.arguments, **overrides})
        self._catalogue.check(record.tool, arguments)
        deadline = record.deadline
        call = new_call(
            record.tool,
            arguments,
            session=self._desk.connection_id,
            timeout_seconds=None if deadline is None else deadline - record.submitted_at,
            group=record.group,
            retry_of=call_id,
        )
        [again] = self.submit([call])
        return again

    def joined_frame(self, source: Any, call_ids: Sequence[str]) -> pd.DataFrame:
        """See ``GroupOwner``."""
        return self._views.join(source, self._desk.ledger.get_many(call_ids))

    def timeline(self, call_ids: Sequence[str]) -> Any:
        """See ``GroupOwner``."""
        return self._views.timeline(self._desk.ledger.get_many(call_ids), None)

    def adopt(self, tally: Tally) -> None:
        """See ``GroupOwner``."""
        self._tallies.add(tally)
        if self._is_closed:
            tally.close()

    def close(self) -> None:
        """Say to those who wait for calls, or follow groups, that no more calls end here."""
        self._is_closed = True
        # Whoever begins to wait from now on is refused by the call, so none is missed.
        with self._lock:
            calls = list(self._calls.values())
        self._kept.clear()
        wake((waiter, self._session_closed()) for call in calls for waiter in call.abandon())
        for tally in list(self._tallies):
            tally.close()

    def _session_closed(self) -> SessionClosed:
        return SessionClosed(
            "this session is closed; its calls go on: connect again as "
            f"{self._name!r}, and session.get(call.id) finds them"
        )

    def watched(self, tally: Tally) -> AbstractContextManager[object]:
        """See ``CallOwner``."""
        return self._displays.progress(tally)

    async def wait_at_home(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See ``CallOwner``."""
        if not self._home.is_here:
            return await make()
        with self._home.beating():
            return await make()

    def block(self, make: Callable[[], Coroutine[Any, Any, T]], timeout_seconds: float | None) -> T:
        """See ``CallOwner``."""
        return self._home.wait_for(make, timeout_seconds)

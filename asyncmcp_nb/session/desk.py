"""Where calls are handled: submitted, sent, recorded, ended. Threads do it, without a loop.

A call is a row of the ledger from the moment it is submitted. A ticker thread records what tasks
ask for, takes queued rows and posts their requests; publisher threads say when they were accepted,
poller threads bring the answers and record them before they are acknowledged. Nothing here waits
for a cell.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import count
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.errors import AsyncMcpError, BusClosed, BusError, LedgerError, PayloadTooLarge
from asyncmcp_nb.ledger import (
    OUTSTANDING,
    Binding,
    CallFilter,
    CallRecord,
    Ledger,
    NewCall,
    Outcome,
    Sent,
    Status,
)
from asyncmcp_nb.session.admission import Admission, Asked
from asyncmcp_nb.session.arrivals import arrival_of, calls_with
from asyncmcp_nb.session.changes import Changed, Changes
from asyncmcp_nb.session.envelope import (
    MODERN_ERA,
    Reply,
    Stamp,
    call_request,
    cancellation,
    request_id,
)
from asyncmcp_nb.session.outbox import Outbox
from asyncmcp_nb.session.tracing import CallTraces
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.ticker import Ticker
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

_BATCH_COUNT: Final = 100
"""Calls that are read, bound and posted at a time."""
_BACKLOG_COUNT: Final = 200
"""Requests that wait for the publisher before the desk waits too."""
_RESUMED_IN_FLIGHT: Final = 200
_FAILURES_COUNT: Final = 1_000
_CLOSE_SECONDS: Final = 1.0

OnChange = Callable[[Changes], None]
"""Called in some thread with the rows that changed, as they are now. Must not block."""


class CallDesk:
    """Drives the calls of one session."""

    def __init__(
        self, ledger: Ledger, stamp: Stamp, on_change: OnChange, *, connection_id: str
    ) -> None:
        self.ledger = ledger
        self.connection_id = connection_id
        self._stamp = stamp
        self._on_change = on_change
        self.changed = Changed(ledger)
        self._link: ClientLink | None = None
        self._outbox = Outbox()
        self._admission = Admission(ledger)
        self._is_stopped = False
        self._resumed: set[str] = set()
        self._sent: deque[tuple[str, float, list[int]]] = deque()
        self._failures: dict[str, Exception] = {}
        self._numbers = count(1)
        self._ticker = Ticker(self._work, name="asyncmcp-desk")
        self.traces = CallTraces(stamp.era)
        """What this session has seen of its calls."""
        telemetry.OUTSTANDING_CALLS.add(self)

    @property
    def waiting_count(self) -> int:
        """Calls not handed to the publisher yet."""
        return self._outbox.waiting_count

    @property
    def outstanding_count(self) -> int:
        """Calls of the ledger that have not ended; none where it is closed."""
        try:
            return self.ledger.count(CallFilter(statuses=OUTSTANDING))
        except LedgerError:
            return 0

    def start(self, link: ClientLink) -> list[str]:
        """Begin to send, first of all what an earlier session left unsent.

        Returns:
            The calls that are outstanding from earlier sessions.
        """
        self._link = link
        outstanding = self.ledger.outstanding()
        unsent = [record.call_id for record in outstanding if record.status is Status.QUEUED]
        self._resumed.update(unsent)
        if unsent:
            self._outbox.put(unsent, max_in_flight=_RESUMED_IN_FLIGHT)
        self._ticker.poke()
        return [record.call_id for record in outstanding]

    def stop_sending(self) -> None:
        """Hand no more to the link. Queued calls stay queued for the next session."""
        self._ticker.close(_CLOSE_SECONDS)
        self._is_stopped = True
        self._admit()

    def close(self) -> None:
        """Note what was sent, also by a link that closed since."""
        self.stop_sending()
        self._commit_sent()
        if left := self.traces.open_ids:
            self.traces.close(self.ledger.get_many(left))

    def failure(self, call_id: str) -> Exception | None:
        """What kept a call's request from being published, where this process saw it."""
        return self._failures.get(call_id)

    # -- from the caller --------------------------------------------------------------------------

    def submit(self, calls: Sequence[NewCall], *, max_in_flight: int | None = None) -> None:
        """Record calls, which ``traces`` has begun, and queue them; durable when this returns.

        Raises:
            InvalidArguments: Arguments are not JSON; nothing was recorded.
            LedgerError: The ledger could not be written; nothing was recorded.
        """
        self.ledger.add(calls)
        self._outbox.put([call.call_id for call in calls], max_in_flight=max_in_flight)
        self._ticker.poke()

    def ask(self, asked: Sequence[Asked]) -> None:
        """Have calls, which ``traces`` has begun, recorded and sent by the desk's thread."""
        self._admission.ask(asked)
        self._ticker.poke()
        if self._is_stopped:
            self._admit()

    def cancel(self, call_id: str, reason: str = "cancelled by the user") -> bool:
        """Give a call up and tell the workers; False where it had ended."""
        if not self.ledger.finish(call_id, Status.CANCELLED, at=time.time()):
            return False
        self._tell_workers(call_id, reason)
        self._announce([call_id], ended=[call_id])
        return True

    def fail(self, call_id: str, message: str, *, code: int | None = None) -> None:
        """End a call from this side with an error."""
        is_over = self.ledger.finish(
            call_id, Status.FAILED, at=time.time(), error_code=code, error_message=message
        )
        self._announce([call_id], ended=[call_id] if is_over else [])

    def resend(self, record: CallRecord, reply: Reply) -> None:
        """Answer an ``input_required`` result: the same call under a new request id."""
        self._post(record, self._bind([record])[record.call_id], reply)

    # -- from the queue ---------------------------------------------------------------------------

    def record(self, batch: Sequence[Incoming]) -> int:
        """Record messages about calls; they are durable when this returns.

        Returns:
            How many of them belong to no call.

        Raises:
            LedgerError: Nothing was recorded.
        """
        now = time.time()
        arrivals = [arrival for incoming in batch if (arrival := arrival_of(incoming, now))]
        outcomes = self.ledger.record(arrivals)
        fresh = calls_with(outcomes, Outcome.COMPLETED, Outcome.UPDATED)
        if fresh:
            self._announce(fresh, ended=calls_with(outcomes, Outcome.COMPLETED))
        self.traces.note_duplicates(sum(one.outcome is Outcome.DUPLICATE for one in outcomes))
        unsolicited_count = sum(one.outcome is Outcome.UNSOLICITED for one in outcomes)
        if unsolicited_count:
            telemetry.CLIENT_UNSOLICITED.add(unsolicited_count)
        return unsolicited_count

    # -- in the ticker's thread -------------------------------------------------------------------

    def _work(self, now: float) -> float | None:
        self._commit_sent()
        self._admit()
        deadline = self._expire_due()
        while self._link is not None and self._has_room():
            call_ids = self._outbox.take(_BATCH_COUNT)
            if not call_ids:
                break
            self._send(call_ids)
        return None if deadline is None else now + max(0.0, deadline - time.time())

    def _admit(self) -> None:
        """Record what tasks ask for; what may go at once is bound in the same write, and goes."""
        while asked := self._admission.take(_BATCH_COUNT):
            may_go = self._may_go([one.call for one in asked])
            recorded = self._admission.record(asked, self._new_binding if may_go else None)
            bound = [(call, binding) for call, binding in recorded if binding is not None]
            if may_go:
                self.traces.sent_as(binding for _, binding in bound)
                self._post_all(bound)
            else:
                self._outbox.put([call.call_id for call, _ in recorded])

    def _may_go(self, calls: Sequence[NewCall]) -> bool:
        """Whether calls would be the next to be sent, and none of them is over already."""
        if self._link is None or self._is_stopped or self._outbox.waiting_count:
            return False
        now = time.time()
        return self._has_room() and all(
            call.deadline is None or call.deadline > now for call in calls
        )

    def _has_room(self) -> bool:
        return self._require_link().statistics().unsent_count < _BACKLOG_COUNT

    def _send(self, call_ids: list[str]) -> None:
        records = [r for r in self.ledger.get_many(call_ids) if r.status is Status.QUEUED]
        bindings = self._bind(records)
        self._post_all([(record, bindings[record.call_id]) for record in records])
        gone = set(call_ids) - {record.call_id for record in records}
        self._outbox.settle(gone)

    def _bind(self, records: Sequence[CallRecord]) -> dict[str, Binding]:
        """Say in the ledger under which request each call is about to be sent."""
        bindings = {
            record.call_id: self._earlier_binding(record) or self._new_binding(record)
            for record in records
        }
        self.ledger.bind(bindings.values())
        self.traces.sent_as(bindings.values())
        return bindings

    def _new_binding(self, call: NewCall | CallRecord) -> Binding:
        return Binding(self.connection_id, request_id(next(self._numbers)), call.call_id)

    def _earlier_binding(self, record: CallRecord) -> Binding | None:
        """The request that a crash may have let out unnoticed: sent again, it runs once."""
        if record.call_id not in self._resumed:
            return None
        self._resumed.discard(record.call_id)
        earlier = self.ledger.bindings_of(record.call_id)
        # A 2025-era request belongs to a session that ended with its connection.
        return earlier[-1] if earlier and self._stamp.era == MODERN_ERA else None

    def _post_all(self, bound: Sequence[tuple[NewCall | CallRecord, Binding]]) -> None:
        with self._require_link().gathering():
            for call, binding in bound:
                self._post(call, binding, None)

    def _post(self, record: NewCall | CallRecord, binding: Binding, reply: Reply | None) -> None:
        request = call_request(
            binding.request_id,
            record.tool,
            record.arguments,
            stamp=self._stamp,
            deadline=record.deadline,
            reply=reply,
            trace_context=record.trace_context,
        )
        size: list[int] = []
        done = partial(self._published, record.call_id, size)
        try:
            link = self._require_link()
            size.append(link.post(request, done, connection_id=binding.connection_id))
        except PayloadTooLarge as exc:
            self._give_up(record.call_id, exc)

    def _published(self, call_id: str, size: list[int], error: BusError | None) -> None:
        """In a publisher's thread."""
        if isinstance(error, BusClosed):
            # It stays queued, bound to this request: the next session sends the same again.
            return
        if error is not None:
            self._give_up(call_id, error)
        else:
            self._sent.append((call_id, time.time(), size))
        self._ticker.poke()

    def _give_up(self, call_id: str, error: AsyncMcpError) -> None:
        self._failures[call_id] = error
        while len(self._failures) > _FAILURES_COUNT:
            del self._failures[next(iter(self._failures))]
        self.fail(call_id, str(error))

    def _commit_sent(self) -> None:
        noted = [self._sent.popleft() for _ in range(len(self._sent))]
        if noted:
            self.ledger.mark_sent(Sent(call_id, at, sum(size)) for call_id, at, size in noted)
            self._announce([call_id for call_id, _, _ in noted])

    def _expire_due(self) -> float | None:
        """End the calls whose time is over; the deadline of the next, in Unix seconds."""
        deadline = self.ledger.next_deadline()
        # A read takes a fraction of the write that would mostly find nothing.
        if deadline is None or deadline > time.time():
            return deadline
        for call_id in (expired := self.ledger.expire(time.time())):
            self._tell_workers(call_id, "its deadline has passed")
        if expired:
            self._announce(expired, ended=expired)
        return self.ledger.next_deadline()

    # -- common -----------------------------------------------------------------------------------

    def _announce(self, call_ids: Iterable[str], *, ended: Collection[str] = ()) -> None:
        """Tell of calls that changed, and of those among them that have just ended."""
        changes = self.changed.read(call_ids)
        finished = [record.call_id for record in changes.records if record.is_finished]
        if finished and self._outbox.settle(finished):
            self._ticker.poke()
        for record in changes.records:
            if record.call_id in ended:
                self.traces.end(record, self._failures.get(record.call_id))
        self._on_change(changes)

    def _tell_workers(self, call_id: str, reason: str) -> None:
        if self._link is None:
            return
        for binding in self.ledger.bindings_of(call_id):
            message = cancellation(binding.request_id, reason)
            self._link.post(message, _ignore, connection_id=binding.connection_id)

    def _require_link(self) -> ClientLink:
        if self._link is None:
            raise LedgerError("the session has not started")
        return self._link


def _ignore(error: BusError | None) -> None:
    """A cancellation that is lost costs a run whose answer nobody takes."""

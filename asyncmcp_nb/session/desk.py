"""Where calls are handled: submitted, sent, recorded, ended. Threads do it, without a loop.

A call is a row of the ledger from the moment it is submitted. A ticker thread records what tasks
ask for, takes queued rows and posts their requests; publisher threads say when they were accepted,
poller threads bring the answers and record them before they are acknowledged. Nothing here waits
for a cell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger import (
    OUTSTANDING,
    Binding,
    CallFilter,
    CallRecord,
    Ledger,
    NewCall,
    Outcome,
    Status,
)
from asyncmcp_nb.logs import plain
from asyncmcp_nb.session.admission import Admission, Asked
from asyncmcp_nb.session.arrivals import arrival_of, calls_with
from asyncmcp_nb.session.changes import Changed, Changes
from asyncmcp_nb.session.dispatch import Dispatch
from asyncmcp_nb.session.envelope import Reply, Stamp
from asyncmcp_nb.session.outbox import Outbox
from asyncmcp_nb.session.tracing import CallTraces
from asyncmcp_nb.session.unrecorded import News
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.ticker import Ticker
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

_BATCH_COUNT: Final = 100
"""Calls that are read, bound and posted at a time."""
_RESUMED_IN_FLIGHT: Final = 200
_ROOM_SECONDS: Final = 0.1
"""Until the desk looks again whether the publisher has room: not all that fills it pokes."""
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
        self._on_change = on_change
        self.changed = Changed(ledger)
        self._outbox = Outbox()
        self._admission = Admission(ledger)
        self._is_stopped = False
        self._ticker = Ticker(self._work, name="asyncmcp-desk")
        self.traces = CallTraces(stamp.era)
        """What this session has seen of its calls."""
        self._dispatch = Dispatch(
            ledger, stamp, self.traces, connection_id=connection_id, on_news=self._ticker.poke
        )
        self._unrecorded = self._dispatch.unrecorded
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
        self._dispatch.link = link
        outstanding = self.ledger.outstanding()
        unsent = [record.call_id for record in outstanding if record.status is Status.QUEUED]
        self._dispatch.resume(unsent)
        if unsent:
            self._outbox.put(unsent, max_in_flight=_RESUMED_IN_FLIGHT)
        self._ticker.poke()
        return [record.call_id for record in outstanding]

    def stop_sending(self) -> None:
        """Hand no more to the link. Queued calls stay queued for the next session."""
        self._ticker.close(_CLOSE_SECONDS)
        self._is_stopped = self._dispatch.is_closing = True
        self._admit()

    def close(self) -> None:
        """Note what was sent, also by a link that closed since."""
        self.stop_sending()
        self._catch_up()
        if left := self.traces.open_ids:
            self.traces.close(self.ledger.get_many(left))

    def failure(self, call_id: str) -> Exception | None:
        """What kept a call's request from being published, where this process saw it."""
        return self._unrecorded.failure(call_id)

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
        self._announce([call_id], ended=[call_id])
        self._dispatch.tell_workers(call_id, reason)
        return True

    def fail(self, call_id: str, message: str, *, code: int | None = None) -> None:
        """End a call from this side with an error."""
        is_over = self.ledger.finish(
            call_id, Status.FAILED, at=time.time(), error_code=code, error_message=message
        )
        self._announce([call_id], ended=[call_id] if is_over else [])

    def resend(self, record: CallRecord, reply: Reply, *, binding: Binding | None = None) -> None:
        """Answer an ``input_required`` result: the same call as a new request, or a given one."""
        bound = {record.call_id: binding} if binding else self._dispatch.bind([record])
        for each in bound.values():
            self._dispatch.post(record, each, reply)

    # -- from the queue ---------------------------------------------------------------------------

    def record(self, batch: Sequence[Incoming]) -> int:
        """Record messages about calls; they are durable when this returns.

        Whoever waits for one of them is told then, or as soon as the ledger can be read.

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
        self._catch_up()
        self._admit()
        deadline = self._expire_due()
        due = None if deadline is None else now + max(0.0, deadline - time.time())
        while self._dispatch.link is not None and self._outbox.waiting_count:
            if not self._dispatch.has_room:
                return now + _ROOM_SECONDS if due is None else min(due, now + _ROOM_SECONDS)
            call_ids = self._outbox.take(_BATCH_COUNT)
            if not call_ids:
                break
            self._send(call_ids)
        return due

    def _admit(self) -> None:
        """Record what tasks ask for; what may go at once is bound in the same write, and goes."""
        while asked := self._admission.take(_BATCH_COUNT):
            may_go = self._may_go([one.call for one in asked])
            bind = self._dispatch.new_binding if may_go else None
            recorded = self._admission.record(asked, bind)
            bound = [(call, binding) for call, binding in recorded if binding is not None]
            if may_go:
                self.traces.sent_as(binding for _, binding in bound)
                self._dispatch.post_all(bound)
            else:
                self._outbox.put([call.call_id for call, _ in recorded])

    def _may_go(self, calls: Sequence[NewCall]) -> bool:
        """Whether calls would be the next to be sent, and none of them is over already."""
        if self._dispatch.link is None or self._is_stopped or self._outbox.waiting_count:
            return False
        now = time.time()
        return self._dispatch.has_room and all(
            call.deadline is None or call.deadline > now for call in calls
        )

    def _send(self, call_ids: list[str]) -> None:
        try:
            records = [r for r in self.ledger.get_many(call_ids) if r.status is Status.QUEUED]
            bindings = self._dispatch.bind(records)
        except LedgerError:
            self._outbox.give_back(call_ids)
            raise
        self._outbox.settle(set(call_ids) - set(bindings))
        bound = [record for record in records if record.call_id in bindings]
        self._dispatch.post_all([(record, bindings[record.call_id]) for record in bound])

    def _catch_up(self) -> None:
        """Record what became of requests, and tell of it."""
        self._unrecorded.record()
        self._unrecorded.tell(self._tell)

    def _expire_due(self) -> float | None:
        """End the calls whose time is over; the deadline of the next, in Unix seconds."""
        deadline = self.ledger.next_deadline()
        # A read takes a fraction of the write that would mostly find nothing.
        if deadline is None or deadline > time.time():
            return deadline
        if expired := self.ledger.expire(time.time()):
            self._announce(expired, ended=expired)
        for call_id in expired:
            self._dispatch.tell_workers(call_id, "its deadline has passed")
        return self.ledger.next_deadline()

    # -- common -----------------------------------------------------------------------------------

    def _announce(self, call_ids: Collection[str], *, ended: Collection[str] = ()) -> None:
        """Tell of calls whose changes are recorded, and of those that have just ended."""
        news = News(call_ids, ended)
        try:
            self._tell(news)
        except LedgerError as exc:
            # Their messages do not come again, so whoever waits is told later.
            logger.warning("changes of %d calls are told later: %s", len(call_ids), plain(exc))
            self._unrecorded.untold(news)
            self._ticker.poke()

    def _tell(self, news: News) -> None:
        changes = self.changed.read(news.call_ids)
        finished = [record.call_id for record in changes.records if record.is_finished]
        if finished and self._outbox.settle(finished):
            self._ticker.poke()
        for record in changes.records:
            if record.call_id in news.ended:
                self.traces.end(record, self.failure(record.call_id))
        self._on_change(changes)

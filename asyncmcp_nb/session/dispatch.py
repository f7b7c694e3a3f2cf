"""The way of a request out: bound to its call in the ledger, posted, and followed from there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count
from typing import Final

from asyncmcp_nb.errors import (
    BusClosed,
    BusError,
    BusThrottled,
    BusUnavailable,
    EncodeError,
    LedgerError,
    PayloadTooLarge,
)
from asyncmcp_nb.ledger import Binding, CallRecord, Ledger, NewCall
from asyncmcp_nb.logs import plain
from asyncmcp_nb.session.envelope import (
    MODERN_ERA,
    Reply,
    Stamp,
    call_request,
    cancellation,
    request_id,
)
from asyncmcp_nb.session.tracing import CallTraces
from asyncmcp_nb.session.unrecorded import Unrecorded
from asyncmcp_nb.sns_sqs.client_link import ClientLink

logger = logging.getLogger(__name__)

_BACKLOG_COUNT: Final = 200
"""Requests that wait for the publisher before the desk waits too."""


class Dispatch:
    """Sends requests of calls through the link of one session."""

    def __init__(
        self,
        ledger: Ledger,
        stamp: Stamp,
        traces: CallTraces,
        *,
        connection_id: str,
        on_news: Callable[[], None],
    ) -> None:
        """Make it; it can send once it has a link.

        Args:
            ledger: Has the calls.
            stamp: What the requests carry.
            traces: Told of what is sent.
            connection_id: Whose requests they are.
            on_news: Called in some thread when ``unrecorded`` has something new. Must not block.
        """
        self._ledger = ledger
        self._stamp = stamp
        self._traces = traces
        self._connection_id = connection_id
        self._on_news = on_news
        self._numbers = count(1)
        self._resumed: set[str] = set()
        self.link: ClientLink | None = None
        """None before the session has started."""
        self.is_closing = False
        """Whether what cannot be published any more is left to the next session."""
        self.unrecorded = Unrecorded(ledger)
        """What has become of the requests."""

    @property
    def has_room(self) -> bool:
        """Whether the publisher may be given more."""
        return self._require_link().statistics().unsent_count < _BACKLOG_COUNT

    def resume(self, call_ids: Iterable[str]) -> None:
        """Note calls that an earlier session may have sent without knowing it."""
        self._resumed.update(call_ids)

    def new_binding(self, call: NewCall | CallRecord) -> Binding:
        """A request that there was not yet."""
        return Binding(self._connection_id, request_id(next(self._numbers)), call.call_id)

    def bind(self, records: Sequence[CallRecord]) -> dict[str, Binding]:
        """Say in the ledger under which request each call is about to be sent.

        Returns:
            The requests by their calls, of those that have not ended meanwhile.

        Raises:
            LedgerError: Nothing was bound.
        """
        bindings = [self._earlier_binding(record) or self.new_binding(record) for record in records]
        bound = self._ledger.bind(bindings)
        self._resumed.difference_update(record.call_id for record in records)
        self._traces.sent_as(bound)
        return {binding.call_id: binding for binding in bound}

    def post_all(self, bound: Sequence[tuple[NewCall | CallRecord, Binding]]) -> None:
        """Send calls as requests that they are bound to."""
        with self._require_link().gathering():
            for call, binding in bound:
                self.post(call, binding)

    def post(
        self, record: NewCall | CallRecord, binding: Binding, reply: Reply | None = None
    ) -> None:
        """Send a call as a request that it is bound to, with the reply to what the server asked."""
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
        except (PayloadTooLarge, EncodeError) as exc:
            self.unrecorded.failed(record.call_id, exc)
            self._on_news()

    def tell_workers(self, call_id: str, reason: str) -> None:
        """Say that nobody waits for a call any more."""
        if self.link is None:
            return
        try:
            bindings = self._ledger.bindings_of(call_id)
        except LedgerError as exc:
            logger.warning("workers are not told that a call was given up: %s", plain(exc))
            return
        for binding in bindings:
            message = cancellation(binding.request_id, reason)
            self.link.post(message, _ignore, connection_id=binding.connection_id)

    def _earlier_binding(self, record: CallRecord) -> Binding | None:
        """The request that a crash may have let out unnoticed: sent again, it runs once."""
        if record.call_id not in self._resumed:
            return None
        earlier = self._ledger.bindings_of(record.call_id)
        # A 2025-era request belongs to a session that ended with its connection.
        return earlier[-1] if earlier and self._stamp.era == MODERN_ERA else None

    def _published(self, call_id: str, size: list[int], error: BusError | None) -> None:
        """In a publisher's thread."""
        is_cut_off = self.is_closing and isinstance(error, BusUnavailable | BusThrottled)
        if is_cut_off or isinstance(error, BusClosed):
            # It stays queued, bound to this request: the next session sends the same again.
            return
        if error is None:
            self.unrecorded.sent(call_id, size)
        else:
            self.unrecorded.failed(call_id, error)
        self._on_news()

    def _require_link(self) -> ClientLink:
        if self.link is None:
            raise LedgerError("the session has not started")
        return self.link


def _ignore(error: BusError | None) -> None:
    """A cancellation that is lost costs a run whose answer nobody takes."""

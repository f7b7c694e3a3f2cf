"""The requests in a worker's hands: known by identity, held by lease, let go in one of three ways.

A request that comes is new, or joins one that runs here, or has its answer already, or runs in
another worker. One that is let go is acknowledged, or made visible again; until then its leases are
extended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from asyncmcp_nb import telemetry
from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import AsyncMcpError, BusError
from asyncmcp_nb.limits import BATCH_COUNT
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.acks import ignore, make_acker
from asyncmcp_nb.sns_sqs.answers import AnswerStore, Claim, Elsewhere, Kept
from asyncmcp_nb.sns_sqs.claims import Claims
from asyncmcp_nb.sns_sqs.leases import LeaseKeeper, batches
from asyncmcp_nb.sns_sqs.poller import Slots
from asyncmcp_nb.sns_sqs.statistics import Tally
from asyncmcp_nb.sns_sqs.window import Answered, Window
from asyncmcp_nb.sns_sqs.work import Slot, Work
from asyncmcp_nb.wire import Outgoing

logger = logging.getLogger(__name__)

_DOUBLING_COUNT: Final = 32
"""Beyond it, a pause is longer than any lease; far beyond, it is no float."""


class Custody:
    """What a worker has taken and not let go. Safe to use from any thread."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        tally: Tally,
        *,
        answers: AnswerStore | None,
    ) -> None:
        self._bus = bus
        self._queue = config.sqs_queue_url
        self._tally = tally
        self._lease_seconds = config.lease_seconds
        self._window: Window[Work] = Window(keep_seconds=config.duplicate_window_seconds)
        self._leases = LeaseKeeper(bus, self._queue, lease_seconds=config.lease_seconds)
        self.slots = Slots(config.max_in_flight, aside_count=max(BATCH_COUNT, config.max_in_flight))
        """Room for requests to be worked on; each that is admitted gives its own back."""
        self.acker = make_acker(bus, self._queue, config)
        """Acknowledges messages of the common queue."""
        self.claims = Claims(
            answers,
            lease_seconds=config.lease_seconds,
            keep_seconds=config.duplicate_window_seconds,
        )
        """What other workers of this host are told."""
        telemetry.ACTIVE_REQUESTS.add(self)

    @property
    def running_count(self) -> int:
        """Requests being worked on; streams that last, such as a client's listening, are not."""
        return len(self._at_work())

    @property
    def stream_count(self) -> int:
        """Streams that last."""
        return sum(work.detached for work in self._window.running())

    @property
    def oldest_running_at(self) -> float | None:
        """Unix seconds at which the oldest of them was received; None where there is none."""
        return min((work.taken_at for work in self._at_work()), default=None)

    @property
    def lost_lease_count(self) -> int:
        """Leases that could not be extended."""
        return self._leases.lost_count

    @property
    def last_error(self) -> AsyncMcpError | None:
        """Why the answers that workers share could not be used the last time."""
        return self.claims.last_error

    def start(self) -> None:
        """Tell the other workers that this one lives."""
        self.claims.start()

    def running(self) -> list[Work]:
        """The requests being worked on."""
        return self._window.running()

    def close(self, timeout_seconds: float) -> None:
        """Acknowledge what is pending; extend and claim no more."""
        self.acker.close(timeout_seconds)
        self._leases.close()
        self.claims.close()

    def _at_work(self) -> list[Work]:
        return [work for work in self._window.running() if not work.detached]

    # -- in, in a poller's thread -----------------------------------------------------------------

    def admit(self, works: Sequence[Work]) -> list[tuple[Work, Outgoing | None]]:
        """Take requests that came together; blocks for the shared answers.

        Returns:
            Those that need something done: with None, to be run; else with the answer to be sent
            again. Of the others this has disposed.
        """
        ready: list[tuple[Work, Outgoing | None]] = []
        new: list[Work] = []
        for work in works:
            match self._window.begin(work.identity, work, time.monotonic()):
                case Work() as running:
                    self._join(running, *work.receipts)
                    self._free(work)
                case Answered(answer=answer):
                    ready += self._repeat(work, answer)
                case _:
                    # Before the claims, which may take as long as a store is slow.
                    self._leases.hold(work.receipts, time.monotonic())
                    new.append(work)
        claims = [Claim(work.identity, work.delivery.message_id) for work in new]
        for work, standing in zip(new, self.claims.take(claims), strict=True):
            match standing:
                case Kept(answer=answer):
                    self._refuse_duplicates(work)
                    ready += self._repeat(work, answer)
                case Elsewhere():
                    self._tally.add("duplicate")
                    self._refuse_duplicates(work)
                    self._window.forget(work.identity)
                    self._drop(work)
                case None:
                    ready.append((work, None))
        return ready

    def _repeat(self, work: Work, answer: Outgoing | None) -> list[tuple[Work, Outgoing | None]]:
        """Send a kept answer again, and keep it for longer: it seems not to be out yet."""
        self._tally.add("redelivered")
        self._window.finish(work.identity, answer, time.monotonic())
        if answer is None:
            self.acknowledge(work)
            return []
        self._set_aside(work)
        self._leases.hold(work.receipts, time.monotonic())
        return [(work, answer)]

    def _drop(self, work: Work) -> None:
        """Delete the message of a claim that was refused: the other worker holds another one.

        Those that joined it meanwhile are not deleted with it. Where the other worker has died and
        is not known to have, one of them may be its message, the last of the request.
        """
        receipts = self._let_go(work)
        for dropped in receipts[:1]:
            self.acker.submit(dropped, ignore)
        self._make_visible(receipts[1:])

    def _refuse_duplicates(self, work: Work) -> None:
        """Let none join a request that is not to be run here; it would share its receipts."""
        with work.lock:
            work.ended = True

    def _join(self, running: Work, receipt: str) -> None:
        """Let a duplicate share the fate of the request that runs."""
        self._tally.add("redelivered")
        with running.lock:
            detached, ended = running.detached, running.ended
            if not (detached or ended):
                running.receipts.append(receipt)
                self._leases.hold([receipt], time.monotonic())
        if detached:
            self.acker.submit(receipt, ignore)
        # Ended while we looked: its answer may not be out yet, so this delivery comes again.

    # -- out, in any thread -----------------------------------------------------------------------

    def finish(self, work: Work, answer: Outgoing | None) -> None:
        """Note that a request has run, with this answer or without one; never blocks."""
        self._window.finish(work.identity, answer, time.monotonic())
        if answer is None:
            self.claims.note_ended(work.identity)
        else:
            self._set_aside(work)

    def replace(self, work: Work, answer: Outgoing) -> None:
        """Keep another answer of a request that has run, before one is out; never blocks."""
        self._window.finish(work.identity, answer, time.monotonic())

    def published(self, work: Work) -> None:
        """Note that a request's answer is out, and delete its messages; never blocks."""
        self._tally.add("answered")
        self._window.slim(work.identity)
        self.acknowledge(work)

    def acknowledge(self, work: Work) -> None:
        """Delete a request's messages; never blocks."""
        for receipt in self._let_go(work):
            self.acker.submit(receipt, ignore)

    def give_up(self, *works: Work) -> None:
        """Forget requests that have not run, and make them visible to other workers; blocks."""
        self.forget(*works)
        self.release(*works)

    def forget(self, *works: Work) -> None:
        """Know nothing of requests that have not run, but hold their messages; blocks."""
        # The claims first: a duplicate that comes meanwhile finds its request ended, and waits.
        self.claims.release(*(work.identity for work in works))
        for work in works:
            self._window.forget(work.identity)

    def postpone(self, work: Work) -> None:
        """Let a request whose answer is not out come again: at once, then after ever longer.

        A topic that refuses every answer would have it come again and again until its queue put it
        aside, within seconds. Blocks for one request.
        """
        # One that ended in a bug has no answer: what joined it would never be answered.
        self._window.leave(work.identity, work)
        again_count = min(work.delivery.receive_count - 1, _DOUBLING_COUNT)
        pause_seconds = 2.0 ** (again_count - 1) if again_count else 0.0
        self.release(work, after_seconds=min(pause_seconds, self._lease_seconds))

    def release(self, *works: Work, after_seconds: float = 0.0) -> None:
        """Make requests' messages visible again; blocks for one request to AWS for each ten."""
        released: list[str] = []
        for work in works:
            if receipts := self._let_go(work):
                self._tally.add("handed_back")
                released += receipts
        self._make_visible(released, after_seconds)

    def _make_visible(self, receipts: Sequence[str], after_seconds: float = 0.0) -> None:
        for batch in batches(receipts):
            try:
                self._bus.extend(self._queue, batch, after_seconds)
            except BusError as exc:
                logger.info("%d messages wait for their lease to end: %s", len(batch), plain(exc))

    def _set_aside(self, work: Work) -> None:
        with work.lock:
            if work.slot is not Slot.HELD:
                return
            work.slot = Slot.ASIDE
        self.slots.set_aside()

    def _free(self, work: Work) -> None:
        with work.lock:
            slot, work.slot = work.slot, Slot.FREE
        if slot is Slot.HELD:
            self.slots.give_back(1)
        elif slot is Slot.ASIDE:
            self.slots.give_back_aside()

    def _let_go(self, work: Work) -> list[str]:
        self._free(work)
        with work.lock:
            receipts, work.receipts = work.receipts, []
        for receipt in receipts:
            self._leases.drop(receipt)
        return receipts

"""A server's end of the transport: requests in, answers out, nothing lost between.

Threads poll, extend leases, publish and acknowledge. A request is acknowledged after its answer was
accepted by the topic, so a worker that dies at any moment leaves it to another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCRequest,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher, Done
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, EncodeError, PayloadTooLarge
from asyncmcp_nb.sns_sqs.addressing import protocol_version_of
from asyncmcp_nb.sns_sqs.control import ControlQueue, make_acker
from asyncmcp_nb.sns_sqs.leases import LeaseKeeper
from asyncmcp_nb.sns_sqs.parking import Parking
from asyncmcp_nb.sns_sqs.poller import Poller, Slots
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.sns_sqs.window import Answered, Window
from asyncmcp_nb.sns_sqs.work import Answer, ReturnAddress, Work
from asyncmcp_nb.wire import Incoming, Outgoing, encode

logger = logging.getLogger(__name__)

Arrival = Work | Incoming
"""A request to serve; or a notification, or an answer to a question of ours."""

Deliver = Callable[[Arrival], bool]
"""Takes an arrival in a thread. Must not block. False hands a request back to the queue."""


class ServerLink:
    """Receives requests under leases and publishes what is said about them."""

    def __init__(self, bus: Bus, config: SnsSqsTransportConfig, deliver: Deliver) -> None:
        self._bus = bus
        self._config = config
        self._deliver = deliver
        self._count_lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._window: Window[Work] = Window(keep_seconds=config.duplicate_window_seconds)
        self._slots = Slots(config.max_in_flight)
        self._leases = LeaseKeeper(bus, config.sqs_queue_url, lease_seconds=config.lease_seconds)
        self._publisher: Batcher[Outgoing] = Batcher(
            partial(bus.publish, config.sns_topic_arn),
            name="asyncmcp-answer",
            thread_count=config.publisher_count,
            retry_seconds=config.retry_seconds,
            limit_bytes=config.message_limit_bytes,
        )
        self._acker = make_acker(bus, config.sqs_queue_url, config)
        self._parking = Parking(bus, config.dead_letter_queue_url)
        self._poller = Poller(
            bus,
            config.sqs_queue_url,
            self._take,
            thread_count=config.poller_count,
            wait_seconds=config.poll_wait_seconds,
            lease_seconds=config.lease_seconds,
            slots=self._slots,
        )
        self._control = self._make_control(config.control_queue_url)

    @property
    def config(self) -> SnsSqsTransportConfig:
        """What it was made with."""
        return self._config

    def start(self) -> None:
        """Begin to receive."""
        self._poller.start()
        if self._control is not None:
            self._control.start()

    def stop_receiving(self) -> None:
        """Take no further requests; those in hand go on."""
        self._poller.close()

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Hand back what is unfinished, send what is pending, stop; within about the timeout."""
        deadline = time.monotonic() + timeout_seconds
        self.stop_receiving()
        for work in self._window.running():
            work.hand_back()
        self._publisher.close(timeout_seconds)
        if self._control is not None:
            self._control.close(max(0.0, deadline - time.monotonic()))
        self._acker.close(max(0.0, deadline - time.monotonic()))
        self._leases.close()

    def statistics(self) -> ServerStatistics:
        """What happened so far."""
        with self._count_lock:
            counts = dict(self._counts)
        return ServerStatistics(
            in_flight_count=self._window.running_count,
            answered_count=counts.get("answered", 0),
            redelivered_count=counts.get("redelivered", 0),
            parked_count=self._parking.parked_count,
            handed_back_count=counts.get("handed_back", 0),
            lost_lease_count=self._leases.lost_count,
            last_error=self._poller.last_error,
        )

    # -- out, from any thread ---------------------------------------------------------------------

    def post(
        self,
        address: ReturnAddress,
        message: JSONRPCMessage,
        done: Done,
        *,
        sequence: int | None = None,
    ) -> None:
        """Publish a message to a client.

        Raises:
            PayloadTooLarge: It is above the topic's limit; nothing was sent.
        """
        outgoing = self._encode(address, message, sequence)
        self._publisher.submit(outgoing, done, weight_bytes=outgoing.size_bytes)

    def publish_answer(self, work: Work, message: Answer, session_id: str | None) -> None:
        """For ``Work.answer``: keep, publish, then acknowledge."""
        sequence = work.next_sequence()
        try:
            outgoing = self._encode(work.address, message, sequence, session_id=session_id)
        except (EncodeError, PayloadTooLarge) as exc:
            error = ErrorData(code=INTERNAL_ERROR, message=f"The answer was not sent: {exc}")
            instead = JSONRPCError(jsonrpc="2.0", id=work.request.id, error=error)
            outgoing = self._encode(work.address, instead, sequence)
        self._window.finish(work.key, outgoing, time.monotonic())
        self._free(work)
        self._publish_kept(outgoing, work)

    def acknowledge_unanswered(self, work: Work) -> None:
        """For ``Work.settle``."""
        self._window.finish(work.key, None, time.monotonic())
        self._free(work)
        self._acknowledge(work)

    def release(self, work: Work) -> None:
        """For ``Work.hand_back``."""
        self._window.forget(work.key)
        self._free(work)
        self._release(work)

    def detach(self, work: Work) -> None:
        """For ``Work.detach``."""
        self._acknowledge(work)
        self._slots.give_back(1)

    def _encode(
        self,
        address: ReturnAddress,
        message: JSONRPCMessage,
        sequence: int | None,
        *,
        session_id: str | None = None,
    ) -> Outgoing:
        header = address.header(sequence=sequence, session_id=session_id, now=time.time())
        return encode(message, header, limit_bytes=self._config.message_limit_bytes)

    def _publish_kept(self, outgoing: Outgoing, work: Work) -> None:
        def done(error: BusError | None) -> None:
            if error is None:
                self._tally("answered")
                self._acknowledge(work)
            else:
                # The answer stays in the window: the redelivery sends it without running again.
                logger.warning("an answer could not be published; it is sent again: %s", error)
                self._release(work)

        self._publisher.submit(outgoing, done, weight_bytes=outgoing.size_bytes)

    def _free(self, work: Work) -> None:
        if not work.detached:
            self._slots.give_back(1)

    def _acknowledge(self, work: Work) -> None:
        for receipt in self._let_go(work):
            self._acker.submit(receipt, _ignore)

    def _release(self, work: Work) -> None:
        receipts = self._let_go(work)
        if not receipts:
            return
        self._tally("handed_back")
        try:
            self._bus.extend(self._config.sqs_queue_url, receipts[:10], 0)
        except BusError as exc:
            logger.info("a request waits for its lease to end: %s", exc)

    def _let_go(self, work: Work) -> list[str]:
        with work.lock:
            receipts, work.receipts = work.receipts, []
        for receipt in receipts:
            self._leases.drop(receipt)
        return receipts

    # -- in, in a poller's thread -----------------------------------------------------------------

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        decoded = [(delivery, self._parking.read(delivery, self._acker)) for delivery in deliveries]
        # Requests last: one that is cancelled in the same batch need not start.
        decoded.sort(key=lambda pair: pair[1] is not None and _is_request(pair[1]))
        for delivery, incoming in decoded:
            if incoming is None or not self._accept(delivery, incoming):
                self._slots.give_back(1)

    def _accept(self, delivery: Delivery, incoming: Incoming) -> bool:
        """Take one message; whether it occupies its slot from now on."""
        message, address = incoming.message, ReturnAddress.of(incoming)
        if address is None:
            self._parking.park(delivery, "a message without ClientId is nobody's", self._acker)
            return False
        if isinstance(message, JSONRPCRequest):
            key = (address.owner, str(message.id))
            return self._begin(Work(message, incoming, address, key, self, [delivery.receipt]))
        if self._deliver(incoming):
            self._acker.submit(delivery.receipt, _ignore)
        return False

    def _begin(self, work: Work) -> bool:
        match self._window.begin(work.key, work, time.monotonic()):
            case Work() as running:
                self._join(running, *work.receipts)
                return False
            case Answered() as answered:
                self._answer_again(answered, work)
                return False
            case _:
                pass
        self._leases.hold(work.receipts, time.monotonic())
        if (reason := contradiction(work.incoming, work.request)) is not None:
            error = ErrorData(code=INVALID_REQUEST, message=reason)
            work.answer(JSONRPCError(jsonrpc="2.0", id=work.request.id, error=error))
        elif not self._deliver(work):
            work.hand_back()
        return True

    def _join(self, running: Work, receipt: str) -> None:
        """Let a duplicate share the fate of the request that runs."""
        self._tally("redelivered")
        with running.lock:
            detached, ended = running.detached, running.ended
            if not (detached or ended):
                running.receipts.append(receipt)
                self._leases.hold([receipt], time.monotonic())
        if detached:
            self._acker.submit(receipt, _ignore)
        # Ended while we looked: its answer may not be out yet, so this delivery comes again.

    def _answer_again(self, answered: Answered, work: Work) -> None:
        self._tally("redelivered")
        if answered.answer is None:
            self._acknowledge(work)
        else:
            self._publish_kept(answered.answer, work)

    def _make_control(self, queue: str | None) -> ControlQueue | None:
        if queue is None:
            return None
        return ControlQueue(
            self._bus, self._config, self._deliver, parking=self._parking, queue=queue
        )

    def _tally(self, what: str) -> None:
        with self._count_lock:
            self._counts[what] += 1


def _is_request(incoming: Incoming) -> bool:
    return isinstance(incoming.message, JSONRPCRequest)


def contradiction(incoming: Incoming, request: JSONRPCRequest) -> str | None:
    """What a request's attributes say against its body, or None. The body is the truth."""
    header = incoming.header
    if header.method is not None and header.method != request.method:
        return f"attribute Method says {header.method!r}, the body {request.method!r}"
    if header.request_id is not None and header.request_id != str(request.id):
        return f"attribute RequestId says {header.request_id!r}, the body {request.id!r}"
    version = protocol_version_of(request)
    if version is not None and header.protocol_version not in {None, version}:
        return f"attribute ProtocolVersion says {header.protocol_version!r}, the body {version!r}"
    return None


def _ignore(error: BusError | None) -> None:
    """An acknowledgement that fails costs a redelivery, which the window answers."""

"""A server's end of the transport: requests in, answers out, nothing lost between.

Threads poll, extend leases, publish and acknowledge. A request is acknowledged after its answer was
accepted by the topic, so a worker that dies at any moment leaves it to another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from mcp_types import (
    INVALID_REQUEST,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Done
from asyncmcp_nb.bus.observed import ObservedBus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.acks import ignore
from asyncmcp_nb.sns_sqs.answering import Answering
from asyncmcp_nb.sns_sqs.answers import AnswerStore
from asyncmcp_nb.sns_sqs.control import ControlQueue
from asyncmcp_nb.sns_sqs.copies import Copies
from asyncmcp_nb.sns_sqs.custody import Custody
from asyncmcp_nb.sns_sqs.forwarding import Forwarder
from asyncmcp_nb.sns_sqs.messages import ClaimChecks, Messages
from asyncmcp_nb.sns_sqs.metering import fields_of, note_begun
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.parking import Parking
from asyncmcp_nb.sns_sqs.poller import Poller
from asyncmcp_nb.sns_sqs.publisher import Publisher
from asyncmcp_nb.sns_sqs.refusals import contradiction, refusal
from asyncmcp_nb.sns_sqs.reply_topics import ReplyTopics, Sessions
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics, Tally
from asyncmcp_nb.sns_sqs.work import Answer, ReturnAddress, Work, request_key
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

Arrival = Work | Incoming
"""A request to serve; or a notification, or an answer to a question of ours."""

Deliver = Callable[[Arrival], bool]
"""Takes an arrival in a thread. Must not block. False hands a request back to the queue."""


class ServerLink:
    """Receives requests under leases and publishes what is said about them."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        deliver: Deliver,
        *,
        answers: AnswerStore | None = None,
        claim_checks: ClaimChecks | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        """Make a link; ``start`` begins to receive.

        Args:
            bus: Where queue and topic are. It stays open after the link is closed.
            config: The server's queue, the response topic and the timings.
            deliver: Takes each request and each other message.
            answers: What the workers of this host share; closed with the link.
            claim_checks: Where messages go that are too large for their topic.
            sessions: Knows the topics that clients named when they opened their sessions.

        Raises:
            ConfigError: A signing key is not there, or too short.
        """
        bus = ObservedBus(bus)
        self._config = config
        self._deliver = deliver
        self._tally = Tally()
        self._copies = Copies()
        self._messages = Messages(bus, config, outbound="to-client", claim_checks=claim_checks)
        self._custody = Custody(bus, config, self._tally, answers=answers)
        pace = Pace(config.gather_seconds)
        self._publisher = Publisher(self._messages, config, self._custody.claims, pace=pace)
        self._forwarder = Forwarder(bus, config, self._publisher, acker=self._custody.acker)
        self._reply_topics = ReplyTopics(config, self._tally, sessions)
        self._parking = Parking(bus, self._messages, config.dead_letter_queue_url)
        self._answering = Answering(
            config, self._messages, self._publisher, custody=self._custody, parking=self._parking
        )
        self._poller = Poller(
            bus,
            config.sqs_queue_url,
            self._take,
            thread_count=config.poller_count,
            wait_seconds=config.poll_wait_seconds,
            lease_seconds=config.lease_seconds,
            slots=self._custody.slots,
            pace=pace,
        )
        self._control: ControlQueue | None = None
        if config.control_queue_url is not None:
            self._control = ControlQueue(
                bus, config, self._hear, parking=self._parking, queue=config.control_queue_url
            )

    @property
    def config(self) -> SnsSqsTransportConfig:
        """What it was made with."""
        return self._config

    def start(self) -> None:
        """Begin to receive."""
        self._custody.start()
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
        # Together: one by one would take as many requests to AWS.
        self._custody.give_up(*[work for work in self._custody.running() if work.end()])
        self._publisher.close(timeout_seconds)
        if self._control is not None:
            self._control.close(max(0.0, deadline - time.monotonic()))
        self._custody.close(max(0.0, deadline - time.monotonic()))

    def statistics(self) -> ServerStatistics:
        """What happened so far."""
        return ServerStatistics(
            in_flight_count=self._custody.running_count,
            oldest_in_flight_at=self._custody.oldest_running_at,
            stream_count=self._custody.stream_count,
            answered_count=self._tally["answered"],
            redelivered_count=self._tally["redelivered"],
            duplicate_count=self._tally["duplicate"],
            parked_count=self._parking.parked_count,
            handed_back_count=self._tally["handed_back"],
            lost_lease_count=self._custody.lost_lease_count,
            unsolicited_count=self._tally["unsolicited"],
            refused_topic_count=self._tally["refused_topic"],
            last_error=self._poller.last_error or self._custody.last_error,
        )

    def note_unsolicited(self) -> None:
        """Count a message that answers no question, or names no client."""
        self._tally.add("unsolicited")

    def address_of(self, incoming: Incoming) -> ReturnAddress | None:
        """Where to answer a message; None where it does not say, or may not be answered there."""
        return self._reply_topics.address_of(incoming)

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
            BusDenied: The address names a topic that is not allowed; nothing was sent.
        """
        self._answering.post(address, message, done, sequence=sequence)

    def tell_workers(self, message: JSONRPCNotification) -> None:
        """Publish a message of our own to the control queues of all workers; never blocks.

        Raises:
            AsyncMcpError: It cannot be written, or is above the limit; nothing was sent.
        """
        self._forwarder.tell_all(message)

    def publish_answer(self, work: Work, message: Answer, session_id: str | None) -> None:
        """For ``Work.answer``: keep, publish, then acknowledge."""
        self._answering.publish(work, message, session_id)

    def acknowledge_unanswered(self, work: Work) -> None:
        """For ``Work.settle``."""
        self._custody.finish(work, None)
        self._custody.acknowledge(work)

    def release(self, work: Work) -> None:
        """For ``Work.hand_back``."""
        self._custody.give_up(work)

    def detach(self, work: Work) -> None:
        """For ``Work.detach``."""
        self._custody.acknowledge(work)

    # -- in, in a poller's thread -----------------------------------------------------------------

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        works: list[Work] = []
        acker = self._custody.acker
        for delivery in deliveries:
            incoming = self._parking.read(delivery, acker)
            if incoming is not None and (work := self._sort(delivery, incoming)) is not None:
                works.append(work)
        # Requests last: one that is cancelled in the same batch need not start.
        for work, answer in self._custody.admit(works):
            try:
                if answer is not None:
                    self._answering.publish_kept(work, answer)
                else:
                    self._begin(work)
            except Exception:  # boundary: the others are in hand, and nobody else would begin them
                fields = fields_of(work)
                logger.exception("a request could not be begun; it comes again", extra=fields)
                if work.ended:
                    self._custody.postpone(work)
                else:
                    work.hand_back()
        self._custody.slots.give_back(len(deliveries) - len(works))

    def _sort(self, delivery: Delivery, incoming: Incoming) -> Work | None:
        """Make a request into work; dispose of everything else."""
        message, address = incoming.message, ReturnAddress.of(incoming)
        if address is None:
            self._parking.park(
                delivery, "a message without ClientId is nobody's", self._custody.acker
            )
            return None
        if not isinstance(message, JSONRPCRequest):
            if not self._forwarder.pass_on(delivery, incoming) and self._hear(incoming):
                self._custody.acker.submit(delivery.receipt, ignore)
            return None
        destination = self._reply_topics.find(incoming)
        address = replace(address, topic=destination.topic)
        key = request_key(address, message, delivery.message_id)
        refused = destination.refusal
        return Work(message, incoming, address, key, self, delivery, [delivery.receipt], refused)

    def _hear(self, incoming: Incoming) -> bool:
        """Deliver what is no request, once; False where it shall come again."""
        message_id = incoming.header.message_id
        if not self._copies.take(message_id):
            self._tally.add("duplicate")
            return True
        is_taken = self._deliver(incoming)
        if not is_taken:
            self._copies.forget(message_id)
        return is_taken

    def _begin(self, work: Work) -> None:
        """Run a request, or say why it is not run."""
        note_begun(work)
        reason = work.refusal or contradiction(work.incoming, work.request)
        if reason is not None:
            work.answer(refusal(work.request, INVALID_REQUEST, reason))
        elif work.delivery.receive_count > self._config.max_attempt_count:
            self._answering.give_up(work)
        elif not self._deliver(work):
            work.hand_back()

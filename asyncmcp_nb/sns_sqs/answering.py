"""What a worker says to the callers of its requests: answers, errors in their place, and the rest.

An answer is kept before it is published, and its request is acknowledged once the topic has
accepted it.
"""

from __future__ import annotations

import logging
import time

from mcp_types import INTERNAL_ERROR, JSONRPCError, JSONRPCMessage

from asyncmcp_nb.bus.batcher import Done
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusDenied, BusError, BusNotFound, EncodeError, PayloadTooLarge
from asyncmcp_nb.sns_sqs.custody import Custody
from asyncmcp_nb.sns_sqs.messages import Messages
from asyncmcp_nb.sns_sqs.metering import note_answered, note_unpublished
from asyncmcp_nb.sns_sqs.parking import Parking
from asyncmcp_nb.sns_sqs.publisher import Posting, Publisher
from asyncmcp_nb.sns_sqs.refusals import refusal, unsent
from asyncmcp_nb.sns_sqs.work import Answer, ReturnAddress, Work
from asyncmcp_nb.wire import Outgoing

logger = logging.getLogger(__name__)


class Answering:
    """Publishes to clients, and lets their requests go. Safe to use from any thread."""

    def __init__(
        self,
        config: SnsSqsTransportConfig,
        messages: Messages,
        publisher: Publisher,
        *,
        custody: Custody,
        parking: Parking,
    ) -> None:
        self._response_topic = config.sns_topic_arn
        self._messages = messages
        self._publisher = publisher
        self._custody = custody
        self._parking = parking

    def post(
        self,
        address: ReturnAddress,
        message: JSONRPCMessage,
        done: Done,
        *,
        sequence: int | None = None,
    ) -> None:
        """See ``ServerLink.post``."""
        outgoing = self._encode(address, message, sequence)
        self._publisher.submit(self._topic_of(address), Posting(outgoing), done)

    def publish(self, work: Work, message: Answer, session_id: str | None) -> None:
        """Keep an answer, publish it, then acknowledge its request; never blocks."""
        sequence = work.next_sequence()
        try:
            outgoing = self._encode(work.address, message, sequence, session_id=session_id)
        except (EncodeError, PayloadTooLarge) as exc:
            message = unsent(work.request, exc)
            outgoing = self._encode_error(work, message, sequence)
            if outgoing is None:
                self._acknowledge_unanswered(work)
                return
        note_answered(work, message)
        self._custody.finish(work, outgoing)
        self.publish_kept(work, outgoing)

    def publish_kept(self, work: Work, outgoing: Outgoing) -> None:
        """Publish an answer that is kept, for the first time or again; never blocks."""

        def done(error: BusError | None) -> None:
            if error is None:
                self._custody.published(work)
            elif isinstance(error, BusDenied | BusNotFound) and error.is_of_payload:
                self._replace(work, error)
            else:
                # The answer stays in the window: the redelivery sends it without running again.
                note_unpublished(work, error)
                self._custody.postpone(work)

        topic = self._topic_of(work.address)
        self._publisher.submit(topic, Posting(outgoing, answers=work.identity), done)

    def give_up(self, work: Work) -> None:
        """Put a request aside that nobody could finish, and tell its caller. Blocks."""
        # From here on none joins it, and closing leaves it alone.
        if not work.end():
            return
        attempt_count = work.delivery.receive_count - 1
        reason = f"delivered {attempt_count} times without an answer: each worker died or lost it"
        is_aside = self._parking.copy(work.delivery, reason)
        # Not kept: once a person sends it back from the dead-letter queue, it runs.
        self._custody.forget(work)
        if not is_aside:
            # Not at once: its queue would put it aside soon, without a word to its caller.
            self._custody.postpone(work)
            return
        error = refusal(work.request, INTERNAL_ERROR, f"The request was given up: {reason}")
        outgoing = self._encode_error(work, error, work.next_sequence())
        if outgoing is None:
            self._custody.acknowledge(work)
            return

        def done(failure: BusError | None) -> None:
            if failure is None:
                self._custody.acknowledge(work)
            else:
                self._custody.postpone(work)

        self._publisher.submit(self._topic_of(work.address), Posting(outgoing), done)

    def _replace(self, work: Work, reason: BusError) -> None:
        """Tell a caller whose answer cannot be put into S3, now or when it is tried again."""
        instead = self._encode_error(work, unsent(work.request, reason), work.next_sequence())
        if instead is None:
            self._acknowledge_unanswered(work)
            return
        self._custody.replace(work, instead)
        self.publish_kept(work, instead)

    def _acknowledge_unanswered(self, work: Work) -> None:
        self._custody.finish(work, None)
        self._custody.acknowledge(work)

    def _encode(
        self,
        address: ReturnAddress,
        message: JSONRPCMessage,
        sequence: int | None,
        *,
        session_id: str | None = None,
    ) -> Outgoing:
        header = address.header(sequence=sequence, session_id=session_id, now=time.time())
        return self._messages.write(message, header, self._topic_of(address))

    def _encode_error(self, work: Work, error: JSONRPCError, sequence: int) -> Outgoing | None:
        """What tells a caller why there is no answer; None where not even that fits."""
        try:
            return self._encode(work.address, error, sequence)
        except PayloadTooLarge:
            logger.exception("not even an error fits the topic's limit; nobody is answered")
            return None

    def _topic_of(self, address: ReturnAddress) -> str:
        return address.topic or self._response_topic

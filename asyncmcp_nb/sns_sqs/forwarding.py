"""From the queue that workers compete for to the worker that a message is meant for.

Our clients address answers to questions, and cancellations, to workers. Other software does not, so
whichever worker takes such a message passes it on, through the request topic to control queues.
What was passed on names a worker, and nothing that names one is passed on again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from mcp_types import (
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCResponse,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, PayloadTooLarge
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.acks import ignore
from asyncmcp_nb.sns_sqs.addressing import destination_worker, is_broadcast
from asyncmcp_nb.sns_sqs.messages import Messages
from asyncmcp_nb.sns_sqs.publisher import Posting, Publisher
from asyncmcp_nb.wire import Header, Incoming, Outgoing
from asyncmcp_nb.wire.attributes import ALL_WORKERS

logger = logging.getLogger(__name__)


def onward(incoming: Incoming, worker_id: str | None) -> str | None:
    """Who else is to have a message from the common queue: a worker, ``*`` for all, or nobody.

    Args:
        incoming: As it was taken.
        worker_id: Of the worker that took it.
    """
    header = incoming.header
    if header.worker_id is not None:
        return None
    if is_broadcast(incoming.message):
        # A client of ours has told all workers itself, but not those that were started since.
        return ALL_WORKERS
    if header.connection_id is not None:
        return None
    named = destination_worker(incoming.message)
    return None if named == worker_id else named


class Forwarder:
    """Passes messages on to other workers. Safe to use from any thread."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        publisher: Publisher,
        *,
        acker: Batcher[str],
    ) -> None:
        """Make it.

        Args:
            bus: Where the topics are.
            config: The server's; one that names no request topic has no other workers.
            publisher: Publishes to that topic.
            acker: Of the common queue.

        Raises:
            ConfigError: A signing key is not there, or too short.
        """
        self._worker_id = config.worker_id
        self._topic = config.request_topic_arn
        self._publisher = publisher
        self._acker = acker
        # As a client would say it: another worker verifies it, and the limit is that topic's.
        to_topic = replace(config, sns_topic_arn=self._topic or config.sns_topic_arn)
        self._messages = Messages(bus, to_topic, outbound="to-server")

    def pass_on(self, delivery: Delivery, incoming: Incoming) -> bool:
        """Publish a notification or an answer once more, where it is for others; never blocks.

        Returns:
            Whether it is for another worker alone. It is acknowledged once the topic has it.
        """
        other = onward(incoming, self._worker_id)
        if other is None or self._topic is None:
            return False

        def done(error: BusError | None) -> None:
            if error is None:
                self._acker.submit(delivery.receipt, ignore)
            else:
                logger.warning("a message for another worker comes again: %s", plain(error))

        is_for_all = other == ALL_WORKERS
        outgoing = self._readdressed(incoming, other)
        if outgoing is not None:
            posting = Posting(outgoing)
            self._publisher.submit(self._topic, posting, ignore if is_for_all else done)
        return not is_for_all and outgoing is not None

    def tell_all(self, message: JSONRPCNotification) -> None:
        """Publish a message of this worker's own to all workers, where there are others.

        Raises:
            AsyncMcpError: It cannot be written, or is above the limit; nothing was sent.
        """
        if self._topic is None:
            return

        def done(error: BusError | None) -> None:
            if error is not None:
                logger.warning("a message does not reach other workers: %s", plain(error))

        header = Header(worker_id=ALL_WORKERS, method=message.method, timestamp=time.time())
        outgoing = self._messages.write(message, header, self._topic)
        self._publisher.submit(self._topic, Posting(outgoing), done)

    def _readdressed(self, incoming: Incoming, worker_id: str) -> Outgoing | None:
        """For that worker's control queue; None for a notification that is too large."""
        message, topic = incoming.message, self._topic or ""
        # How it came, compressed or by way of S3, is not how it goes on.
        header = replace(
            incoming.header,
            worker_id=worker_id,
            encoding=None,
            payload_digest=None,
            payload_bytes=None,
        )
        try:
            return self._messages.write(message, header, topic)
        except PayloadTooLarge as exc:
            logger.warning("a message for another worker is too large to be passed on: %s", exc)
            if not isinstance(message, JSONRPCResponse | JSONRPCError):
                return None
            # So that its question ends.
            reason = f"The answer could not be passed on to its worker: {exc}"
            error = ErrorData(code=INTERNAL_ERROR, message=reason)
            instead = JSONRPCError(jsonrpc="2.0", id=message.id, error=error)
            return self._messages.write(instead, header, topic)

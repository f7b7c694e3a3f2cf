"""A client's end of the transport: what both the SDK's streams and the notebook session stand on.

All of it happens in threads: publishing, polling, recording, acknowledging. An event loop that is
blocked delays nobody but its own reader.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from mcp_types import (
    INVALID_REQUEST,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher, Done
from asyncmcp_nb.bus.observed import ObservedBus
from asyncmcp_nb.config import OUR_DIALECT, SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, ConfigError, DecodeError, PayloadTooLarge
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.acks import ignore, make_acker
from asyncmcp_nb.sns_sqs.addressing import (
    attribute_text,
    destination_worker,
    is_broadcast,
    is_initialize,
    is_initialize_answer,
    method_of,
    progress_of,
    protocol_version_of,
    subject_of,
)
from asyncmcp_nb.sns_sqs.dialect_messages import client_messages
from asyncmcp_nb.sns_sqs.inbox import Inbox, MemoryInbox
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.sns_sqs.poller import Poller
from asyncmcp_nb.sns_sqs.posts import make_poster
from asyncmcp_nb.sns_sqs.sequence import Sequencer
from asyncmcp_nb.sns_sqs.ticker import Ticker
from asyncmcp_nb.wire import Header, Incoming, Outgoing
from asyncmcp_nb.wire.attributes import ALL_WORKERS, is_client_id

logger = logging.getLogger(__name__)

Deliver = Callable[[Incoming], None]
"""Takes a message in a thread, in order within its request. Must not block."""


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """A snapshot of a client's end."""

    unsent_count: int
    """Messages that wait for a publish request."""
    held_count: int
    """Messages that wait for an earlier one of their request."""
    last_error: BusError | None
    """Why the latest poll failed; None while polls succeed."""
    payload_error: BusError | None
    """Why S3 could not be used the last time; None while it can."""


_NAMESAKE_LEASE_SECONDS: Final = 1.0
"""How long a message for another client of this name stays out of sight: SQS counts in seconds."""


def new_connection_id() -> str:
    """128 random bits as 32 hex digits."""
    return secrets.token_hex(16)


def _client_id(config: SnsSqsTransportConfig) -> str:
    name = config.client_id or config.sqs_queue_url.rpartition("/")[2]
    if not is_client_id(name):
        raise ConfigError(f"client id {name!r} cannot stand in a message attribute")
    return name


class ClientLink:
    """Publishes a client's messages and delivers what comes back."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        deliver: Deliver,
        *,
        inbox: Inbox | None = None,
        connection_id: str | None = None,
        claim_checks: ClaimChecks | None = None,
    ) -> None:
        """Make a link; ``start`` begins to poll.

        Args:
            bus: Where topic and queue are. It stays open after the link is closed.
            config: The client's queue, the request topic and the timings.
            deliver: Takes each message for this connection.
            inbox: Records messages before they are acknowledged.
            connection_id: This connected session; new by default.
            claim_checks: Where messages go that are too large for their topic.

        Raises:
            ConfigError: The client id is not 1 to 80 letters, digits, ``_``, ``.`` and ``-``; or a
                signing key is not there, or too short.
        """
        self._bus = bus = ObservedBus(bus)
        self.connection_id = connection_id or new_connection_id()
        self.client_id = _client_id(config)
        self.inbox = inbox or MemoryInbox(self.connection_id)
        self._config = config
        self._deliver = deliver
        self._session_id: str | None = None
        self._protocol_version: str | None = None
        self._order_lock = threading.Lock()
        self._sequencer: Sequencer[Incoming] = Sequencer(
            gap_timeout_seconds=config.gap_timeout_seconds
        )
        self._gaps = Ticker(self._deliver_expired, name="asyncmcp-gaps")
        self._messages = client_messages(
            bus, config, connection_id=self.connection_id, claim_checks=claim_checks
        )
        pace = Pace(config.gather_seconds)
        topic = config.sns_topic_arn
        self._publisher: Batcher[Outgoing] = make_poster(
            partial(self._messages.publish, topic),
            topic,
            config,
            name="asyncmcp-publish",
            limit_bytes=config.message_limit_bytes,
            pace=pace,
        )
        self._acker = make_acker(bus, config.sqs_queue_url, config)
        self._poller = Poller(
            bus,
            config.sqs_queue_url,
            self._take,
            thread_count=config.poller_count,
            wait_seconds=config.poll_wait_seconds,
            lease_seconds=config.lease_seconds,
            pace=pace,
        )

    def start(self) -> None:
        """Begin to receive."""
        self._poller.start()

    def close(self, timeout_seconds: float = 1.0) -> None:
        """Send and acknowledge what is pending, then stop. Blocks for at most the timeout."""
        self._poller.close()
        self._gaps.close()
        deadline = time.monotonic() + timeout_seconds
        self._publisher.close(timeout_seconds)
        self._acker.close(max(0.0, deadline - time.monotonic()))

    def statistics(self) -> LinkStatistics:
        """How much waits, and whether the queue can be read."""
        with self._order_lock:
            held_count = self._sequencer.held_count
        return LinkStatistics(
            unsent_count=self._publisher.pending_count,
            held_count=held_count,
            last_error=self._poller.last_error,
            payload_error=self._messages.payload_error,
        )

    # -- out --------------------------------------------------------------------------------------

    def gathering(self) -> AbstractContextManager[None]:
        """Around posts that belong together; see ``Batcher.gathering``."""
        return self._publisher.gathering()

    def post(self, message: JSONRPCMessage, done: Done, *, connection_id: str | None = None) -> int:
        """Publish a message; never blocks.

        Args:
            message: Any JSON-RPC message.
            done: Called once in a thread when it was accepted (None) or given up.
            connection_id: Of an earlier session of this client whose request it is or cancels; by
                default, this one's.

        Returns:
            Its size on the wire, in bytes.

        Raises:
            PayloadTooLarge: It is above the topic's limit; nothing was sent.
        """
        owner = connection_id or self.connection_id
        # A session id is of this connection, and opens for no other.
        is_in_session = owner == self.connection_id and not is_initialize(message)
        session_id = self._session_id if is_in_session else None
        worker_id = destination_worker(message)
        outgoing = self._encode(message, owner, worker_id, session_id=session_id)
        if isinstance(message, JSONRPCRequest) and connection_id is None:
            self.inbox.expect(str(message.id))
        self._publisher.submit(outgoing, done, weight_bytes=outgoing.size_bytes)
        if is_broadcast(message):
            self._forget(owner, subject_of(message))
            if self._config.dialect == OUR_DIALECT:
                # To each worker's control queue, besides the queue that they compete for.
                copy = self._encode(message, owner, ALL_WORKERS, session_id=session_id)
                self._publisher.submit(copy, ignore, weight_bytes=copy.size_bytes)
        return outgoing.size_bytes

    def _forget(self, connection_id: str, request_id: object) -> None:
        """Expect nothing more about a request that is cancelled, which gets no answer."""
        with self._order_lock:
            self._sequencer.forget((connection_id, attribute_text(request_id)))

    def _encode(
        self,
        message: JSONRPCMessage,
        connection_id: str,
        worker_id: str | None,
        *,
        session_id: str | None,
    ) -> Outgoing:
        subject = subject_of(message)
        header = Header(
            protocol_version=protocol_version_of(message) or self._protocol_version,
            client_id=self.client_id,
            connection_id=connection_id,
            request_id=None if subject is None else attribute_text(subject),
            method=method_of(message),
            session_id=session_id,
            worker_id=worker_id,
            timestamp=time.time(),
        )
        return self._messages.write(message, header, self._config.sns_topic_arn)

    # -- in, in a poller's thread -----------------------------------------------------------------

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        readable: list[Incoming] = []
        done: list[Delivery] = []
        left: list[str] = []
        for delivery in deliveries:
            try:
                incoming = self._messages.read(delivery)
            except DecodeError as exc:
                self.inbox.refuse(delivery, exc.reason)
            except BusError as exc:
                logger.warning(
                    "a message comes again: its payload cannot be fetched: %s", plain(exc)
                )
                continue
            else:
                if self._is_for_namesake(incoming):
                    left.append(delivery.receipt)
                    continue
                readable.append(incoming)
            done.append(delivery)
        self._leave(left)
        wanted: Sequence[bool] = self.inbox.record(readable) if readable else ()
        for delivery in done:
            self._acker.submit(delivery.receipt, ignore)
        for message, deliver in zip(readable, wanted, strict=True):
            if deliver:
                self._put_in_order(message)
            elif isinstance(message.message, JSONRPCRequest):
                self._refuse_request(message.message, message.header)

    def _is_for_namesake(self, incoming: Incoming) -> bool:
        """Whether it may be for a client of this name on another machine, and is still young.

        On one machine no two clients have one name; across machines nobody can see to that.
        """
        header = incoming.header
        if header.connection_id is None or header.timestamp is None:
            return False
        is_young = abs(time.time() - header.timestamp) < self._config.namesake_grace_seconds
        return is_young and not self.inbox.knows(header.connection_id)

    def _leave(self, receipts: Sequence[str]) -> None:
        """Let somebody else have them soon; a message that nobody takes grows old."""
        if not receipts:
            return
        try:
            self._bus.extend(self._config.sqs_queue_url, receipts, _NAMESAKE_LEASE_SECONDS)
        except BusError as exc:
            logger.info(
                "%d messages for others wait for their lease to end: %s", len(receipts), plain(exc)
            )

    def _put_in_order(self, incoming: Incoming) -> None:
        header = incoming.header
        if is_initialize_answer(incoming):
            self._session_id = header.session_id
            self._protocol_version = header.protocol_version
        subject = header.request_id
        if header.sequence is None or subject is None or not self.inbox.is_whole(subject):
            self._deliver(incoming)
            return
        last = isinstance(incoming.message, JSONRPCResponse | JSONRPCError)
        key = (header.connection_id, subject)
        with self._order_lock:
            ready = self._sequencer.push(
                key,
                header.sequence,
                incoming,
                last=last,
                now=time.monotonic(),
                level=progress_of(incoming.message),
            )
            for message in ready:
                self._deliver(message)
            waiting = self._sequencer.held_count > 0
        if waiting:
            self._gaps.poke()

    def _deliver_expired(self, now: float) -> float | None:
        with self._order_lock:
            for message in self._sequencer.expire(now):
                self._deliver(message)
            return self._sequencer.next_expiry()

    def _refuse_request(self, request: JSONRPCRequest, header: Header) -> None:
        """Tell a server that asks a connection which is gone, so that it does not wait for ever."""
        if header.connection_id == self.connection_id:
            return  # a second copy of a question that this connection has
        if self._config.dialect != OUR_DIALECT and header.session_id is None:
            return  # it takes no answer without
        error = ErrorData(code=INVALID_REQUEST, message="This connection of the client has ended")
        refusal = JSONRPCError(jsonrpc="2.0", id=request.id, error=error)
        try:
            outgoing = self._encode(
                refusal,
                header.connection_id or self.connection_id,
                destination_worker(refusal),
                # Never this session's: a question of the same id may be pending in it.
                session_id=header.session_id,
            )
        except PayloadTooLarge as exc:  # an id of hundreds of kilobytes
            logger.warning("a question to an ended connection goes unanswered: %s", exc)
            return
        self._publisher.submit(outgoing, ignore, weight_bytes=outgoing.size_bytes)

"""A client's end of the transport: what both the SDK's streams and the notebook session stand on.

All of it happens in threads: publishing, polling, recording, acknowledging. An event loop that is
blocked delays nobody but its own reader.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from mcp_types import (
    INVALID_REQUEST,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.bus.batcher import Batcher, Done
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, ConfigError, DecodeError
from asyncmcp_nb.sns_sqs.addressing import (
    INITIALIZE,
    attribute_text,
    destination_worker,
    is_broadcast,
    protocol_version_of,
    subject_of,
)
from asyncmcp_nb.sns_sqs.inbox import Inbox, MemoryInbox
from asyncmcp_nb.sns_sqs.poller import Poller
from asyncmcp_nb.sns_sqs.sequence import Sequencer
from asyncmcp_nb.sns_sqs.ticker import Ticker
from asyncmcp_nb.wire import Header, Incoming, Outgoing, decode, encode
from asyncmcp_nb.wire.attributes import ALL_WORKERS, is_client_id

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


def new_connection_id() -> str:
    """128 random bits as 32 hex digits."""
    return secrets.token_hex(16)


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
    ) -> None:
        """Make a link; ``start`` begins to poll.

        Args:
            bus: Where topic and queue are. It stays open after the link is closed.
            config: The client's queue, the request topic and the timings.
            deliver: Takes each message for this connection.
            inbox: Records messages before they are acknowledged.
            connection_id: This connected session; new by default.

        Raises:
            ConfigError: The client id is not 1 to 80 letters, digits, ``_``, ``.`` and ``-``.
        """
        self.connection_id = connection_id or new_connection_id()
        self.client_id = config.client_id or config.sqs_queue_url.rpartition("/")[2]
        if not is_client_id(self.client_id):
            raise ConfigError(f"client id {self.client_id!r} cannot stand in a message attribute")
        self.inbox = inbox or MemoryInbox(self.connection_id)
        self._bus = bus
        self._config = config
        self._deliver = deliver
        self._session_id: str | None = None
        self._protocol_version: str | None = None
        self._order_lock = threading.Lock()
        self._sequencer: Sequencer[Incoming] = Sequencer(
            gap_timeout_seconds=config.gap_timeout_seconds
        )
        self._gaps = Ticker(self._deliver_expired, name="asyncmcp-gaps")
        self._publisher: Batcher[Outgoing] = Batcher(
            partial(bus.publish, config.sns_topic_arn),
            name="asyncmcp-publish",
            thread_count=config.publisher_count,
            retry_seconds=config.retry_seconds,
            limit_bytes=config.message_limit_bytes,
        )
        self._acker: Batcher[str] = Batcher(
            partial(bus.ack, config.sqs_queue_url),
            name="asyncmcp-ack",
            thread_count=config.publisher_count,
            linger_seconds=config.ack_linger_seconds,
            retry_seconds=config.retry_seconds,
        )
        self._poller = Poller(
            bus,
            config.sqs_queue_url,
            self._take,
            thread_count=config.poller_count,
            wait_seconds=config.poll_wait_seconds,
            lease_seconds=config.lease_seconds,
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
        return LinkStatistics(self._publisher.pending_count, held_count, self._poller.last_error)

    # -- out --------------------------------------------------------------------------------------

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
        outgoing = self._encode(message, owner, destination_worker(message))
        if isinstance(message, JSONRPCRequest) and connection_id is None:
            self.inbox.expect(str(message.id))
        self._publisher.submit(outgoing, done, weight_bytes=outgoing.size_bytes)
        if is_broadcast(message):
            # To each worker's control queue, besides the queue that they compete for.
            copy = self._encode(message, owner, ALL_WORKERS)
            self._publisher.submit(copy, _ignore, weight_bytes=copy.size_bytes)
        return outgoing.size_bytes

    def _encode(
        self, message: JSONRPCMessage, connection_id: str, worker_id: str | None
    ) -> Outgoing:
        subject = subject_of(message)
        header = Header(
            protocol_version=protocol_version_of(message) or self._protocol_version,
            client_id=self.client_id,
            connection_id=connection_id,
            request_id=None if subject is None else attribute_text(subject),
            method=_method_of(message),
            session_id=None if _is_initialize(message) else self._session_id,
            worker_id=worker_id,
            timestamp=time.time(),
        )
        return encode(message, header, limit_bytes=self._config.message_limit_bytes)

    # -- in, in a poller's thread -----------------------------------------------------------------

    def _take(self, deliveries: Sequence[Delivery]) -> None:
        incoming = [self._decode(delivery) for delivery in deliveries]
        readable = [message for message in incoming if message is not None]
        wanted: Sequence[bool] = self.inbox.record(readable) if readable else ()
        for delivery in deliveries:
            self._acker.submit(delivery.receipt, _ignore)
        for message, deliver in zip(readable, wanted, strict=True):
            if deliver:
                self._put_in_order(message)
            elif isinstance(message.message, JSONRPCRequest):
                self._refuse_request(message.message, message.header.connection_id)

    def _decode(self, delivery: Delivery) -> Incoming | None:
        try:
            return decode(delivery.body, delivery.attributes)
        except DecodeError as exc:
            self.inbox.refuse(delivery, exc.reason)
            return None

    def _put_in_order(self, incoming: Incoming) -> None:
        header = incoming.header
        if _is_initialize_answer(incoming):
            self._session_id = header.session_id
            self._protocol_version = header.protocol_version
        if header.sequence is None or header.request_id is None:
            self._deliver(incoming)
            return
        last = isinstance(incoming.message, JSONRPCResponse | JSONRPCError)
        key = (header.connection_id, header.request_id)
        with self._order_lock:
            ready = self._sequencer.push(
                key, header.sequence, incoming, last=last, now=time.monotonic()
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

    def _refuse_request(self, request: JSONRPCRequest, connection_id: str | None) -> None:
        """Tell a server that asks a connection which is gone, so that it does not wait for ever."""
        error = ErrorData(code=INVALID_REQUEST, message="This connection of the client has ended")
        refusal = JSONRPCError(jsonrpc="2.0", id=request.id, error=error)
        self.post(refusal, _ignore, connection_id=connection_id)


def _ignore(error: BusError | None) -> None:
    """An acknowledgement that fails costs a duplicate, which is dropped; a courtesy may be lost."""


def _method_of(message: JSONRPCMessage) -> str | None:
    if isinstance(message, JSONRPCRequest | JSONRPCNotification):
        return attribute_text(message.method)
    return None


def _is_initialize(message: JSONRPCMessage) -> bool:
    return isinstance(message, JSONRPCRequest) and message.method == INITIALIZE


def _is_initialize_answer(incoming: Incoming) -> bool:
    return isinstance(incoming.message, JSONRPCResponse) and incoming.header.method == INITIALIZE

"""Writing and reading the messages of one end: sizes, claim checks, signatures, FIFO groups.

Writing is pure, so that any thread or loop may do it; what needs S3 happens in the threads that
publish and poll. What comes in is checked in the order that lets a stranger do least: first the
signature, then where a claim check points to, then the fetch, the digest, and the content.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from mcp_types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.config import SnsSqsTransportConfig, read_key
from asyncmcp_nb.errors import BusError, DecodeError, PayloadGone
from asyncmcp_nb.limits import SNS_DEFAULT_MESSAGE_BYTES
from asyncmcp_nb.sns_sqs.addressing import CANCELLED, PROGRESS
from asyncmcp_nb.wire import Header, Incoming, Ordering, Outgoing, decode, encode
from asyncmcp_nb.wire.attributes import from_attributes
from asyncmcp_nb.wire.claim_check import (
    PREFIX,
    Pointer,
    check_location,
    is_claim_check,
    new_key,
    read_pointer,
)
from asyncmcp_nb.wire.codec import MAX_PAYLOAD_BYTES, unwrap
from asyncmcp_nb.wire.signing import Direction, KeyRing

if TYPE_CHECKING:
    from asyncmcp_nb.bus.payloads import PayloadStore

Before = Callable[[Sequence[int]], None]

_FIFO: Final = ".fifo"
_ABOUT_RUNNING: Final = frozenset({CANCELLED, PROGRESS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChecks:
    """Where messages go that are too large for their topic."""

    store: PayloadStore
    prefix: str = PREFIX
    """What new keys begin with, as ``claim_check.key_prefix`` makes it."""

    def new_pointer(self) -> Pointer:
        """A place that no other payload has."""
        return Pointer(self.store.bucket, new_key(self.prefix))

    def fetch(self, body: str) -> bytes:
        """The payload that a body points to. Blocks.

        Raises:
            DecodeError: The body is no pointer, or to another bucket; or the payload is gone, or
                larger than ``MAX_PAYLOAD_BYTES``.
            BusError: It cannot be fetched now.
        """
        pointer = read_pointer(body)
        check_location(pointer, self.store.bucket)
        try:
            return self.store.get(pointer.key, MAX_PAYLOAD_BYTES)
        except PayloadGone:
            raise DecodeError("claim check: its payload is no longer in S3") from None


class Messages:
    """Encodes for one direction, decodes for the other. Safe to use from any thread."""

    def __init__(
        self,
        bus: Bus,
        config: SnsSqsTransportConfig,
        *,
        outbound: Direction,
        claim_checks: ClaimChecks | None = None,
    ) -> None:
        """Make it for one end.

        Args:
            bus: Where the topics are.
            config: The limit, and where the signing keys are.
            outbound: Whom this end's messages are for.
            claim_checks: Where large messages go; None to refuse them.

        Raises:
            ConfigError: A signing key is not there, or too short.
        """
        self._bus = bus
        self._own_topic = config.sns_topic_arn
        self._limit_bytes = config.message_limit_bytes
        self._ring = (
            KeyRing([read_key(reference) for reference in config.signing_keys])
            if config.signing_keys
            else None
        )
        self._outbound: Direction = outbound
        self._seal = None if self._ring is None else self._ring.sealing(outbound)
        self._inbound: Direction = "to-client" if outbound == "to-server" else "to-server"
        self._claim_checks = claim_checks
        self.payload_error: BusError | None = None
        """Why S3 could not be used the last time; None while it can."""

    def write(self, message: JSONRPCMessage, header: Header, topic: str) -> Outgoing:
        """Encode a message for a topic or queue.

        Raises:
            EncodeError: It cannot be written as JSON in UTF-8.
            PayloadTooLarge: It is above the limit, and cannot be put aside.
        """
        if _is_nameless(message, header, self._outbound):
            header = replace(header, message_id=secrets.token_hex(8))
        outgoing = encode(
            message,
            header,
            limit_bytes=self.limit_of(topic),
            seal=self._seal,
            offload=None if self._claim_checks is None else self._claim_checks.new_pointer,
            # Other software, which has no connection ids, reads a message only as it is.
            as_it_is=header.connection_id is None,
        )
        if not topic.endswith(_FIFO):
            return outgoing
        return replace(outgoing, ordering=_ordering(message, header, self._outbound))

    def publish(
        self, topic: str, batch: Sequence[Outgoing], *, before: Before = lambda _: None
    ) -> Sequence[BusError | None]:
        """Put large payloads aside, then publish; as ``Bus.publish``. Blocks.

        Args:
            topic: Where to.
            batch: Up to ten messages.
            before: Called between the two with the places in the batch of what is published.
        """
        failures = [self._put_aside(outgoing) for outgoing in batch]
        ready = [index for index, error in enumerate(failures) if error is None]
        if not ready:
            return failures
        before(ready)
        outcomes = self._bus.publish(topic, [batch[index] for index in ready])
        for index, outcome in zip(ready, outcomes, strict=True):
            failures[index] = outcome
        return failures

    def read(self, delivery: Delivery) -> Incoming:
        """Verify and decode a message, and fetch what it points to. Blocks for a claim check.

        Raises:
            DecodeError: It does not verify or cannot be decoded; a repetition changes nothing.
            BusError: Its payload cannot be fetched now.
        """
        body, attributes = unwrap(delivery.body, delivery.attributes)
        if self._ring is not None:
            self._ring.verify(self._inbound, body, attributes)
        payload = None
        if is_claim_check(attributes):
            if self._ring is not None and from_attributes(attributes).payload_digest is None:
                raise DecodeError("the payload in S3 is not signed")
            payload = self._fetch(body)
        return decode(delivery.body, delivery.attributes, payload=payload)

    def limit_of(self, topic: str) -> int:
        """The largest message, attributes included, that a topic is taken to accept."""
        # Nobody has asked another's topic; it is taken for one that was left as it was made.
        if topic == self._own_topic:
            return self._limit_bytes
        return min(self._limit_bytes, SNS_DEFAULT_MESSAGE_BYTES)

    def _put_aside(self, outgoing: Outgoing) -> BusError | None:
        if outgoing.payload is None or self._claim_checks is None:
            return None
        try:
            self._claim_checks.store.put(outgoing.payload.key, outgoing.payload.content)
        except BusError as exc:
            exc.is_of_payload = True
            self.payload_error = exc
            return exc
        self.payload_error = None
        return None

    def _fetch(self, body: str) -> bytes:
        if self._claim_checks is None:
            raise DecodeError("claim check: this end has no claim_check_bucket")
        try:
            payload = self._claim_checks.fetch(body)
        except BusError as exc:
            self.payload_error = exc
            raise
        self.payload_error = None
        return payload


def lone_ordering(queue: str) -> Ordering | None:
    """What a message wants that is sent straight to a FIFO queue and has nobody to wait for."""
    name = secrets.token_hex(16)
    return Ordering(name, name) if queue.endswith(_FIFO) else None


def _is_nameless(message: JSONRPCMessage, header: Header, direction: Direction) -> bool:
    """Whether neither its id nor its place within a request tells a message from the next."""
    if header.sequence is not None or header.connection_id is None:
        return False
    if isinstance(message, JSONRPCRequest):
        # A server runs nothing twice under one id; a client has only this to tell by.
        return direction == "to-client"
    return isinstance(message, JSONRPCNotification)


def _ordering(message: JSONRPCMessage, header: Header, direction: Direction) -> Ordering:
    """One group a connection; one request, and one answer to it, whoever sends it again.

    What comes a second time within five minutes is dropped by the topic. That is right for a
    request and for its answer, since the first was accepted and will arrive. It would be wrong for
    notifications, which two workers that run one request side by side may count alike; and for
    whoever has no connection id, whose requests begin anew at 1 in each session.
    """
    connection, once = header.connection_id, secrets.token_hex(16)
    if connection is None:
        return Ordering(header.client_id or "nobody", once)
    identity = partial(_digest, direction, connection)
    match message:
        case JSONRPCRequest():
            return Ordering(connection, identity("request", message.id))
        case JSONRPCResponse() | JSONRPCError():
            group = connection if direction == "to-client" else _aside(connection)
            return Ordering(group, once if message.id is None else identity("answer", message.id))
        case JSONRPCNotification(method=method) if method in _ABOUT_RUNNING:
            return Ordering(connection if direction == "to-client" else _aside(connection), once)
        case _:
            return Ordering(connection, once)


def _aside(connection_id: str) -> str:
    """The group of what is for a request that runs.

    A queue gives out no more of a group until what it gave out is acknowledged. Behind its request,
    such a message would come when the request has ended.
    """
    return f"{connection_id}-aside"


def _digest(*parts: object) -> str:
    """Within the 128 characters that a deduplication id may have."""
    # 7 and "7" are two ids.
    text = "\n".join(repr(part) for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

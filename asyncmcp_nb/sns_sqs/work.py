"""One request in a server's hands: where its answer goes, and what becomes of its message."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from typing import Protocol

from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.bus.batcher import Done
from asyncmcp_nb.sns_sqs.addressing import INITIALIZE, attribute_text
from asyncmcp_nb.sns_sqs.sequence import first_sequence
from asyncmcp_nb.wire import Header, Incoming

Answer = JSONRPCResponse | JSONRPCError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnAddress:
    """Whose message it was, and so where messages about it go."""

    client_id: str
    connection_id: str | None
    protocol_version: str | None = None
    request_id: str | None = None
    method: str | None = None
    session: str | None = None
    """Names a 2025-era session of a client that has no connection id."""
    topic: str | None = None
    """Where its answers are published; None for the deployment's own response topic."""

    @classmethod
    def of(cls, incoming: Incoming) -> ReturnAddress | None:
        """Where to answer a message; None where it does not say."""
        header = incoming.header
        if header.client_id is None:
            return None
        message = incoming.message
        is_request = isinstance(message, JSONRPCRequest)
        return cls(
            client_id=header.client_id,
            connection_id=header.connection_id,
            protocol_version=header.protocol_version,
            request_id=attribute_text(message.id) if is_request else None,
            method=attribute_text(message.method) if is_request else None,
            session=None if header.session_id is None else _digest(header.session_id),
        )

    @property
    def owner(self) -> str:
        """The connected session.

        Other software has no connection ids; its clients are told apart by their sessions, and
        without one, a client counts as one session.
        """
        return self.connection_id or f"{self.client_id}/{self.session or ''}"

    def in_session(self, session_id: str) -> ReturnAddress:
        """The same client, in a session of this id."""
        return replace(self, session=_digest(session_id))

    def without_request(self) -> ReturnAddress:
        """The same client, for messages that belong to no request."""
        return replace(self, request_id=None, method=None)

    def header(self, *, sequence: int | None, session_id: str | None, now: float) -> Header:
        """The header of a message to this address."""
        return Header(
            protocol_version=self.protocol_version,
            client_id=self.client_id,
            connection_id=self.connection_id,
            request_id=self.request_id,
            method=self.method,
            session_id=session_id,
            sequence=sequence,
            timestamp=now,
        )


class Outlet(Protocol):
    """What a request needs of the link that brought it; called from any thread."""

    def post(
        self,
        address: ReturnAddress,
        message: JSONRPCMessage,
        done: Done,
        *,
        sequence: int | None = None,
    ) -> None:
        """Publish a message to a client."""
        ...

    def publish_answer(self, work: Work, message: Answer, session_id: str | None) -> None:
        """Keep the answer, publish it, then acknowledge the request."""
        ...

    def acknowledge_unanswered(self, work: Work) -> None:
        """Acknowledge a request that is owed no answer."""
        ...

    def release(self, work: Work) -> None:
        """Make the request visible to other workers."""
        ...

    def detach(self, work: Work) -> None:
        """Acknowledge the request though it goes on."""
        ...


class Slot(Enum):
    """What room a request takes up in its worker."""

    HELD = "held"
    ASIDE = "aside"
    """It has run; its answer is on its way."""
    FREE = "free"


@dataclass(slots=True, eq=False)
class Work:
    """A request that is being served.

    It ends in exactly one way: ``answer``, ``settle`` (no answer is owed) or ``hand_back`` (another
    worker shall do it). Ending it twice does nothing. All methods may be called from any thread.
    """

    request: JSONRPCRequest
    incoming: Incoming
    address: ReturnAddress
    key: tuple[str, str]
    """Whose request it is, and its id, as a cancellation names it."""
    link: Outlet = field(repr=False)
    delivery: Delivery = field(repr=False)
    """The message that brought it."""
    receipts: list[str] = field(default_factory=list[str], repr=False)
    """Deliveries of this request: the first, and duplicates that joined it."""
    refusal: str | None = None
    """Why it is not to be run; None where nothing is known against it."""
    opens: str | None = field(default=None, repr=False)
    """The id of the session that it opens if it succeeds, where that is known beforehand."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    ended: bool = False
    detached: bool = False
    """Whether its message is acknowledged already and its slot is free."""
    slot: Slot = Slot.HELD
    """Given back once, when the worker lets go of its message."""
    taken_at: float = field(default_factory=time.time)
    """Unix seconds at which it was received."""
    _sequence: itertools.count[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin to number what is said about it, above what an earlier worker may have said."""
        self._sequence = itertools.count(first_sequence(self.delivery.receive_count))

    @property
    def identity(self) -> str:
        """What it has in common with its duplicates only: they are answered with its answer.

        That is its key, since clients of ours number the requests of a connection, and none of them
        is used twice. A script without connection and session may number them alike each time it
        runs; a duplicate that a queue makes is alike in all.
        """
        named = " ".join(self.key)  # no part of the first half has a space
        if self.address.connection_id is not None or self.address.session is not None:
            return named
        sent_at = self.incoming.header.timestamp
        return f"{named} {_digest(f'{sent_at} {self.delivery.body}')}"

    def next_sequence(self) -> int:
        """The place of the next message about this request."""
        return next(self._sequence)

    def send(self, message: JSONRPCMessage, done: Done) -> None:
        """Publish progress, a log message or a question about this request.

        Raises:
            PayloadTooLarge: It is above the topic's limit; nothing was sent.
        """
        self.link.post(self.address, message, done, sequence=self.next_sequence())

    def answer(self, message: Answer, *, session_id: str | None = None) -> None:
        """Publish the answer; the request is acknowledged once the topic has accepted it.

        An answer above the topic's limit becomes a JSON-RPC error that says so.
        """
        if self.end():
            opened = None if isinstance(message, JSONRPCError) else self.opens
            self.link.publish_answer(self, message, session_id or opened)

    def settle(self) -> None:
        """End without an answer: the client cancelled it, or its deadline has passed."""
        if self.end():
            self.link.acknowledge_unanswered(self)

    def hand_back(self) -> None:
        """Make the request visible to other workers at once."""
        if self.end():
            self.link.release(self)

    def detach(self) -> None:
        """Acknowledge the message now and go on: for streams that last, which hold no lease."""
        with self.lock:
            if self.ended or self.detached:
                return
            self.detached = True
        self.link.detach(self)

    def end(self) -> bool:
        """Let nothing more be made of it; whether nothing was before."""
        with self.lock:
            was_ended, self.ended = self.ended, True
        return not was_ended


def request_key(
    address: ReturnAddress, request: JSONRPCRequest, message_id: str
) -> tuple[str, str]:
    """Names a request for ever; the queue's message id tells where nothing else does."""
    owner = address.owner
    if request.method == INITIALIZE and address.connection_id is None:
        # Of other software, each handshake begins a session, and has the id of the one before.
        owner = f"{owner}/{message_id}"
    return owner, str(request.id)


def _digest(text: str) -> str:
    """Short, and useless to whoever reads it in a log or a file."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

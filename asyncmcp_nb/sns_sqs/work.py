"""One request in a server's hands: where its answer goes, and what becomes of its message."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Protocol

from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCRequest, JSONRPCResponse

from asyncmcp_nb.bus.batcher import Done
from asyncmcp_nb.sns_sqs.addressing import attribute_text
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
        )

    @property
    def owner(self) -> Hashable:
        """The connected session; a client that names none counts as one."""
        return self.connection_id or self.client_id

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


@dataclass(slots=True, eq=False)
class Work:
    """A request that is being served.

    It ends in exactly one way: ``answer``, ``settle`` (no answer is owed) or ``hand_back`` (another
    worker shall do it). Ending it twice does nothing. All methods may be called from any thread.
    """

    request: JSONRPCRequest
    incoming: Incoming
    address: ReturnAddress
    key: Hashable
    link: Outlet = field(repr=False)
    receipts: list[str] = field(default_factory=list[str], repr=False)
    """Deliveries of this request: the first, and duplicates that joined it."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    ended: bool = False
    detached: bool = False
    """Whether its message is acknowledged already and its slot is free."""
    _sequence: itertools.count[int] = field(default_factory=itertools.count, repr=False)

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
        if self._end():
            self.link.publish_answer(self, message, session_id)

    def settle(self) -> None:
        """End without an answer: the client cancelled it, or its deadline has passed."""
        if self._end():
            self.link.acknowledge_unanswered(self)

    def hand_back(self) -> None:
        """Make the request visible to other workers at once."""
        if self._end():
            self.link.release(self)

    def detach(self) -> None:
        """Acknowledge the message now and go on: for streams that last, which hold no lease."""
        with self.lock:
            if self.ended or self.detached:
                return
            self.detached = True
        self.link.detach(self)

    def _end(self) -> bool:
        with self.lock:
            was_ended, self.ended = self.ended, True
        return not was_ended

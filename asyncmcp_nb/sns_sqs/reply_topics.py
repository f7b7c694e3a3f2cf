"""Where a client's answers are published: the server's own topic, or one that its client named.

A client of other software names a topic of its own in ``initialize``, and later says only its
session id. A server publishes to a topic that it was told to allow, and to no other, whoever names
it; the topics are compared as they stand, without patterns.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, Protocol

from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.addressing import is_initialize
from asyncmcp_nb.sns_sqs.dialect import named_reply_topic
from asyncmcp_nb.sns_sqs.statistics import Tally
from asyncmcp_nb.sns_sqs.work import ReturnAddress
from asyncmcp_nb.wire import Header, Incoming

logger = logging.getLogger(__name__)

_SHOWN_LENGTH: Final = 256
"""Of a topic that a client made up. An ARN is shorter."""


class Sessions(Protocol):
    """What a server knows of the sessions that it opened; asked in threads."""

    def topic_of(self, header: Header) -> str | None:
        """The topic that a message's session answers to.

        None for the server's own topic, for no session, and for one that this client does not have.
        """
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the answers to a message go."""

    topic: str | None = None
    """None for the server's own topic."""
    refusal: str | None = None
    """Why the message is not served; None where it is."""


class ReplyTopics:
    """Finds the topic of each message, and refuses those that are not allowed."""

    def __init__(
        self, config: SnsSqsTransportConfig, tally: Tally, sessions: Sessions | None
    ) -> None:
        self._own = config.sns_topic_arn
        self._allowed = frozenset(config.allowed_reply_topics)
        self._tally = tally
        self._sessions = sessions

    def find(self, incoming: Incoming) -> Destination:
        """Where the answers to a message go."""
        topic = self._wanted(incoming)
        if topic is None or topic == self._own:
            return Destination()
        if topic in self._allowed:
            return Destination(topic)
        self._tally.add("refused_topic")
        shown = repr(topic[:_SHOWN_LENGTH])
        logger.warning("client %s is refused: reply topic %s", incoming.header.client_id, shown)
        return Destination(
            refusal=f"reply topic {shown} is not allowed; "
            "add it to the deployment's allowed_reply_topics"
        )

    def address_of(self, incoming: Incoming) -> ReturnAddress | None:
        """Where to answer a message; None where it does not say, or may not be answered there."""
        address, destination = ReturnAddress.of(incoming), self.find(incoming)
        if address is None or destination.refusal is not None:
            return None
        return replace(address, topic=destination.topic)

    def _wanted(self, incoming: Incoming) -> str | None:
        message = incoming.message
        if is_initialize(message):
            return named_reply_topic(message.params)
        if self._sessions is None or incoming.header.session_id is None:
            return None
        return self._sessions.topic_of(incoming.header)


@dataclass(frozen=True, slots=True)
class _Opened:
    owner: str
    topic: str | None


class MemorySessions:
    """Sessions of one process that serves all clients on one stream. Safe to use from any thread.

    The least recently used are forgotten first; their clients have to initialize again.
    """

    def __init__(self, *, limit_count: int = 1_000) -> None:
        self._limit_count = limit_count
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, _Opened] = OrderedDict()

    def open(self, header: Header, topic: str | None) -> str:
        """A new session for the client of a message; its id."""
        session_id = secrets.token_hex(16)
        with self._lock:
            self._opened[session_id] = _Opened(_owner(header), topic)
            if len(self._opened) > self._limit_count:
                self._opened.popitem(last=False)
        return session_id

    def topic_of(self, header: Header) -> str | None:
        """See ``Sessions.topic_of``."""
        opened = self._find(header)
        return None if opened is None else opened.topic

    def knows(self, header: Header) -> bool:
        """Whether a message names no session, or one of its client."""
        return header.session_id is None or self._find(header) is not None

    def _find(self, header: Header) -> _Opened | None:
        session_id = header.session_id or ""
        with self._lock:
            opened = self._opened.get(session_id)
            if opened is None or opened.owner != _owner(header):
                return None
            self._opened.move_to_end(session_id)
            return opened


def _owner(header: Header) -> str:
    return f"{header.client_id}/{header.connection_id or ''}"

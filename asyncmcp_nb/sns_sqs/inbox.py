"""Who says what becomes of a message to a client, before it is acknowledged.

The transport acknowledges a message only after its inbox has taken it, so an inbox that is durable
makes the answers durable. ``MemoryInbox`` is the low-level default; the notebook session puts its
ledger in this place.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol

from mcp_types import JSONRPCError, JSONRPCResponse

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

ANSWERED_COUNT: Final = 10_000
"""Answered requests remembered, to tell a duplicate from something never asked for."""


class Inbox(Protocol):
    """Takes messages in poller threads."""

    def expect(self, request_id: str) -> None:
        """Note that a request of this connection is about to be published."""
        ...

    def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
        """Take messages; whatever must survive is safe when this returns.

        Returns:
            Which of them to deliver. The others are duplicates, or nobody waits for them.

        Raises:
            Exception: Nothing was taken; the messages are not acknowledged and come again.
        """
        ...

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """Note a message that cannot be read. It is acknowledged afterwards."""
        ...


class MemoryInbox:
    """Remembers in memory what is outstanding, duplicated and unsolicited."""

    def __init__(self, connection_id: str) -> None:
        self._connection_id = connection_id
        self._lock = threading.Lock()
        self._outstanding: set[str] = set()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self.duplicate_count = 0
        """Answers that had come before."""
        self.unsolicited_count = 0
        """Messages for another connection, or for a request never made."""
        self.refused_count = 0
        """Messages that could not be read."""

    def expect(self, request_id: str) -> None:
        """See ``Inbox.expect``."""
        with self._lock:
            self._outstanding.add(request_id)

    def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
        """See ``Inbox.record``."""
        with self._lock:
            return [self._take(incoming) for incoming in batch]

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """See ``Inbox.refuse``."""
        logger.warning("a message of %d characters is dropped: %s", len(delivery.body), reason)
        self.refused_count += 1

    def _take(self, incoming: Incoming) -> bool:
        if incoming.header.connection_id != self._connection_id:
            self.unsolicited_count += 1
            return False
        message = incoming.message
        if not isinstance(message, JSONRPCResponse | JSONRPCError):
            return True
        return self._take_answer(str(message.id))

    def _take_answer(self, request_id: str) -> bool:
        if request_id in self._outstanding:
            self._outstanding.discard(request_id)
            self._answered[request_id] = None
            if len(self._answered) > ANSWERED_COUNT:
                self._answered.popitem(last=False)
            return True
        if request_id in self._answered:
            self.duplicate_count += 1
        else:
            self.unsolicited_count += 1
        return False

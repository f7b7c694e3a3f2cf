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
from enum import Enum
from typing import Final, Protocol

from mcp_types import JSONRPCError, JSONRPCResponse

from asyncmcp_nb import telemetry
from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.sns_sqs.copies import Copies
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)

ANSWERED_COUNT: Final = 10_000
"""Answered requests remembered, to tell a duplicate from something never asked for."""

OUTSTANDING_COUNT: Final = 100_000
"""Requests remembered that have no answer yet; the SDK keeps a task for each. Our choice."""


class Inbox(Protocol):
    """Takes messages in poller threads."""

    def expect(self, request_id: str) -> None:
        """Note that a request of this connection is about to be published."""
        ...

    def knows(self, connection_id: str) -> bool:
        """Whether a connection is this one, or an earlier one whose answers are still wanted."""
        ...

    def is_whole(self, request_id: str, /) -> bool:
        """Whether all messages about a request are delivered.

        Those of one that are not cannot be put in order: they would wait for what never comes.
        """
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


class Verdict(Enum):
    """What a message is to a connection."""

    WANTED = "wanted"
    DUPLICATE = "duplicate"
    """It had come before."""
    UNSOLICITED = "unsolicited"
    """For another connection, or for a request never made."""


class MemoryInbox:
    """Remembers in memory what is outstanding, duplicated and unsolicited."""

    def __init__(self, connection_id: str) -> None:
        self._connection_id = connection_id
        self._lock = threading.Lock()
        self._outstanding: OrderedDict[str, None] = OrderedDict()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._copies = Copies()
        self.duplicate_count = 0
        """Messages that had come before, but for progress and logs."""
        self.unsolicited_count = 0
        """Messages for another connection, or for a request never made."""
        self.refused_count = 0
        """Messages that could not be read."""

    def expect(self, request_id: str) -> None:
        """See ``Inbox.expect``."""
        with self._lock:
            self._outstanding[request_id] = None
            # Those that were cancelled get no answer, and would stay for ever.
            if len(self._outstanding) > OUTSTANDING_COUNT:
                self._outstanding.popitem(last=False)

    def knows(self, connection_id: str) -> bool:
        """See ``Inbox.knows``."""
        return connection_id == self._connection_id

    def is_whole(self, _: str) -> bool:
        """See ``Inbox.is_whole``: it keeps nothing back."""
        return True

    def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
        """See ``Inbox.record``."""
        return [self.judge(incoming) is Verdict.WANTED for incoming in batch]

    def judge(self, incoming: Incoming) -> Verdict:
        """Take a message, and say what it is."""
        with self._lock:
            return self._take(incoming)

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """See ``Inbox.refuse``."""
        logger.warning("a message of %d characters is dropped: %s", len(delivery.body), reason)
        with self._lock:
            self.refused_count += 1
        telemetry.CLIENT_REFUSED.add(1)

    def _take(self, incoming: Incoming) -> Verdict:
        if incoming.header.connection_id != self._connection_id:
            return self._drop_unsolicited()
        message = incoming.message
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            return self._take_answer(str(message.id))
        is_new = self._copies.take(incoming.header.message_id)
        return Verdict.WANTED if is_new else self._drop_duplicate()

    def _take_answer(self, request_id: str) -> Verdict:
        if request_id in self._outstanding:
            del self._outstanding[request_id]
            self._answered[request_id] = None
            if len(self._answered) > ANSWERED_COUNT:
                self._answered.popitem(last=False)
            return Verdict.WANTED
        if request_id not in self._answered:
            return self._drop_unsolicited()
        return self._drop_duplicate()

    def _drop_duplicate(self) -> Verdict:
        self.duplicate_count += 1
        telemetry.CLIENT_DUPLICATES.add(1)
        return Verdict.DUPLICATE

    def _drop_unsolicited(self) -> Verdict:
        self.unsolicited_count += 1
        telemetry.CLIENT_UNSOLICITED.add(1)
        return Verdict.UNSOLICITED

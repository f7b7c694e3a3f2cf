"""The session's inbox: the ledger records what concerns calls, the rest is the SDK's."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from mcp_types import JSONRPCNotification, JSONRPCRequest

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.logs import plain
from asyncmcp_nb.session.arrivals import arrival_of, is_about_call, refusal_of
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.envelope import is_call_request
from asyncmcp_nb.sns_sqs.inbox import MemoryInbox, Verdict
from asyncmcp_nb.wire import Incoming

logger = logging.getLogger(__name__)


class SessionInbox:
    """Splits what arrives between the desk, which is durable, and the SDK's client."""

    def __init__(
        self, desk: CallDesk, connection_id: str, *, on_request: Callable[[Incoming], None]
    ) -> None:
        """Make one.

        Args:
            desk: Records what concerns calls.
            connection_id: This connected session.
            on_request: Told of a server's request before it is delivered, in a poller's thread.
        """
        self._desk = desk
        self._on_request = on_request
        self._connection_id = connection_id
        self._memory = MemoryInbox(connection_id)
        self._unsolicited_count = 0

    @property
    def unsolicited_count(self) -> int:
        """Messages that belong to no request of this client."""
        return self._unsolicited_count + self._memory.unsolicited_count

    @property
    def duplicate_count(self) -> int:
        """Answers to the SDK's requests that had come before; calls count their own."""
        return self._memory.duplicate_count

    @property
    def refused_count(self) -> int:
        """Messages that could not be verified or read; the ledger has them with the reason."""
        return self._memory.refused_count

    def expect(self, request_id: str) -> None:
        """See ``Inbox.expect``."""
        if not is_call_request(request_id):
            self._memory.expect(request_id)

    def knows(self, connection_id: str) -> bool:
        """See ``Inbox.knows``: the ledger has the calls of earlier sessions."""
        return self._memory.knows(connection_id) or self._desk.ledger.knows(connection_id)

    def is_whole(self, request_id: str, /) -> bool:
        """See ``Inbox.is_whole``: what the ledger records of calls is not delivered."""
        return not is_call_request(request_id)

    def record(self, batch: Sequence[Incoming]) -> Sequence[bool]:
        """See ``Inbox.record``: what concerns calls is committed when this returns."""
        ours = [incoming for incoming in batch if self._is_for_desk(incoming)]
        if ours:
            self._unsolicited_count += self._desk.record(ours)
        for_desk = {id(incoming) for incoming in ours}
        return [id(incoming) not in for_desk and self._is_wanted(incoming) for incoming in batch]

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """See ``Inbox.refuse``: it is in the ledger when this returns."""
        self._desk.ledger.refuse([refusal_of(delivery, reason, time.time())])
        self._memory.refuse(delivery, reason)

    def _is_wanted(self, incoming: Incoming) -> bool:
        verdict = self._memory.judge(incoming)
        if verdict is Verdict.UNSOLICITED:
            self._keep(incoming)
        elif verdict is Verdict.WANTED and isinstance(incoming.message, JSONRPCRequest):
            self._announce(incoming)
        return verdict is Verdict.WANTED

    def _announce(self, incoming: Incoming) -> None:
        try:
            self._on_request(incoming)
        except LedgerError as exc:
            # It is put all the same, without its call.
            logger.warning("a server's question is not traced to its call: %s", plain(exc))

    def _keep(self, incoming: Incoming) -> None:
        if (arrival := arrival_of(incoming, time.time())) is None:
            return
        try:
            self._desk.ledger.record([arrival])
        except LedgerError as exc:
            # Others of its batch are recorded, and must not come again for what nobody waits for.
            logger.warning("an unsolicited message is not kept: %s", plain(exc))

    def _is_for_desk(self, incoming: Incoming) -> bool:
        if is_about_call(incoming):
            return True
        # An earlier session's answers complete its calls; its notifications concern nobody now.
        is_earlier = incoming.header.connection_id != self._connection_id
        return is_earlier and not isinstance(incoming.message, JSONRPCRequest | JSONRPCNotification)

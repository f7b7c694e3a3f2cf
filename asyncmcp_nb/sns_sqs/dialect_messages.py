"""A client's messages, where the servers are those of the ``asyncmcp`` package."""

from __future__ import annotations

import threading
from dataclasses import replace

from mcp_types import JSONRPCMessage, JSONRPCResponse, RequestId

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.addressing import INITIALIZE, is_initialize
from asyncmcp_nb.sns_sqs.dialect import from_asyncmcp, to_asyncmcp
from asyncmcp_nb.sns_sqs.messages import ClaimChecks, Messages
from asyncmcp_nb.wire import Header, Incoming, Outgoing


def client_messages(
    bus: Bus,
    config: SnsSqsTransportConfig,
    *,
    connection_id: str,
    claim_checks: ClaimChecks | None = None,
) -> Messages:
    """How a client writes and reads, for the servers that its config names.

    Raises:
        ConfigError: A signing key is not there, or too short.
    """
    if config.reply_topic_arn is None:
        return Messages(bus, config, outbound="to-server", claim_checks=claim_checks)
    return AsyncmcpMessages(
        bus, config, connection_id=connection_id, reply_topic_arn=config.reply_topic_arn
    )


class AsyncmcpMessages(Messages):
    """Translates on the way out and in, and knows how the server calls this session."""

    def __init__(
        self, bus: Bus, config: SnsSqsTransportConfig, *, connection_id: str, reply_topic_arn: str
    ) -> None:
        super().__init__(bus, config, outbound="to-server")
        self._connection_id = connection_id
        self._reply_topic_arn = reply_topic_arn
        self._lock = threading.Lock()
        self._initialize_id: RequestId | None = None
        self._session_id: str | None = None

    def write(self, message: JSONRPCMessage, header: Header, topic: str) -> Outgoing:
        """See ``Messages.write``; the message is translated."""
        if is_initialize(message):
            self._initialize_id = message.id
        translated, plain = to_asyncmcp(message, header, reply_topic_arn=self._reply_topic_arn)
        return super().write(translated, plain, topic)

    def read(self, delivery: Delivery) -> Incoming:
        """See ``Messages.read``; the message is translated back."""
        incoming = from_asyncmcp(super().read(delivery), self._connection_id, self._session_id)
        return self._as_opening(incoming) if self._is_opening(incoming) else incoming

    def _is_opening(self, incoming: Incoming) -> bool:
        message, header = incoming.message, incoming.header
        return (
            isinstance(message, JSONRPCResponse)
            and message.id == self._initialize_id
            and header.connection_id == self._connection_id
        )

    def _as_opening(self, incoming: Incoming) -> Incoming:
        """The answer to ``initialize``, which says so, as that of our servers does."""
        header = incoming.header
        with self._lock:
            self._session_id = self._session_id or header.session_id
            is_settled = self._session_id == header.session_id
        if not is_settled:
            # ``initialize`` was delivered twice, and opened a second session, which nobody uses.
            return replace(incoming, header=replace(header, connection_id=None))
        return replace(incoming, header=replace(header, method=INITIALIZE))

"""Everything asyncmcp_nb raises on purpose.

::

    AsyncMcpError
    ├── ConfigError                 a profile, deployment or argument of ours is unusable
    │   └── ProfileNotFound         no profile of that name
    ├── MissingDependency           an optional package is not installed
    ├── DecodeError                 a message from a queue is not one of ours
    ├── EncodeError                 a message cannot be written as JSON in UTF-8
    ├── PayloadTooLarge             a message is above the limit of its topic or queue
    ├── BusError                    SNS, SQS or S3 refused or could not be reached
    │   ├── BusUnavailable          no answer: wrong endpoint, broker down, network
    │   ├── BusDenied               credentials missing, expired or not allowed
    │   ├── BusNotFound             the topic, queue, bucket or payload does not exist
    │   │   └── PayloadGone         what a message points to is no longer in its bucket
    │   ├── BusThrottled            the service asked for fewer requests
    │   └── BusClosed               used after close
    ├── BrokerError                 the embedded broker could not be started or stopped
    ├── LedgerError                 the call record cannot be opened or written
    │   └── LedgerInUse             another live session has that file
    ├── AnswerStoreError            what workers share on this host cannot be read or written
    ├── NameInUse                   another live process is connected under this name
    ├── HandshakeTimedOut           no server answered ``connect`` (2025 era)
    ├── LetterNotFound              the dead-letter queue has no message of that id
    ├── ServeError                  the thing to serve is not a server, or failed to start
    ├── SessionClosed               used after ``close()``
    ├── ToolNotFound                the server lists no tool of that name
    ├── InvalidArguments            the arguments do not fit the tool's input schema
    └── CallError                   a call ended without a result
        ├── CallFailed              a JSON-RPC error: ``code``, ``message``, ``data``
        ├── CallTimedOut            its deadline passed
        └── CallCancelled           it was cancelled

The message of each says what went wrong and, where there is one, the next step.
"""

from __future__ import annotations

from typing import Any

from asyncmcp_nb.printable import visible


class AsyncMcpError(Exception):
    """Base of all errors of this package."""


class ConfigError(AsyncMcpError):
    """A profile, deployment or argument of ours is unusable."""


class ProfileNotFound(ConfigError):
    """No profile of that name is configured."""


class MissingDependency(AsyncMcpError):
    """An optional package is not installed; the message holds the install command."""


class DecodeError(AsyncMcpError):
    """A message from a queue is not one of ours.

    Attributes:
        reason: One line that says what is wrong with it, fit for a dead-letter attribute.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EncodeError(AsyncMcpError):
    """A message cannot be written as JSON in UTF-8. Nothing was sent."""


class PayloadTooLarge(AsyncMcpError):
    """A message is above the limit of its topic or queue. Nothing was sent.

    Attributes:
        size_bytes: Body and attributes together.
        limit_bytes: The most that the destination takes.
    """

    def __init__(self, size_bytes: int, limit_bytes: int, setting: str) -> None:
        super().__init__(
            f"message of {size_bytes:,} bytes is above the limit of {limit_bytes:,} bytes; "
            f"{setting}"
        )
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class BusError(AsyncMcpError):
    """SNS, SQS or S3 refused a request, or could not be reached.

    Attributes:
        is_of_payload: Whether a message was not sent since S3 did not take what it points to; its
            topic was not asked.
    """

    is_of_payload: bool = False


class BusUnavailable(BusError):
    """The endpoint did not answer: it is wrong, down, or the network is."""


class BusDenied(BusError):
    """Credentials are missing, expired, or do not allow the action."""


class BusNotFound(BusError):
    """The topic, queue or bucket does not exist, or a payload is no longer in its bucket."""


class PayloadGone(BusNotFound):
    """What a message points to is not, or no longer, in its bucket; the bucket itself is there."""


class BusThrottled(BusError):
    """The service asked for fewer requests, and retries did not help."""


class BusClosed(BusError):
    """The bus was used after it was closed."""


class BrokerError(AsyncMcpError):
    """The embedded broker could not be started or stopped."""


class LedgerError(AsyncMcpError):
    """The call record cannot be opened or written."""


class LedgerInUse(LedgerError):
    """Another live session, of whatever name, has that file."""


class AnswerStoreError(AsyncMcpError):
    """What workers share on this host cannot be read or written; each goes on by itself."""


class NameInUse(AsyncMcpError):
    """Another live process is connected under this name."""


class HandshakeTimedOut(AsyncMcpError):
    """No server answered the handshake in time; the message says how to start one."""


class LetterNotFound(AsyncMcpError):
    """The dead-letter queue has no message of that id, or somebody else holds it just now."""


class ServeError(AsyncMcpError):
    """The thing to serve is not an MCP server, or it failed to start."""


class SessionClosed(AsyncMcpError):
    """The session was used after ``close()``."""


class ToolNotFound(AsyncMcpError):
    """The server lists no tool of that name."""


class InvalidArguments(AsyncMcpError):
    """The arguments do not fit the tool's input schema. Nothing was sent."""


class CallError(AsyncMcpError):
    """A call ended without a result."""


class CallFailed(CallError):
    """The server, or the transport, answered the call with a JSON-RPC error.

    Attributes:
        code: The JSON-RPC error code.
        data: What the error carried besides its message, or None.
    """

    def __init__(self, message: str, *, code: int, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data

    def __str__(self) -> str:
        """The server's words, with what would recolour or rewrite a terminal spelled out."""
        return visible(super().__str__())


class CallTimedOut(CallError):
    """The call's deadline passed before its answer came."""


class CallCancelled(CallError):
    """The call was cancelled before its answer came."""

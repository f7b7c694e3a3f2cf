"""Messages of a dead-letter queue as SQS gives them: read, and fit to be sent again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, cast

from asyncmcp_nb.broker.letters import Letter, message_of, moment
from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.wire import size_bytes
from asyncmcp_nb.wire.attributes import CLIENT_ID, REASON_ATTRIBUTE, WORKER_ID, from_attributes
from asyncmcp_nb.wire.codec import unwrap
from asyncmcp_nb.wire.meta import deadline_of

_ATTRIBUTE_PARTS: Final = frozenset({"DataType", "StringValue", "BinaryValue"})
_SESSION_ID: Final = "SessionId"
_SHOWN_LENGTH: Final = 12
_SIGNATURE = re.compile(r"\b(s=[0-9a-f]{0,8})[^;]*")


@dataclass(frozen=True, slots=True)
class RawLetter:
    """A letter under a lease, with all that sending it again needs."""

    message: Mapping[str, Any] = field(repr=False)
    """As ``ReceiveMessage`` gives it."""

    @property
    def message_id(self) -> str:
        """SQS's own."""
        return self.message["MessageId"]

    @property
    def receipt(self) -> str:
        """Of this lease."""
        return self.message["ReceiptHandle"]

    @property
    def group_id(self) -> str:
        """The FIFO group that the message had, which is its connection.

        A worker that puts a message aside gives it a group of its own here.
        """
        _, attributes = unwrap(self.message["Body"], self._texts)
        try:
            connection_id = from_attributes(attributes).connection_id
        except DecodeError:
            connection_id = None
        # AWS gives every message of a FIFO queue a group; whatever has none is one by itself.
        return connection_id or self._system.get("MessageGroupId", self.message_id)

    @property
    def request_attributes(self) -> dict[str, Mapping[str, Any]]:
        """The attributes that the message had before it became a letter, types and all."""
        return {
            name: {key: value for key, value in entry.items() if key in _ATTRIBUTE_PARTS}
            for name, entry in self.message.get("MessageAttributes", {}).items()
            if name != REASON_ATTRIBUTE
        }

    @property
    def digest(self) -> str:
        """The same for letters of the same content, and no others."""
        content = (self.message["Body"], sorted(self.request_attributes.items()))
        return sha256(repr(content).encode("utf-8", "surrogatepass")).hexdigest()

    def read(self, max_receive_count: int | None) -> Letter:
        """What it says.

        Args:
            max_receive_count: Receives after which SQS moves a message here; None where it does
                not, or it does not matter.
        """
        texts = self._texts
        body, attributes = unwrap(self.message["Body"], texts)
        message = message_of(body, attributes) or {}
        params = _mapping(message.get("params"))
        method = _text(message.get("method")) or attributes.get("Method")
        receive_count = int(self._system.get("ApproximateReceiveCount", 1))
        return Letter(
            message_id=self.message_id,
            reason=texts.get(REASON_ATTRIBUTE)
            or self._unexplained(receive_count, max_receive_count),
            sent_at=datetime.fromtimestamp(int(self._system["SentTimestamp"]) / 1000, UTC),
            receive_count=receive_count,
            method=method,
            tool=_text(params.get("name")) if method == "tools/call" else None,
            request_id=_text(message.get("id")) or attributes.get("RequestId"),
            client_id=attributes.get(CLIENT_ID),
            deadline=_deadline(params),
            size_bytes=size_bytes(self.message["Body"], texts),
            attributes={
                name: _shortened(name, text)
                for name, text in attributes.items()
                if name != REASON_ATTRIBUTE
            },
            body=body,
        )

    @property
    def _texts(self) -> dict[str, str]:
        return {
            name: entry["StringValue"]
            for name, entry in self.message.get("MessageAttributes", {}).items()
            if "StringValue" in entry
        }

    @property
    def _system(self) -> Mapping[str, str]:
        return self.message.get("Attributes", {})

    def _unexplained(self, receive_count: int, max_receive_count: int | None) -> str:
        was_moved = "DeadLetterQueueSourceArn" in self._system
        if max_receive_count is not None and (was_moved or receive_count > max_receive_count):
            return f"received {max_receive_count} times without an answer"
        return "received too often without an answer" if was_moved else "no reason was given"


def obstacle(letter: Letter, now: datetime) -> str | None:
    """Why it is of no use to send a letter to the server's queue; None where nothing is known."""
    if WORKER_ID in letter.attributes:
        return "a control message: it is of no use to other workers, and to its own no more"
    if letter.deadline is not None and letter.deadline <= now:
        return f"its deadline passed at {moment(letter.deadline)}: workers would drop it"
    return None


def _deadline(params: Mapping[str, Any]) -> datetime | None:
    try:
        seconds = deadline_of(params)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except ValueError:  # beyond the year 9999 in UTC, though not where it was written
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None


def _shortened(name: str, text: str) -> str:
    """An attribute's value without what could be used by whoever reads it."""
    if name == _SESSION_ID and len(text) > _SHOWN_LENGTH:
        return f"{text[:_SHOWN_LENGTH]}…"
    return _SIGNATURE.sub(r"\1…", text) if name == "Delivery" else text

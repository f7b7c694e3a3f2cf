"""Message authentication: an HMAC over a message's body, its attributes and its direction.

A signature is the part ``s`` of the ``Delivery`` attribute: the id of the key, a dot, and the
HMAC-SHA-256 (RFC 2104) in URL-safe base64. It covers what crosses the wire, so that it is checked
before anything is inflated or fetched; the payload of a claim check is covered by its digest, which
is part of ``Delivery`` too. The direction is covered so that a message to a client cannot be played
back to a server.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from asyncmcp_nb.config import MIN_KEY_BYTES
from asyncmcp_nb.errors import ConfigError, DecodeError
from asyncmcp_nb.wire.size import size_bytes

Direction = Literal["to-server", "to-client"]
"""Whom a message is for."""

SIGNED_ATTRIBUTES: Final = (
    *("ClientId", "Delivery", "ExtendedPayloadSize", "MessageType", "Method"),
    *("ProtocolVersion", "RequestId", "SQSLargePayloadSize", "SessionId", "Timestamp", "WorkerId"),
)
"""All that the transport reads. Others may be added on the way, and mean nothing here."""

_DELIVERY: Final = "Delivery"
_KEY_ID_LENGTH: Final = 8
_PART_BYTES: Final = len("s=") + _KEY_ID_LENGTH + len(".") + 43
"""A signature in URL-safe base64 without padding has 43 characters for its 32 bytes."""
_SIGNATURE = re.compile(r"(?:^|;)s=(?P<key>[0-9a-f]{8})\.(?P<code>[A-Za-z0-9_-]{43})\Z")


class KeyRing:
    """Keys that are valid now: the first signs, all verify."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take at least one key.

        Raises:
            ConfigError: There is none, or one has fewer than 32 bytes.
        """
        if not keys or any(len(key) < MIN_KEY_BYTES for key in keys):
            raise ConfigError(f"signing needs keys of at least {MIN_KEY_BYTES} bytes")
        self._keys = {_key_id(key): key for key in keys}
        self._first = _key_id(keys[0])

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._keys)} keys>"

    def sealing(self, direction: Direction) -> Sealing:
        """What signs the messages of one direction."""
        return Sealing(self, direction)

    def sign(
        self, direction: Direction, body: str, attributes: Mapping[str, str]
    ) -> dict[str, str]:
        """The attributes with the signature among them."""
        code = _code(self._keys[self._first], direction, _signed_parts(body, attributes))
        unsigned = attributes.get(_DELIVERY, "")
        signature = f"s={self._first}.{code}"
        return {**attributes, _DELIVERY: f"{unsigned};{signature}" if unsigned else signature}

    def verify(self, direction: Direction, body: str, attributes: Mapping[str, str]) -> None:
        """Check a message.

        Raises:
            DecodeError: It is not signed, or with a key that is not in the ring; or it was changed,
                or goes the other way.
        """
        signature = _SIGNATURE.search(attributes.get(_DELIVERY, ""))
        if signature is None:
            raise DecodeError("message is not signed")
        key = self._keys.get(signature["key"])
        if key is None:
            raise DecodeError("message is signed with an unknown key")
        unsigned = {**attributes, _DELIVERY: attributes[_DELIVERY][: signature.start()]}
        expected = _code(key, direction, _signed_parts(body, unsigned))
        if not hmac.compare_digest(expected, signature["code"]):
            raise DecodeError(
                "signature does not verify: the message was changed, or goes the other way"
            )


@dataclass(frozen=True, slots=True)
class Sealing:
    """Signs for one direction, and knows before how much longer that makes a message."""

    ring: KeyRing
    direction: Direction

    def added_bytes(self, attributes: Mapping[str, str]) -> int:
        """What ``sign`` adds to a message with these attributes, as SNS and SQS count it."""
        if attributes.get(_DELIVERY):
            return len(";") + _PART_BYTES
        return size_bytes("", {_DELIVERY: ""}) + _PART_BYTES

    def sign(self, body: str, attributes: Mapping[str, str]) -> dict[str, str]:
        """The attributes with the signature among them."""
        return self.ring.sign(self.direction, body, attributes)


def _key_id(key: bytes) -> str:
    """Names a key; whoever could guess the key from it could guess it from a signature."""
    return sha256(b"asyncmcp-nb key id:" + key).hexdigest()[:_KEY_ID_LENGTH]


def _signed_parts(body: str, attributes: Mapping[str, str]) -> Iterable[str]:
    yield body
    for name in SIGNED_ATTRIBUTES:
        # A missing attribute and an empty one are the same on SNS, which takes no empty value.
        yield attributes.get(name, "")


def _code(key: bytes, direction: Direction, parts: Iterable[str]) -> str:
    digest = hmac.new(key, direction.encode(), sha256)
    for part in parts:
        # Surrogates are no UTF-8; a body from outside may hold them all the same.
        encoded = part.encode("utf-8", "surrogatepass")
        # The length in front keeps neighbours apart.
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return base64.urlsafe_b64encode(digest.digest()).decode("ascii").rstrip("=")

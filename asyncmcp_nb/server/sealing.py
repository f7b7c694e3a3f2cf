"""2025-era sessions without a session table: the session id *is* the handshake, sealed.

Any worker with the deployment's key opens it; nobody else can make one, and one that was copied to
another connection does not open.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from mcp_types import InitializeRequestParams
from pydantic import ValidationError

from asyncmcp_nb.config import MIN_KEY_BYTES
from asyncmcp_nb.errors import ConfigError, DecodeError
from asyncmcp_nb.wire import Header

_NONCE_BYTES: Final = 12
_MAX_HANDSHAKE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Handshake:
    """What ``initialize`` settled."""

    params: InitializeRequestParams
    protocol_version: str
    reply_topic: str | None = None
    """The topic that the client named for its answers; None for the deployment's own."""


class Sealer:
    """Seals and opens handshakes under one key."""

    def __init__(self, key: bytes | None = None) -> None:
        """Use ``key`` (at least 32 bytes), or a random one that dies with this object."""
        if key is not None and len(key) < MIN_KEY_BYTES:
            raise ConfigError(f"a session key needs at least {MIN_KEY_BYTES} bytes")
        self._cipher = AESGCM(sha256(key or os.urandom(MIN_KEY_BYTES)).digest())

    def seal(self, handshake: Handshake, owner: str) -> str:
        """Make a session id for one owner (a connection)."""
        params = handshake.params.model_dump(by_alias=True, mode="json", exclude_none=True)
        facts = {"v": handshake.protocol_version, "p": params}
        if handshake.reply_topic is not None:
            facts["t"] = handshake.reply_topic
        plain = json.dumps(facts).encode()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, zlib.compress(plain), owner.encode())
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii").rstrip("=")

    def open(self, session_id: str, owner: str) -> Handshake:
        """Read a session id.

        Raises:
            DecodeError: It was made with another key, for another owner, or made up.
        """
        facts = self._facts(session_id, owner)
        try:
            params = InitializeRequestParams.model_validate(facts["p"], by_name=False)
            return Handshake(params, facts["v"], facts.get("t"))
        except (ValidationError, KeyError) as exc:
            raise _unknown(exc) from None

    def topic_of(self, header: Header) -> str | None:
        """See ``Sessions.topic_of``."""
        if header.session_id is None:
            return None
        try:
            return self._facts(header.session_id, owner_of(header)).get("t")
        except DecodeError:
            return None

    def _facts(self, session_id: str, owner: str) -> dict[str, Any]:
        try:
            raw = base64.b64decode(session_id + "=" * (-len(session_id) % 4), b"-_", validate=True)
            packed = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
            # Sealed by us, so its size is what we let in; bounded all the same.
            plain = zlib.decompressobj().decompress(packed, _MAX_HANDSHAKE_BYTES)
            return json.loads(plain)
        except (binascii.Error, ValueError, InvalidTag) as exc:
            raise _unknown(exc) from None


def owner_of(header: Header) -> str:
    """Whose a session is: it opens for this connection of this client only."""
    return f"{header.client_id}/{header.connection_id or ''}"


def _unknown(reason: Exception) -> DecodeError:
    return DecodeError(f"unknown session ({type(reason).__name__})")

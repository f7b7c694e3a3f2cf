"""What an app seals into ``requestState``, made readable to every worker of a deployment.

An ``MCPServer`` seals it under a key of its own process unless it was given keys, so the retry of a
client would fail at every worker but the one that asked for input.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from mcp.server.lowlevel.server import Server
from mcp.server.request_state import (
    AESGCMRequestStateCodec,
    InvalidRequestState,
    RequestStateBoundary,
    RequestStateCodec,
)

_KEY_BYTES: Final = 32
_LABEL: Final = b"asyncmcp-nb/request-state/1"
"""Sets this key apart from the one that seals sessions, though both come from one secret."""


class SharedCodec:
    """Seals with the deployment's key; opens with that, or with what the app had before."""

    def __init__(self, session_key: bytes, own: RequestStateCodec) -> None:
        derived = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_LABEL)
        self._shared = AESGCMRequestStateCodec([derived.derive(session_key)])
        self._own = own

    def seal(self, payload: bytes) -> str:
        """A token that any worker of the deployment opens."""
        return self._shared.seal(payload)

    def unseal(self, token: str) -> bytes:
        """What a token holds.

        Raises:
            InvalidRequestState: Neither of the two made it.
        """
        try:
            return self._shared.unseal(token)
        except InvalidRequestState:
            return self._own.unseal(token)


def with_shared_state(server: Server[Any], session_key: bytes) -> Server[Any]:
    """The same server, whose ``requestState`` every worker with this key opens.

    The given server is left as it is, for it may be served on another deployment, or over HTTP. Its
    handlers are shared, and so is all that the app keeps.
    """
    middleware = [
        _shared(part, session_key) if isinstance(part, RequestStateBoundary) else part
        for part in server.middleware
    ]
    if middleware == server.middleware:
        return server
    shared = copy.copy(server)
    shared.middleware = middleware
    return shared


def _shared(boundary: RequestStateBoundary, session_key: bytes) -> RequestStateBoundary:
    # The SDK offers no way to its policy; expiry, audience and principal stay the app's.
    policy = copy.copy(boundary._security)  # pyright: ignore[reportPrivateUsage] - no public way
    policy.codec = SharedCodec(session_key, policy.codec)
    made = copy.copy(boundary)
    made._security = policy  # pyright: ignore[reportPrivateUsage] - as above, on our own copy
    return made

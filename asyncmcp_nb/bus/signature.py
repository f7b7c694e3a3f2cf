"""Signatures of requests to AWS, version 4: pure.

As https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html has
them, for the only kind of request that this room signs itself: a POST to the root of an endpoint.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final, Protocol

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TERMINATOR: Final = "aws4_request"


class Credentials(Protocol):
    """Of one moment, as botocore's ``get_frozen_credentials`` gives them."""

    @property
    def access_key(self) -> str:
        """The part that is no secret."""
        ...

    @property
    def secret_key(self) -> str:
        """What signatures are made with."""
        ...

    @property
    def token(self) -> str | None:
        """Of a session; None for keys that have no end."""
        ...


class Signer:
    """Signs for one endpoint of a service. Safe to use from any thread."""

    def __init__(self, service: str, region: str, host: str) -> None:
        """Sign for an endpoint.

        Args:
            service: Its name in signatures: ``sqs``, ``sns``.
            region: AWS region.
            host: As the header ``Host`` names it.
        """
        self._service = service
        self._region = region
        self._host = host
        self._latest: tuple[str, str, bytes] = ("", "", b"")
        """The key made last, after the day and the secret that it is of: one serves for a day."""

    def sign(
        self, headers: Mapping[str, str], body: bytes, credentials: Credentials, *, at: float
    ) -> dict[str, str]:
        """The headers of a POST to ``/``, with those that sign it.

        Args:
            headers: Others than ``Host``, ``X-Amz-*`` and ``Authorization``; none has a space at
                an end, or two together, in its value.
            body: What is sent.
            credentials: Whose request it is.
            at: Unix seconds.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        signed = {**headers, "Host": self._host, "X-Amz-Date": stamp}
        if credentials.token:
            signed["X-Amz-Security-Token"] = credentials.token
        lines = sorted((name.lower(), value) for name, value in signed.items())
        names = ";".join(name for name, _ in lines)
        listed = "".join(f"{name}:{value}\n" for name, value in lines)
        request = f"POST\n/\n\n{listed}\n{names}\n{hashlib.sha256(body).hexdigest()}"

        scope = f"{stamp[:8]}/{self._region}/{self._service}/{_TERMINATOR}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = self._key(stamp[:8], credentials.secret_key)
        signature = hmac.digest(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), "sha256")
        signed["Authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature.hex()}"
        )
        return signed

    def _key(self, day: str, secret: str) -> bytes:
        known_day, known_secret, key = self._latest
        if (known_day, known_secret) != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, _TERMINATOR):
                key = hmac.digest(key, part.encode(), "sha256")
            self._latest = (day, secret, key)
        return key

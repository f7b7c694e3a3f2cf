"""AWS's part, played within the process: no request leaves it."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def answering(
    client: Any, operation: str, body: bytes, status_code: int = 200
) -> Generator[list[Any]]:
    """Answer a client's requests of one operation, such as ``sns.PublishBatch``.

    Yields:
        The requests so far.
    """
    made: Any = AWSResponse
    seen: list[Any] = []

    def answer(request: Any, **_: Any) -> Any:
        seen.append(request)
        return made(request.url, status_code, {}, _Body(body))

    client.meta.events.register(f"before-send.{operation}", answer)
    try:
        yield seen
    finally:
        client.meta.events.unregister(f"before-send.{operation}", answer)

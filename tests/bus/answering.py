"""AWS's part, played within the process: no request leaves it."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse


class _Body(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Answering:
    """What is asked, and how it is answered."""

    def __init__(self, body: bytes, status_code: int) -> None:
        self.seen: list[Any] = []
        """The requests so far."""
        self.answer: Callable[[Any], tuple[int, bytes]] = lambda _: (status_code, body)
        """Status and body for a request."""

    def __call__(self, request: Any, **_: Any) -> Any:
        made: Any = AWSResponse
        self.seen.append(request)
        status_code, body = self.answer(request)
        return made(request.url, status_code, {}, _Body(body))


@contextmanager
def answered(
    client: Any, operation: str, body: bytes, status_code: int = 200
) -> Generator[Answering]:
    """Answer a client's requests of one operation, such as ``sns.PublishBatch``."""
    answering = Answering(body, status_code)
    client.meta.events.register(f"before-send.{operation}", answering)
    try:
        yield answering
    finally:
        client.meta.events.unregister(f"before-send.{operation}", answering)

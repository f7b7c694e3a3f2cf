"""The write side of the SDK's stream pair, and waiting on a loop for what a thread publishes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

import anyio
from mcp.shared.message import SessionMessage

from asyncmcp_nb.errors import BusError
from asyncmcp_nb.sns_sqs.handoff import Handoff


class Publication:
    """Waits on a loop until a message was accepted or given up."""

    def __init__(self, handoff: Handoff) -> None:
        self._handoff = handoff
        self._settled = anyio.Event()
        self._error: BusError | None = None

    def done(self, error: BusError | None) -> None:
        """Settle it, from any thread."""
        self._handoff.post(partial(self._settle, error))

    def _settle(self, error: BusError | None) -> None:
        self._error = error
        self._settled.set()

    async def wait(self) -> None:
        """Wait until it is settled.

        Raises:
            BusError: The message was given up.
        """
        await self._settled.wait()
        if self._error is not None:
            raise self._error


class StreamWriter:
    """The SDK's ``WriteStream`` around a function."""

    def __init__(self, send: Callable[[SessionMessage], Awaitable[None]]) -> None:
        self._send = send
        self._closed = False

    async def send(self, item: SessionMessage, /) -> None:
        """Return when the message was accepted by its topic.

        Raises:
            anyio.ClosedResourceError: The stream is closed.
            EncodeError: The message is not JSON in UTF-8; nothing was sent.
            PayloadTooLarge: The message is above the topic's limit; nothing was sent.
            BusError: It was given up.
        """
        if self._closed:
            raise anyio.ClosedResourceError
        await self._send(item)

    async def aclose(self) -> None:
        """Refuse further messages."""
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

"""Hearing from a 2026-era server that its tools have changed: a ``subscriptions/listen`` stream.

A stream costs two messages when it begins and nothing while nothing changes. A server that stops in
good order ends it, and the next request to listen waits in the queue until a server is there again:
that is how a session learns of a restarted one. A worker that is killed says nothing, so a stream
is begun anew from time to time, but only where calls were answered meanwhile: a session that
nobody uses stays quiet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from mcp import Client, MCPError
from mcp.client.subscriptions import Subscription, SubscriptionLost

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.logs import plain

logger = logging.getLogger(__name__)

RENEW_SECONDS: Final = 900.0
"""How old a stream may grow in a session that is in use. Our choice: ten AWS requests each time."""
_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 600.0
"""Between streams that end at once; the pause doubles from the one to the other."""
_STABLE_SECONDS: Final = 60.0
"""A stream that lasted so long was none of those."""


class ToolNews:
    """Listens for one session, as long as it is open."""

    def __init__(
        self,
        refresh: Callable[[], Awaitable[None]],
        ended_count: Callable[[], int],
        *,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """Make one.

        Args:
            refresh: Lists the tools again.
            ended_count: Calls that have ended in this session.
            renew_seconds: How old a stream may grow.
        """
        self._refresh = refresh
        self._ended_count = ended_count
        self._renew_seconds = renew_seconds

    async def follow(self, client: Client) -> None:
        """Listen until cancelled; returns where the server tells nothing of its tools.

        Each change comes to the client's message handler, as in the 2025 era.
        """
        pause = _RETRY_SECONDS
        is_again = False
        while _tells_of_tools(client):
            began = time.monotonic()
            try:
                async with client.listen(tools_list_changed=True) as stream:
                    if not stream.honored.tools_list_changed:
                        return
                    began = time.monotonic()
                    if is_again:
                        await self._refresh()
                    is_again = True
                    if await self._drain(stream):
                        continue
            except (MCPError, SubscriptionLost, AsyncMcpError) as exc:
                logger.info("a stream of changes was lost: %s", plain(exc))
            if time.monotonic() - began > _STABLE_SECONDS:
                pause = _RETRY_SECONDS
            await anyio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY_SECONDS)

    async def _drain(self, stream: Subscription) -> bool:
        """Wait for its end; whether it is to be begun anew for its age."""
        while True:
            before = self._ended_count()
            with anyio.move_on_after(self._renew_seconds):
                async for _ in stream:
                    pass
                return False
            if self._ended_count() != before:
                return True


def _tells_of_tools(client: Client) -> bool:
    tools = client.server_capabilities.tools
    return tools is not None and bool(tools.list_changed)

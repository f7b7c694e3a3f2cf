"""What is known of the server: who it is, and its tools. On the client's loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import anyio
from mcp import Client, MCPError
from mcp_types import METHOD_NOT_FOUND, DiscoverRequest, DiscoverResult, ListToolsResult, Tool
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError, ToolNotFound
from asyncmcp_nb.session.validation import ArgumentCheck, find_tool

logger = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 0.5
"""Between two listings that a server causes, however often it says that something changed."""


class ToolList(list[Tool]):
    """The tools of a server; a notebook shows them as a table."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        super().__init__(tools)
        self._checks: dict[str, ArgumentCheck] = {}

    def __repr__(self) -> str:
        return f"<ToolList: {', '.join(tool.name for tool in self) or 'no tools'}>"

    def check(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Check a call; see ``Catalogue.check``. A tool's schema is made ready once."""
        check = self._checks.get(name)
        if check is None:
            check = self._checks[name] = ArgumentCheck(find_tool(self, name))
        check.check(arguments)


class Catalogue:
    """A server's tools as last listed, and the asking for them."""

    def __init__(self, changed: Callable[[], object] = lambda: None) -> None:
        """Make an empty one.

        Args:
            changed: Called on the client's loop when the tools are others than before.
        """
        self._changed = changed
        self._is_stale = False
        self._is_refreshing = False
        self.tools: ToolList | None = None
        """None while no server has answered; another object whenever they have changed."""
        self.trouble: str | None = None
        """Why the server could not be asked, or None."""

    def tool(self, name: str) -> Tool:
        """A tool as last listed.

        Raises:
            ToolNotFound: It is not there, or nothing was listed yet.
        """
        if self.tools is None:
            raise ToolNotFound(f"no tool {name!r} is known yet; `await session.list_tools()` first")
        return find_tool(self.tools, name)

    def check(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Check a call, where the tools are known.

        Raises:
            ToolNotFound: The server lists no such tool.
            InvalidArguments: They do not fit its schema.
        """
        if self.tools is not None:
            self.tools.check(name, arguments)

    async def meet(self, client: Client, *, discover: bool) -> None:
        """Learn who the server is and what it offers, whenever it comes; trouble is noted."""
        try:
            if discover:
                found = await client.session.send_request(DiscoverRequest(), DiscoverResult)
                client.session.adopt(found)
            await self.list_tools(client)
        except (MCPError, ValidationError, AsyncMcpError) as exc:
            self.trouble = f"the server did not introduce itself: {exc}"
            logger.info("%s", self.trouble)

    def forget(self) -> None:
        """Know no tools until they are listed again."""
        self.tools = None
        self._changed()

    async def refresh(self, client: Client) -> None:
        """List again, since the server says that something changed; trouble is noted.

        What comes while a listing is under way causes one more, and no more than one.
        """
        self._is_stale = True
        if self._is_refreshing:
            return
        self._is_refreshing = True
        try:
            while self._is_stale:
                self._is_stale = False
                await self.list_tools(client)
                await anyio.sleep(_PAUSE_SECONDS)
        except (MCPError, ValidationError, AsyncMcpError) as exc:
            self.trouble = f"the server did not list its tools: {exc}"
            logger.info("%s", self.trouble)
        finally:
            self._is_refreshing = False

    async def list_tools(self, client: Client) -> ToolList:
        """Ask for all pages of the list; a server without tools has an empty one.

        Raises:
            MCPError: The server answered with another error.
        """
        tools = ToolList()
        cursor: str | None = None
        while True:
            page = await _page(client, cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return self._take(tools)

    def _take(self, tools: ToolList) -> ToolList:
        """Keep the list; the one there was where nothing changed, so that views can tell."""
        self.trouble = None
        if self.tools is None or self.tools != tools:
            self.tools = tools
            self._changed()
        return self.tools


async def _page(client: Client, cursor: str | None) -> ListToolsResult:
    try:
        return await client.list_tools(cursor=cursor, cache_mode="bypass")
    except MCPError as exc:
        if exc.code != METHOD_NOT_FOUND:
            raise
        return ListToolsResult(tools=[])

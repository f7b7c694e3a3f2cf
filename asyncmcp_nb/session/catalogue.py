"""What is known of the server: who it is, and its tools. On the client's loop."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import anyio
from mcp import Client, MCPError
from mcp_types import METHOD_NOT_FOUND, DiscoverRequest, DiscoverResult, ListToolsResult, Tool
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError, ToolNotFound
from asyncmcp_nb.logs import plain
from asyncmcp_nb.session.validation import ArgumentCheck, find_tool

logger = logging.getLogger(__name__)

Ask = Callable[[Client], Awaitable[object]]

_INTRODUCE: Final = "introduce itself"
_LIST: Final = "list its tools"
_GRACE_SECONDS: Final = 0.5
"""How long who waits for a server's tools waits for its name, once they are there."""
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


class Meeting:
    """How far a meeting with a server is."""

    def __init__(self) -> None:
        self.listed = anyio.Event()
        """The tools are there, or the server did not list them."""
        self.ended = anyio.Event()


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
        self._meeting: Meeting | None = None
        self.tools: ToolList | None = None
        """None while no server has answered; another object whenever they have changed."""
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """What the server did not do when it was asked, and why; or None."""
        return next(iter(self._troubles.values()), None)

    def tool(self, name: str) -> Tool:
        """A tool as last listed.

        Raises:
            ToolNotFound: It is not there, or nothing was listed yet.
        """
        if self.tools is None:
            raise ToolNotFound(f"no tool {name!r} is known yet; `await session.list_tools()` first")
        return find_tool(self.tools, name)

    def check(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Check a call, of arguments as JSON has them, where the tools are known.

        Raises:
            ToolNotFound: The server lists no such tool.
            InvalidArguments: They do not fit its schema.
        """
        if self.tools is not None:
            self.tools.check(name, arguments)

    def expect(self) -> Meeting:
        """Let ``met`` wait for a meeting that is about to begin, with ``meet``."""
        self._meeting = Meeting()
        return self._meeting

    async def meet(self, client: Client, meeting: Meeting, *, discover: bool) -> None:
        """Learn who the server is and what it offers, whenever it comes; trouble is noted."""
        try:
            async with anyio.create_task_group() as both:
                if discover:
                    both.start_soon(self._noting, _INTRODUCE, _introduction, client)
                both.start_soon(self._list_first, client, meeting)
        finally:
            meeting.ended.set()

    async def _list_first(self, client: Client, meeting: Meeting) -> None:
        try:
            await self._noting(_LIST, self.list_tools, client)
        finally:
            meeting.listed.set()

    async def met(self, client: Client) -> ToolList:
        """The tools that are asked for already, where the server is being met; else ``list_tools``.

        Raises:
            MCPError: The server answered with another error.
        """
        meeting = self._meeting
        if meeting is None or meeting.listed.is_set():
            return await self.list_tools(client)
        await meeting.listed.wait()
        if self.tools is None:
            return await self.list_tools(client)
        with anyio.move_on_after(_GRACE_SECONDS):
            await meeting.ended.wait()
        return self.tools

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
            await self._noting(_LIST, self._list_while_stale, client)
        finally:
            self._is_refreshing = False

    async def _list_while_stale(self, client: Client) -> None:
        while self._is_stale:
            self._is_stale = False
            await self.list_tools(client)
            await anyio.sleep(_PAUSE_SECONDS)

    async def _noting(self, what: str, ask: Ask, client: Client) -> None:
        """Ask; where the server does not do that, it is what troubles the session."""
        try:
            await ask(client)
        except (MCPError, ValidationError, AsyncMcpError) as exc:
            self._troubles[what] = f"the server did not {what}: {exc}"
            logger.info("the server did not %s: %s", what, plain(exc))
        else:
            self._troubles.pop(what, None)

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
        self._troubles.pop(_LIST, None)
        if self.tools is None or self.tools != tools:
            self.tools = tools
            self._changed()
        return self.tools


async def _introduction(client: Client) -> None:
    """Ask a server who it is.

    Raises:
        AsyncMcpError: It speaks none of the protocol's versions that this client speaks.
        MCPError: The server answered with an error.
        ValidationError: It answered with something else.
    """
    found = await client.session.send_request(DiscoverRequest(), DiscoverResult)
    try:
        client.session.adopt(found)
    except RuntimeError as exc:
        raise AsyncMcpError(str(exc)) from exc


async def _page(client: Client, cursor: str | None) -> ListToolsResult:
    try:
        return await client.list_tools(cursor=cursor, cache_mode="bypass")
    except MCPError as exc:
        if exc.code != METHOD_NOT_FOUND:
            raise
        return ListToolsResult(tools=[])

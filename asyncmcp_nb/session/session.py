"""``Session``: what a notebook holds in its hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
from mcp import Client
from mcp_types import CallToolResult, Tool

from asyncmcp_nb.errors import CallTimedOut, ConfigError, SessionClosed
from asyncmcp_nb.ledger import NewCall
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.catalogue import ToolList
from asyncmcp_nb.session.displays import Displayed
from asyncmcp_nb.session.engine import Engine
from asyncmcp_nb.session.group import CallGroup
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.log import Log
from asyncmcp_nb.session.new_calls import new_call
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.plain import plain_arguments
from asyncmcp_nb.session.questions import Questions
from asyncmcp_nb.session.sources import Source, argument_rows, checked_source, named_arguments
from asyncmcp_nb.session.status import SessionStatus

_LIST_TIMEOUT_SECONDS: Final = 30.0
_LEAVE_SECONDS: Final = 10.0
"""The most that the SDK's client, and callbacks of the user's, may take to end. Our choice."""


class Session(Displayed):
    """A client's connection to the MCP servers behind a deployment's queues.

    Calls go on without it: what was submitted is in the ledger, its answers arrive while a cell
    blocks, and a later session of the same name finds them.
    """

    def __init__(self, parts: SessionParts, home: Home) -> None:
        super().__init__(parts.displays)
        self._parts = parts
        self._home = home
        self._engine = Engine(parts, home)
        self.name = parts.name
        """The client's name."""
        self.log: Log = self._engine.log
        """Every call of this name, earlier kernels' included."""
        self.questions: Questions = self._engine.questions
        """What servers want to know of a person; see ``connect(on_elicit=)`` for policies."""
        self.connection_id: str = self._engine.connection_id
        """32 hex digits of this connected session; new at each ``connect``."""
        self._closed = False
        self._engine.book.belong_to(self)

    def __repr__(self) -> str:
        return f"<Session {self.snapshot()}>"

    # -- life -------------------------------------------------------------------------------------

    async def open(self) -> Session:
        """Connect; on the home's loop. Returns though no server is there (2026 era)."""
        await self._engine.open()
        return self

    async def close(self) -> None:
        """Disconnect; outstanding calls go on. Connect again under this name to find them.

        It is done to its end though the task is cancelled, and though a step of it fails.

        Raises:
            LedgerError: What was sent last could not be noted; all is closed nevertheless.
        """
        if self._closed:
            return
        self._closed = True
        # A loop that waits for this cannot be ended by it; whoever made it ends it.
        release = partial(self._release, stops_home=not self._home.is_here)
        with anyio.CancelScope(shield=True):
            try:
                with anyio.move_on_after(_LEAVE_SECONDS):
                    await self._home.run(self._home.leave)
            finally:
                await anyio.to_thread.run_sync(release)

    def close_blocking(self) -> None:
        """``close`` for a script, whose session has its loop in a thread."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as steps:
            steps.callback(self._release)
            with suppress(TimeoutError):
                self._home.wait_for(self._home.leave, _LEAVE_SECONDS)

    def flush(self) -> None:
        """Acknowledge and note what is pending, at the end of the process; takes a second."""
        if not self._closed:
            self._engine.release()

    def leave_to_parent(self) -> None:
        """In a fork: take this for closed, and touch nothing, for it is the parent's."""
        self._closed = True

    def _release(self, *, stops_home: bool = True) -> None:
        with ExitStack() as steps:  # the last of these first, and each whatever another raises
            steps.callback(self._parts.close)
            # Views that move show the last there is to read, and that it is over.
            steps.callback(self.log.notify, ())
            if stops_home:
                steps.callback(self._home.stop)
            steps.callback(self.questions.close)
            steps.callback(self._engine.book.close)
            steps.callback(self._engine.release)

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self._parts.deployment

    @property
    def client(self) -> Client:
        """The SDK's client underneath: resources, prompts, completion. For the session's loop.

        Raises:
            SessionClosed: The session is not open.
        """
        self._require_open()
        return self._engine.client

    # -- tools ------------------------------------------------------------------------------------

    @property
    def tools(self) -> ToolList | None:
        """The tools as last listed; None while no server has answered.

        It is another object whenever they have changed. What servers say of that is heard.
        """
        return self._engine.catalogue.tools

    async def list_tools(self, *, timeout: float = _LIST_TIMEOUT_SECONDS) -> ToolList:  # noqa: ASYNC109 - the public API's word for it
        """Ask the server for its tools.

        Args:
            timeout: Seconds to wait for a server.

        Raises:
            CallTimedOut: No server answered in time.
            MCPError: The server answered with an error.
            SessionClosed: The session is closed.
        """
        client = self.client
        try:
            with anyio.fail_after(timeout):
                return await self._home.run(partial(self._engine.catalogue.met, client))
        except TimeoutError:
            raise CallTimedOut(
                f"no server of {self.deployment!r} answered within {timeout:g} s; start one with "
                "%%mcp serve, serve(app) or `asyncmcp-nb serve module:app`"
            ) from None

    def tool(self, name: str) -> Tool:
        """A tool as last listed.

        Raises:
            ToolNotFound: It is not there, or nothing was listed yet.
        """
        return self._engine.catalogue.tool(name)

    def forget_tools(self) -> None:
        """Know no tools until they are listed again, which starts now: the server has changed."""
        self._engine.catalogue.forget()
        if not self._closed:
            self._engine.meet()

    def refresh_tools(self, ended: Callable[[], object] = lambda: None) -> None:
        """Ask the server for its tools again, and go on; ``tools`` has them when it has answered.

        Args:
            ended: Called on the session's loop when that is over, well or not.

        Raises:
            SessionClosed: The session is closed.
        """
        self._require_open()
        self._engine.refresh_tools(ended)

    # -- calls ------------------------------------------------------------------------------------

    def submit(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        **named: Any,
    ) -> Call:
        """Submit a call and go on; never waits for anything but the ledger's file.

        Args:
            tool: Its name.
            arguments: What to call it with.
            timeout: Seconds after which nobody wants the answer; it travels with the call.
            **named: More arguments, by name.

        Raises:
            ToolNotFound: The server lists no such tool. Nothing was sent.
            InvalidArguments: They do not fit the tool's schema. Nothing was sent.
            ConfigError: The timeout is no number.
            SessionClosed: The session is closed.
        """
        [handle] = self._engine.book.submit(
            [self._new_call(tool, named_arguments(tool, arguments, named), timeout)]
        )
        return handle

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it travels with the call
        **named: Any,
    ) -> CallToolResult:
        """Submit a call and wait for its result; see ``submit`` and ``Call.wait``.

        Tasks that call in the same turn of the loop share one write to the ledger.
        """
        new = self._new_call(tool, named_arguments(tool, arguments, named), timeout)
        return await self._engine.book.call(new)

    def map(
        self,
        tool: str,
        source: Source,
        *,
        max_in_flight: int = 200,
        timeout: float | None = None,
        group: str | None = None,
        **common: Any,
    ) -> CallGroup:
        """Submit a call for each row of a DataFrame, each dict, or each value.

        Args:
            tool: Its name.
            source: Rows become arguments by column name (missing values left out), dicts are taken
                as they are, other values go to the tool's single parameter.
            max_in_flight: How many may be outstanding at a time, at least 1; the rest waits in the
                ledger.
            timeout: Seconds for each call, counted from now.
            group: Name in the ledger; the tool's name and the time by default.
            **common: Arguments that all calls share.

        Raises:
            ToolNotFound: The server lists no such tool. Nothing was sent.
            InvalidArguments: The source is none, or a row does not fit the tool's schema; the
                message names the row. Nothing was sent.
            ConfigError: The timeout is no number, or ``max_in_flight`` lets none out.
            SessionClosed: The session is closed.
        """
        self._require_open()
        if max_in_flight < 1:
            raise ConfigError(
                f"max_in_flight={max_in_flight} lets no call out; give 1 or more, or leave it out"
            )
        known = None if self.tools is None else self.tool(tool)
        items = checked_source(source)
        check = partial(self._engine.catalogue.check, tool)
        rows = argument_rows(items, known, common=common, check=check)
        name = group or f"{tool} {time.strftime('%H:%M:%S')}"
        session = self.connection_id
        calls = [
            new_call(tool, row, session=session, timeout_seconds=timeout, group=name)
            for row in rows
        ]
        handles = self._engine.book.submit(calls, max_in_flight=max_in_flight)
        return CallGroup(self._engine.book, handles, name=name, source=items)

    def get(self, call_id: str) -> Call:
        """A call of this session's ledger by its id.

        Raises:
            LedgerError: It has none of this id.
        """
        return self._engine.book.get(call_id)

    def get_many(self, call_ids: Iterable[str]) -> list[Call]:
        """Calls by their ids; ids that the ledger does not have are left out."""
        return self._engine.book.get_many(call_ids)

    # -- looking at it ----------------------------------------------------------------------------

    @property
    def status(self) -> SessionStatus:
        """A snapshot, with the depths of queues as last measured; a thread renews old ones."""
        if not self._closed:
            self._engine.watch.gauge.refresh()
        return self.snapshot()

    def snapshot(self) -> SessionStatus:
        """``status`` that causes no request, for what looks often."""
        return self._engine.snapshot(is_closed=self._closed)

    async def check(self) -> SessionStatus:
        """``status`` with depths of queues that are measured now; a request for each queue."""
        if not self._closed:
            await anyio.to_thread.run_sync(self._engine.watch.gauge.check, abandon_on_cancel=True)
        return self.snapshot()

    # -- inside -----------------------------------------------------------------------------------

    def _new_call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        timeout_seconds: float | None,
    ) -> NewCall:
        self._require_open()
        chosen = plain_arguments(arguments)
        self._engine.catalogue.check(tool, chosen)
        return new_call(tool, chosen, session=self.connection_id, timeout_seconds=timeout_seconds)

    def _require_open(self) -> None:
        self._home.require_own_process()
        if self._closed:
            raise SessionClosed("this session is closed; connect again")

"""``Session``: what a notebook holds in its hand."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from mcp import Client, MCPError
from mcp_types import (
    METHOD_NOT_FOUND,
    CallToolResult,
    DiscoverRequest,
    DiscoverResult,
    ListToolsResult,
    Tool,
)
from pydantic import ValidationError

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import (
    AsyncMcpError,
    CallTimedOut,
    LedgerError,
    SessionClosed,
    ToolNotFound,
)
from asyncmcp_nb.ledger import CallRecord, Ledger, Status
from asyncmcp_nb.session.asking import Answerer
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.desk import CallDesk, new_call
from asyncmcp_nb.session.envelope import MODERN_ERA, Stamp
from asyncmcp_nb.session.group import CallGroup
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.inbox import SessionInbox
from asyncmcp_nb.session.log import Log, LogViews
from asyncmcp_nb.session.sources import Source, argument_rows, plain
from asyncmcp_nb.session.status import SessionStatus
from asyncmcp_nb.session.validation import check_arguments, find_tool
from asyncmcp_nb.sns_sqs.client import ReadEnd, Streams, client_writer, deliver_to
from asyncmcp_nb.sns_sqs.client_link import ClientLink, new_connection_id
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LIST_TIMEOUT_SECONDS = 30.0
"""How long ``list_tools`` waits for a server by default."""


class ToolList(list[Tool]):
    """The tools of a server; a notebook shows them as a table."""

    def __repr__(self) -> str:
        return f"<ToolList: {', '.join(tool.name for tool in self) or 'no tools'}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What a session is made of; ``api.connect`` puts it together."""

    name: str
    deployment: str
    endpoint: str
    era: str
    bus: Bus
    config: SnsSqsTransportConfig
    ledger: Ledger
    views: LogViews
    client_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More arguments for the SDK's ``Client``: callbacks, ``client_info``."""
    on_close: Callable[[], None] = lambda: None
    """Called last, in a thread."""


class Session:
    """A client's connection to the MCP servers behind a deployment's queues.

    Calls go on without it: what was submitted is in the ledger, its answers arrive while a cell blocks,
    and a later session of the same name finds them.
    """

    def __init__(self, parts: SessionParts, home: Home) -> None:
        self._parts = parts
        self._home = home
        self.name = parts.name
        """The client's name."""
        self.log = Log(parts.ledger, parts.views)
        """Every call of this name, earlier kernels' included."""
        self._stamp = _stamp(parts)
        self._calls: WeakValueDictionary[str, Call] = WeakValueDictionary()
        self._connection_id = new_connection_id()
        self._desk = CallDesk(parts.ledger, self._stamp, self._records_changed)
        self._inbox = SessionInbox(self._desk, self._connection_id)
        self._link: ClientLink | None = None
        self._client: Client | None = None
        self._answerer: Answerer | None = None
        self._tools: ToolList | None = None
        self._trouble: str | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Session {self.status}>"

    # -- life -------------------------------------------------------------------------------------

    async def open(self) -> Session:
        """Connect; on the home's loop. Returns though no server is there (2026 era)."""
        handoff = Handoff()
        mailbox: ReadEnd = Mailbox(handoff)
        link = ClientLink(
            self._parts.bus,
            self._parts.config,
            partial(deliver_to, mailbox),
            inbox=self._inbox,
            connection_id=self._connection_id,
        )
        self._link = link

        @asynccontextmanager
        async def transport() -> AsyncIterator[Streams]:
            yield mailbox, client_writer(link, handoff)

        mode = self._parts.era if self._parts.era == MODERN_ERA else "legacy"
        client = Client(transport(), mode=mode, **self._parts.client_options)
        link.start()
        self._client = await self._home.enter(client)
        self._answerer = Answerer(client, self._desk)
        resumed = await anyio.to_thread.run_sync(self._desk.start, link)
        self._answer_asked(self._parts.ledger.get_many(resumed))
        self._home.start_soon(self._meet)
        return self

    async def close(self) -> None:
        """Disconnect. Outstanding calls go on; connect again under this name to find their answers."""
        if self._closed:
            return
        self._closed = True
        await self._home.run(self._home.leave)
        await anyio.to_thread.run_sync(self._release)

    def _release(self) -> None:
        self._desk.close()
        if self._link is not None:
            self._link.close()
        self._home.stop()
        self._parts.ledger.close()
        self._parts.bus.close()
        self._parts.on_close()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def close_blocking(self) -> None:
        """``close`` for a script, whose session has its loop in a thread."""
        if self._closed:
            return
        self._closed = True
        self._home.wait_for(self._home.leave)
        self._release()

    def flush(self) -> None:
        """Acknowledge and note what is pending, at the end of the process; blocks for a second."""
        if not self._closed and self._link is not None:
            self._desk.close()
            self._link.close()

    @property
    def connection_id(self) -> str:
        """32 hex digits of this connected session; new at each ``connect``."""
        return self._connection_id

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self._parts.deployment

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    # -- tools ------------------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The SDK's client underneath: resources, prompts, completion. Use it on the session's loop.

        Raises:
            SessionClosed: The session is not open.
        """
        if self._client is None or self._closed:
            raise SessionClosed("this session is closed; connect again")
        return self._client

    @property
    def tools(self) -> ToolList | None:
        """The tools as last listed; None while no server has answered."""
        return self._tools

    async def list_tools(self, *, timeout: float = _LIST_TIMEOUT_SECONDS) -> ToolList:
        """Ask the server for its tools.

        Args:
            timeout: Seconds to wait for a server.

        Raises:
            CallTimedOut: No server answered in time.
            SessionClosed: The session is closed.
        """
        self._require_open()
        try:
            with anyio.fail_after(timeout):
                return await self._home.run(self._list_tools)
        except TimeoutError:
            raise CallTimedOut(
                f"no server of {self._parts.deployment!r} answered within {timeout:g} s; start one with "
                "%%mcp serve, serve(app) or `asyncmcp-nb serve module:app`"
            ) from None

    def tool(self, name: str) -> Tool:
        """A tool as last listed.

        Raises:
            ToolNotFound: It is not there, or nothing was listed yet.
        """
        if self._tools is None:
            raise ToolNotFound(f"no tool {name!r} is known yet; `await session.list_tools()` first")
        return find_tool(self._tools, name)

    def forget_tools(self) -> None:
        """Know no tools until they are listed again, which starts now: the server has changed."""
        self._tools = None
        if not self._closed:
            self._home.start_soon(self._meet)

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
            arguments: What to call it with; more may be given by name.
            timeout: Seconds after which nobody wants the answer; it travels with the call.

        Raises:
            ToolNotFound: The server lists no such tool. Nothing was sent.
            InvalidArguments: They do not fit the tool's schema. Nothing was sent.
            SessionClosed: The session is closed.
        """
        self._require_open()
        chosen = {str(k): plain(v) for k, v in {**(arguments or {}), **named}.items()}
        if self._tools is not None:
            check_arguments(find_tool(self._tools, tool), chosen)
        call = new_call(tool, chosen, session=self._connection_id, timeout_seconds=timeout)
        self._desk.submit([call])
        return self.get(call.call_id)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | None = None,
        **named: Any,
    ) -> CallToolResult:
        """Submit a call and wait for its result; see ``submit`` and ``Call.wait``."""
        return await self.submit(tool, arguments, timeout=timeout, **named)

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
            source: Rows become arguments by column name (missing values left out), dicts are taken as
                they are, other values go to the tool's single parameter.
            max_in_flight: How many may be outstanding at a time; the rest waits in the ledger.
            timeout: Seconds for each call, counted from now.
            group: Name in the ledger; the tool's name and the time by default.
            **common: Arguments that all calls share.

        Raises:
            ToolNotFound, InvalidArguments: As ``submit``, naming the row. Nothing was sent.
        """
        self._require_open()
        known = None if self._tools is None else find_tool(self._tools, tool)
        rows = [{**common, **row} for row in argument_rows(source, known)]
        if known is not None:
            for row in rows:
                check_arguments(known, row)
        name = group or f"{tool} {time.strftime('%H:%M:%S')}"
        calls = [
            new_call(
                tool, row, session=self._connection_id, timeout_seconds=timeout, group=name
            )
            for row in rows
        ]
        self._desk.submit(calls, max_in_flight=max_in_flight)
        return CallGroup(self, name, self.get_many([call.call_id for call in calls]), source)

    def get(self, call_id: str) -> Call:
        """A call of this session's ledger by its id.

        Raises:
            LedgerError: It has none of this id.
        """
        found = self.get_many([call_id])
        if not found:
            raise LedgerError(f"no call {call_id!r} in the ledger of {self.name!r}")
        return found[0]

    def get_many(self, call_ids: Iterable[str]) -> list[Call]:
        """Calls by their ids; ids that the ledger does not have are left out."""
        return [self._handle(record) for record in self._parts.ledger.get_many(call_ids)]

    # -- status -----------------------------------------------------------------------------------

    @property
    def status(self) -> SessionStatus:
        """A snapshot."""
        parts = self._parts
        ledger = None if self._closed else parts.ledger
        error = None if self._link is None else self._link.statistics().last_error
        return SessionStatus(
            name=parts.name,
            deployment=parts.deployment,
            endpoint=parts.endpoint,
            era=parts.era,
            server=self._server_name(),
            state=self._state(error is not None),
            counts={} if ledger is None else ledger.counts(),
            oldest_outstanding_at=None if ledger is None else ledger.oldest_outstanding_at(),
            waiting_count=self._desk.waiting_count,
            unsolicited_count=self._inbox.unsolicited_count,
            requests=parts.bus.statistics().requests,
            error=self._trouble if error is None else str(error),
        )

    def _state(self, is_unreachable: bool) -> str:
        if self._closed:
            return "closed"
        if is_unreachable:
            return "broker unreachable"
        return "waiting for a server" if self._tools is None else "connected"

    def _server_name(self) -> str | None:
        info = None if self._client is None or self._closed else self._client.server_info
        return None if info is None else f"{info.name} {info.version}".strip()

    # -- for calls and groups ---------------------------------------------------------------------

    def record(self, call_id: str) -> CallRecord | None:
        """See ``CallOwner``."""
        return self._parts.ledger.get(call_id)

    def records(self, call_ids: Sequence[str]) -> list[CallRecord]:
        """See ``GroupOwner``."""
        return self._parts.ledger.get_many(call_ids)

    def failure(self, call_id: str) -> Exception | None:
        """See ``CallOwner``."""
        return self._desk.failure(call_id)

    def cancel(self, call_id: str) -> bool:
        """Give a call up by its id; False where it had ended."""
        self._require_open()
        return self._desk.cancel(call_id)

    def retry(self, call_id: str, overrides: Mapping[str, Any]) -> Call:
        """Submit a call again as a new one, with some arguments replaced."""
        self._require_open()
        record = self.get(call_id).record
        arguments = {**record.arguments, **overrides}
        if self._tools is not None:
            check_arguments(find_tool(self._tools, record.tool), arguments)
        call = new_call(
            record.tool,
            arguments,
            session=self._connection_id,
            timeout_seconds=None if record.deadline is None else record.deadline - record.submitted_at,
            group=record.group,
            retry_of=call_id,
        )
        self._desk.submit([call])
        return self.get(call.call_id)

    def joined_frame(self, source: Any, call_ids: Sequence[str]) -> pd.DataFrame:
        """See ``GroupOwner``."""
        return self._parts.views.join(source, self.records(call_ids))

    async def wait_at_home(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See ``CallOwner``."""
        if not self._home.is_here:
            return await make()
        with self._home.beating():
            return await make()

    def block(self, make: Callable[[], Coroutine[Any, Any, T]], timeout_seconds: float | None) -> T:
        """See ``CallOwner``."""
        return self._home.wait_for(make, timeout_seconds)

    # -- inside -----------------------------------------------------------------------------------

    def _require_open(self) -> None:
        if self._closed:
            raise SessionClosed("this session is closed; connect again")

    def _handle(self, record: CallRecord) -> Call:
        known = self._calls.get(record.call_id)
        if known is not None:
            return known
        call = self._calls.setdefault(record.call_id, Call(self, record))
        # It may have ended between the read and the entry, when nobody would have told it.
        current = self._parts.ledger.get(record.call_id)
        if current is not None:
            call.update(current.status)
        return call

    def _records_changed(self, records: Sequence[CallRecord]) -> None:
        """From the desk, in one of its threads."""
        for record in records:
            call = self._calls.get(record.call_id)
            if call is not None:
                call.update(record.status)
        self._answer_asked(records)
        self.log.notify(records)

    def _answer_asked(self, records: Sequence[CallRecord]) -> None:
        answerer = self._answerer
        if answerer is None:
            return
        for record in records:
            if record.status is Status.INPUT_REQUIRED:
                self._home.start_soon(partial(answerer.answer, record))

    async def _meet(self) -> None:
        """Learn who the server is and what it offers, whenever it comes."""
        try:
            if self._parts.era == MODERN_ERA:
                session = self.client.session
                session.adopt(await session.send_request(DiscoverRequest(), DiscoverResult))
            await self._list_tools()
            self._trouble = None
        except (MCPError, ValidationError, AsyncMcpError) as exc:
            self._trouble = f"the server did not introduce itself: {exc}"
            logger.info("session %s: %s", self.name, self._trouble)

    async def _list_tools(self) -> ToolList:
        tools = ToolList()
        cursor: str | None = None
        while True:
            try:
                page = await self.client.list_tools(cursor=cursor, cache_mode="bypass")
            except MCPError as exc:
                if exc.code != METHOD_NOT_FOUND:
                    raise
                page = ListToolsResult(tools=[])
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                self._tools = tools
                return tools


def _stamp(parts: SessionParts) -> Stamp:
    """What the SDK's client would stamp on requests, for calls that do not pass through it."""
    options = parts.client_options
    capabilities: dict[str, Any] = {}
    if options.get("sampling_callback"):
        capabilities["sampling"] = {}
    if options.get("elicitation_callback"):
        capabilities["elicitation"] = {"form": {}, "url": {}}
    if options.get("list_roots_callback"):
        capabilities["roots"] = {"listChanged": True}
    info = options.get("client_info")
    return Stamp(
        era=parts.era,
        client_info={} if info is None else info.model_dump(by_alias=True, exclude_none=True),
        capabilities=capabilities,
        log_level=options.get("log_level") or "debug",
    )

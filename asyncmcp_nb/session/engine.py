"""What works behind a ``Session``: threads, the SDK's client, and what they tell each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import anyio.to_thread
from mcp import Client
from mcp.client import IncomingMessage
from mcp_types import ProgressNotification, ToolListChangedNotification

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.ledger import CallRecord, Status
from asyncmcp_nb.session.asker import Asker
from asyncmcp_nb.session.asking import Answerer
from asyncmcp_nb.session.book import CallBook
from asyncmcp_nb.session.catalogue import Catalogue, Meeting
from asyncmcp_nb.session.changes import Changes
from asyncmcp_nb.session.desk import CallDesk
from asyncmcp_nb.session.envelope import MODERN_ERA
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.inbox import SessionInbox
from asyncmcp_nb.session.log import Log
from asyncmcp_nb.session.notices import notice_of, own_notice
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.question import Question
from asyncmcp_nb.session.questions import Questions
from asyncmcp_nb.session.status import SessionStatus
from asyncmcp_nb.session.tool_news import ToolNews
from asyncmcp_nb.session.validation import warm_up
from asyncmcp_nb.session.watch import Watch
from asyncmcp_nb.sns_sqs.client import ReadEnd, client_writer, deliver_to, open_streams
from asyncmcp_nb.sns_sqs.client_link import ClientLink, new_connection_id
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox


class Engine:
    """The parts of one session, put together; it is opened and closed once."""

    def __init__(self, parts: SessionParts, home: Home) -> None:
        self._parts = parts
        self._home = home
        self.connection_id = new_connection_id()
        self.log = Log(parts.ledger, parts.views)
        self.questions = Questions(self._question_changed)
        self._asker = Asker(self.questions, parts.policies, parts.ledger, note=self.note)
        self._options: dict[str, Any] = {**self._asker.declared(), **parts.client_options}
        stamp = parts.stamp(self._options)
        self.desk = CallDesk(
            parts.ledger, stamp, self.records_changed, connection_id=self.connection_id
        )
        self.catalogue = Catalogue(partial(self.log.notify, ()))
        self.book = CallBook(self.desk, self.catalogue, home, parts=parts)
        self._inbox = SessionInbox(
            self.desk, self.connection_id, on_request=self._asker.note_request
        )
        self.watch = Watch(parts, self.desk, self._inbox, catalogue=self.catalogue)
        self._tool_news = ToolNews(self._refresh_tools, lambda: self.desk.traces.ended_count)
        self._is_listening = False
        self._link: ClientLink | None = None
        self._client: Client | None = None
        self._answerer: Answerer | None = None

    @property
    def client(self) -> Client:
        """The SDK's client.

        Raises:
            SessionClosed: It is not open.
        """
        if self._client is None:
            raise SessionClosed("this session is not open; connect again")
        return self._client

    async def open(self) -> None:
        """Connect; on the home's loop.

        Raises:
            TimeoutError: No server answered the handshake.
        """
        handoff = Handoff()
        mailbox: ReadEnd = Mailbox(handoff)
        link = ClientLink(
            self._parts.bus,
            self._parts.config,
            partial(deliver_to, mailbox),
            inbox=self._inbox,
            connection_id=self.connection_id,
            claim_checks=self._parts.claim_checks,
        )
        self._link = link
        mode = self._parts.era if self._parts.era == MODERN_ERA else "legacy"
        transport = open_streams(mailbox, client_writer(link, handoff))
        options: dict[str, Any] = {**self._options, "message_handler": self._take_message}
        client = Client(transport, mode=mode, **options)
        link.start()
        self._client = await self._home.enter(client, self._parts.handshake_seconds)
        self._answerer = Answerer(client, self.desk, self._callbacks())
        resumed = await anyio.to_thread.run_sync(self.desk.start, link)
        # What an earlier session of the other era asked for does not go out as it would have.
        is_modern = self._parts.era == MODERN_ERA
        self._answer_asked(self._parts.ledger.get_many(resumed), are_resumed=is_modern)
        self.meet()
        threading.Thread(target=warm_up, name="asyncmcp-warm-up", daemon=True).start()

    def release(self) -> None:
        """Stop, publish what the link still has, and only then note what was sent."""
        with ExitStack() as steps:  # the last of these first, and each whatever another raises
            steps.callback(self.desk.close)
            if self._link is not None:
                steps.callback(self._link.close)
            steps.callback(self.desk.stop_sending)

    def meet(self) -> None:
        """Ask the server who it is and what it offers, whenever it comes."""
        self._home.start_soon(partial(self._meet, self.catalogue.expect()))

    def refresh_tools(self, ended: Callable[[], object]) -> None:
        """Ask for the tools again, and say when that has ended, well or not."""

        async def refresh() -> None:
            try:
                await self._refresh_tools()
            finally:
                ended()

        self._home.start_soon(refresh)

    def snapshot(self, *, is_closed: bool) -> SessionStatus:
        """How the session is doing, without a request."""
        return self.watch.snapshot(self._link, self._client, is_closed=is_closed)

    def note(self, call_id: str | None, text: str) -> None:
        """Keep a line of our own: with its call, or among the notices."""
        if call_id is None:
            self.log.take(own_notice(text, time.time()))
            return
        self._parts.ledger.note(call_id, text, at=time.time())
        self.log.notify(self._parts.ledger.get_many([call_id]))

    def records_changed(self, changes: Changes) -> None:
        """From the desk, in one of its threads."""
        records = changes.records
        # First of all, so that whoever waited for a call finds no question of it.
        self.questions.close_of([record.call_id for record in records if record.is_finished])
        self.book.take_changes(changes)
        self._answer_asked(records)
        for record in records:
            self._asker.note_missing(record)
        self.log.notify(records)

    async def _meet(self, meeting: Meeting) -> None:
        is_modern = self._parts.era == MODERN_ERA
        await self.catalogue.meet(self.client, meeting, discover=is_modern)
        if is_modern and self.catalogue.tools is not None and not self._is_listening:
            self._is_listening = True
            try:
                await self._tool_news.follow(self.client)
            finally:
                self._is_listening = False

    async def _refresh_tools(self) -> None:
        await self.catalogue.refresh(self.client)

    async def _take_message(self, message: IncomingMessage) -> None:
        """The SDK's ``message_handler``: what belongs to no call."""
        if isinstance(message, Exception):
            self.log.take(own_notice(f"the transport failed: {message}", time.time()))
        elif not isinstance(message, ProgressNotification):
            self.log.take(notice_of(message, time.time()))
        if isinstance(message, ToolListChangedNotification):
            self._home.start_soon(self._refresh_tools)
        handler = self._options.get("message_handler")
        if handler is not None:
            await handler(message)

    def _question_changed(self, question: Question) -> None:
        concerned = [] if question.call_id is None else [question.call_id]
        self.log.notify(self._parts.ledger.get_many(concerned))

    def _callbacks(self) -> dict[str, object]:
        """Those of the user's first; a question of an earlier session may be of any kind."""
        given = {name: made for name, made in self._parts.client_options.items() if made}
        return {**self._asker.callbacks(), **given}

    def _answer_asked(self, records: Sequence[CallRecord], *, are_resumed: bool = False) -> None:
        answerer = self._answerer
        if answerer is None:
            return
        for record in records:
            if record.status is Status.INPUT_REQUIRED:
                answer = partial(answerer.answer, record.call_id, is_resumed=are_resumed)
                self._home.start_soon(answer)

"""A server at work: takes what its link delivers, runs it, sees to cancellation and shutdown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.abc import TaskGroup
from mcp.server.lowlevel.server import Server
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCResponse

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.logs import about
from asyncmcp_nb.server.exchange import Channel, Exchange, Notice, Questions
from asyncmcp_nb.server.responder import Responder, ends_task, is_modern_request
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.server.subscriptions import SharedEvents, is_event
from asyncmcp_nb.sns_sqs.addressing import CANCELLED, LISTEN, PROGRESS
from asyncmcp_nb.sns_sqs.answers import AnswerStore
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox
from asyncmcp_nb.sns_sqs.listening import due_of
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.server_link import Arrival, ServerLink
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.sns_sqs.unwanted import Tombstones, is_late, is_meant, requests_last
from asyncmcp_nb.sns_sqs.work import ReturnAddress, Work
from asyncmcp_nb.wire import Incoming
from asyncmcp_nb.wire.meta import number_of

logger = logging.getLogger(__name__)


class Host:
    """Serves what arrives, each message in a task of its own."""

    def __init__(
        self,
        responder: Responder,
        link: ServerLink,
        handoff: Handoff,
        *,
        tasks: TaskGroup,
        events: SharedEvents,
    ) -> None:
        self._responder = responder
        self._link = link
        self._handoff = handoff
        self._tasks = tasks
        self._events = events
        self._questions = Questions(link.config.worker_id)
        self._running: dict[Hashable, Exchange] = {}
        self._tombstones = Tombstones()
        self._is_over = False
        self._opens_streams = True
        self._closing = threading.Lock()
        self._is_closed = False

    def statistics(self) -> ServerStatistics:
        """What happened so far."""
        return self._link.statistics()

    async def drain(self, timeout_seconds: float) -> None:
        """Take no further requests and let those in hand finish, for at most the timeout."""
        self._link.stop_receiving()
        self._end_streams()
        with anyio.move_on_after(timeout_seconds):
            while running := [e for e in self._running.values() if not e.is_detached]:
                await running[0].finished.wait()
        self._is_over = True

    def close(self) -> None:
        """Hand back what is unfinished, and send what is pending; blocks, from any thread.

        A second caller waits for the first.
        """
        with self._closing:
            if self._is_closed:
                return
            self._is_over = self._is_closed = True
            self._end_streams()
            self._link.close()

    def end_questions(self) -> None:
        """Let whoever waits for a client know that no answer will come; once closed."""
        self._questions.close()

    def _end_streams(self) -> None:
        """End the streams that last, and begin none, so that their clients listen elsewhere."""
        self._opens_streams = False
        for exchange in list(self._running.values()):
            exchange.end_stream()

    async def run(self, mailbox: Mailbox[Arrival]) -> None:
        """Serve until the mailbox ends."""
        async for arrivals in mailbox.batches():
            for arrival in requests_last(arrivals):
                if isinstance(arrival, Work):
                    self._tasks.start_soon(self._serve, arrival)
                    # Many that came together would hold up all else on this loop.
                    await anyio.lowlevel.checkpoint()
                else:
                    self._notice(arrival)

    # -- requests ---------------------------------------------------------------------------------

    async def _serve(self, work: Work) -> None:
        request = work.request
        is_stream = request.method == LISTEN
        if self._is_over or (is_stream and not self._opens_streams):
            return  # closing the link hands it back
        if self._tombstones.cover(work) or is_late(work):
            work.settle()
            return
        exchange = Exchange(
            work, self._handoff, self._questions, may_ask=not is_modern_request(request)
        )
        self._running[work.key] = exchange
        if is_stream:
            work.detach()
        response = None
        try:
            with exchange.scope:
                exchange.scope.deadline = _loop_deadline(work)
                channel = self._channel(work.address)
                response = await self._responder.respond(
                    request, work.incoming.header, exchange, channel=channel
                )
        finally:
            exchange.close()
            # Clients that name no connection may have two of one id.
            if self._running.get(work.key) is exchange:
                del self._running[work.key]
        if exchange.cancel_requested.is_set():
            work.settle()
        elif response is None:
            exchange.end_stream()
            work.settle()
        else:
            work.answer(response.message, session_id=response.session_id)

    # -- everything else --------------------------------------------------------------------------

    def _notice(self, incoming: Incoming) -> None:
        if is_event(incoming):
            self._tasks.start_soon(self._events.take, incoming)
            return
        message, address = incoming.message, self._link.address_of(incoming)
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            if not self._questions.take_answer(message, address):
                fields = about(request_id=message.id)
                logger.info("an answer to no question of ours is dropped", extra=fields)
                self._link.note_unsolicited()
            return
        if not isinstance(message, JSONRPCNotification) or address is None:
            logger.info("a message that names no client was ignored")
            self._link.note_unsolicited()
            return
        if message.method == CANCELLED:
            self._cancel(address, message.params or {}, incoming.header.timestamp)
        elif message.method == PROGRESS:
            self._report(address, message.params or {})
        self._tasks.start_soon(self._tell, message, incoming, address)

    def _cancel(
        self, address: ReturnAddress, params: dict[str, Any], sent_at: float | None
    ) -> None:
        key = (address.owner, str(params.get("requestId")))
        exchange = self._running.get(key)
        if exchange is None:
            self._tombstones.add(key, sent_at)
        elif is_meant(exchange.work, sent_at):
            exchange.cancel_requested.set()
            exchange.scope.cancel()

    def _report(self, address: ReturnAddress, params: dict[str, Any]) -> None:
        question = self._questions.find(params.get("progressToken"), address)
        progress = number_of(params.get("progress"))
        if question is None or question.on_progress is None or progress is None:
            return
        message = params.get("message")
        self._tasks.start_soon(
            _call_progress,
            question.on_progress,
            progress,
            number_of(params.get("total")),
            message if isinstance(message, str) else None,
        )

    async def _tell(
        self, message: JSONRPCNotification, incoming: Incoming, address: ReturnAddress
    ) -> None:
        channel = self._channel(address)
        try:
            await self._responder.notice(message, incoming.header, Notice(channel), channel=channel)
        except DecodeError as exc:
            fields = about(connection_id=address.connection_id, method=message.method)
            logger.info("a notification was ignored: %s", exc, extra=fields)

    def _channel(self, address: ReturnAddress) -> Channel:
        to_client = address.without_request()
        return Channel(self._link, to_client, handoff=self._handoff, questions=self._questions)


@asynccontextmanager
async def hosting(
    server: Server[Any],
    bus: Bus,
    config: SnsSqsTransportConfig,
    *,
    sealer: Sealer | None = None,
    drain_seconds: float = 0.0,
    answers: AnswerStore | None = None,
    claim_checks: ClaimChecks | None = None,
) -> AsyncGenerator[Host]:
    """Serve on the running loop while the context is open.

    Args:
        server: The SDK's low-level server; its lifespan is entered once.
        bus: Where the queue and the topic are. It stays open.
        config: The server's queue, the response topic and the timings.
        sealer: Of 2025-era sessions; one with a random key by default.
        drain_seconds: How long requests in hand may finish when the context is left. What is not
            finished then is handed back to the queue.
        answers: What the workers of this host share; closed at the end.
        claim_checks: Where messages go that are too large for their topic.
    """
    handoff = Handoff()
    mailbox: Mailbox[Arrival] = Mailbox(handoff)
    sealer = sealer or Sealer()
    link = ServerLink(
        bus, config, mailbox.put, answers=answers, claim_checks=claim_checks, sessions=sealer
    )
    async with server.lifespan(server) as state, anyio.create_task_group() as tasks:
        responder = Responder(server, state, sealer)
        with SharedEvents(server, link) as events:
            host = Host(responder, link, handoff, tasks=tasks, events=events)
            tasks.start_soon(host.run, mailbox)
            link.start()
            try:
                yield host
            finally:
                with anyio.CancelScope(shield=True):
                    await host.drain(drain_seconds)
                    mailbox.end()
                    await anyio.to_thread.run_sync(host.close)
                # Not before: their handlers would answer requests that are to be handed back.
                host.end_questions()
                tasks.cancel_scope.cancel()


async def _call_progress(on_progress: Any, *arguments: Any) -> None:
    try:
        await on_progress(*arguments)
    except BaseException as exc:  # boundary: a callback of the application must not end the host
        if ends_task(exc):
            raise
        logger.exception("a progress callback raised")


def _loop_deadline(work: Work) -> float:
    """When a request is given up, on the loop's clock; infinity for never."""
    due = due_of(work)
    return float("inf") if due is None else anyio.current_time() + due - time.time()

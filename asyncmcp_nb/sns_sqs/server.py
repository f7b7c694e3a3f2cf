"""``sns_sqs_server``: the transport as the MCP SDK's servers take it.

::

    async with sns_sqs_server(config, sqs, sns) as (read, write):
        await server.run(read, write, server.create_initialization_options())

One stream carries all clients of the queue. ``Server.run`` decides the protocol era by the first
request it sees, once for the stream; ``asyncmcp_nb.serve`` serves both eras, with many workers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCRequest,
    JSONRPCResponse,
)
from mcp_types.jsonrpc import INTERNAL_ERROR, ErrorData

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.sns_sqs.addressing import INITIALIZE, LISTEN
from asyncmcp_nb.sns_sqs.client import ReadEnd, Streams
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.refusals import refusal
from asyncmcp_nb.sns_sqs.relay import Relay, Route
from asyncmcp_nb.sns_sqs.reply_topics import MemorySessions
from asyncmcp_nb.sns_sqs.server_link import Arrival, ServerLink
from asyncmcp_nb.sns_sqs.streams import Publication, StreamWriter
from asyncmcp_nb.sns_sqs.unwanted import requests_last
from asyncmcp_nb.sns_sqs.work import Work

if TYPE_CHECKING:
    from asyncmcp_nb.bus.aws import SnsClient, SqsClient
    from asyncmcp_nb.bus.payloads import PayloadStore


def sns_sqs_server(
    config: SnsSqsTransportConfig,
    sqs_client: SqsClient,
    sns_client: SnsClient,
    *,
    payloads: PayloadStore | None = None,
) -> AbstractAsyncContextManager[Streams]:
    """Serve the clients of an SQS queue on one stream, answering through an SNS topic.

    A request is acknowledged after its answer was accepted by the topic; its lease is extended from
    a thread while the server works. Leaving the context hands back what is unfinished.

    Args:
        config: ``sqs_queue_url`` is the request queue, ``sns_topic_arn`` the response topic.
        sqs_client: As ``boto3.client("sqs")`` makes it, with a read timeout above 30 seconds.
        sns_client: As ``boto3.client("sns")`` makes it.
        payloads: Where messages go that are above the topic's limit even when compressed, such as
            ``bus.s3.S3Payloads(boto3.client("s3"), bucket)``; without, they are refused.

    Returns:
        A context manager of ``(read, write)`` for ``Server.run``.
    """
    from asyncmcp_nb.bus.aws import AwsBus

    return bus_server(AwsBus(sqs_client, sns_client), config, payloads=payloads)


@asynccontextmanager
async def bus_server(
    bus: Bus, config: SnsSqsTransportConfig, *, payloads: PayloadStore | None = None
) -> AsyncGenerator[Streams]:
    """``sns_sqs_server`` over any bus."""
    handoff = Handoff()
    arrivals: Mailbox[Arrival] = Mailbox(handoff)
    read: ReadEnd = Mailbox(handoff)
    sessions = MemorySessions()
    claim_checks = None if payloads is None else ClaimChecks(store=payloads)
    link = ServerLink(bus, config, arrivals.put, sessions=sessions, claim_checks=claim_checks)
    relay = Relay(config.worker_id)

    async def send(item: SessionMessage) -> None:
        if _is_farewell(item.message):
            return
        route = relay.route(item)
        if route is not None:
            await _publish(link, route, handoff)
        elif isinstance(item.message, JSONRPCRequest):
            error = ErrorData(code=INTERNAL_ERROR, message="There is no client to ask")
            read.put(SessionMessage(JSONRPCError(jsonrpc="2.0", id=item.message.id, error=error)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(_admit, arrivals, relay, read, sessions=sessions))
        tasks.start_soon(_keep_deadlines, relay, read)
        link.start()
        try:
            yield read, StreamWriter(send)
        finally:
            read.end()
            relay.end_streams()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(link.close)
            tasks.cancel_scope.cancel()


def _is_farewell(message: JSONRPCMessage) -> bool:
    """Whether it is what a cancelled ``Server.run`` says of each request that it breaks off.

    The request is not lost here, so it gets no such answer: closing the link hands it back.
    """
    if not isinstance(message, JSONRPCError) or message.error.code != CONNECTION_CLOSED:
        return False
    # The SDK says so while it handles the cancellation; a handler that raises the same does not.
    return isinstance(sys.exception(), anyio.get_cancelled_exc_class())


async def _admit(
    arrivals: Mailbox[Arrival], relay: Relay, read: ReadEnd, *, sessions: MemorySessions
) -> None:
    async for batch in arrivals.batches():
        for arrival in requests_last(batch):
            if not isinstance(arrival, Work):
                if (notice := relay.admit_other(arrival)) is not None:
                    read.put(notice)
            elif not _is_in_session(arrival, sessions):
                reason = "unknown session; initialize again"
                arrival.answer(refusal(arrival.request, INVALID_REQUEST, reason))
            elif (asked := relay.admit(arrival)) is not None:
                is_read = read.put(asked, force=True)
                if is_read and arrival.request.method == LISTEN:
                    arrival.detach()


def _is_in_session(work: Work, sessions: MemorySessions) -> bool:
    """Whether a request's session, if it names one, is there; ``initialize`` may open one."""
    header, address = work.incoming.header, work.address
    if work.request.method != INITIALIZE:
        return sessions.knows(header)
    # Our clients are told apart by their connections, and need none.
    if address.connection_id is None or address.topic is not None:
        work.opens = sessions.open(header, address.topic)
        work.address = address.in_session(work.opens)
    return True


async def _keep_deadlines(relay: Relay, read: ReadEnd) -> None:
    """Cancel requests at the server when their time is over."""
    while True:
        relay.sooner = anyio.Event()
        for cancellation in relay.expire(time.time()):
            read.put(cancellation, force=True)
        due = relay.next_deadline()
        with anyio.move_on_after(None if due is None else max(0.0, due - time.time())):
            await relay.sooner.wait()


async def _publish(link: ServerLink, route: Route, handoff: Handoff) -> None:
    message, work = route.message, route.work
    if work is not None and isinstance(message, JSONRPCResponse | JSONRPCError):
        work.answer(message)
        return
    if work is not None:
        publication = Publication(handoff)
        work.send(message, publication.done)
        await publication.wait()
    publications = [Publication(handoff) for _ in route.addresses]
    for address, publication in zip(route.addresses, publications, strict=True):
        link.post(address, message, publication.done)
    for publication in publications:
        await publication.wait()

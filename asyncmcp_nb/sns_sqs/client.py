"""``sns_sqs_client``: the transport as the MCP SDK's clients take it.

::

    async with Client(sns_sqs_client(config, sqs, sns)) as client:
        ...
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCNotification, JSONRPCResponse

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.sns_sqs.addressing import CANCELLED
from asyncmcp_nb.sns_sqs.client_link import ClientLink
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.streams import Publication, StreamWriter
from asyncmcp_nb.wire import Incoming

if TYPE_CHECKING:
    from asyncmcp_nb.bus.aws import SnsClient, SqsClient
    from asyncmcp_nb.bus.payloads import PayloadStore

ReadEnd = Mailbox["SessionMessage | Exception"]
Streams = tuple[ReadEnd, StreamWriter]
"""What the SDK reads and writes: its ``ReadStream`` and ``WriteStream``."""


def sns_sqs_client(
    config: SnsSqsTransportConfig,
    sqs_client: SqsClient,
    sns_client: SnsClient,
    *,
    payloads: PayloadStore | None = None,
) -> AbstractAsyncContextManager[Streams]:
    """Connect to MCP servers behind an SNS topic, with answers from an SQS queue.

    The server need not be there: requests wait in its queue. Leaving the context sends what is
    pending and takes well under a second; a long poll under way is not waited for.

    Args:
        config: ``sqs_queue_url`` is this client's own queue, ``sns_topic_arn`` the request topic.
        sqs_client: As ``boto3.client("sqs")`` makes it, with a read timeout above 30 seconds.
        sns_client: As ``boto3.client("sns")`` makes it.
        payloads: Where messages go that are above the topic's limit even when compressed, such as
            ``bus.s3.S3Payloads(boto3.client("s3"), bucket)``; without, they are refused.

    Returns:
        A context manager of ``(read, write)``, as ``mcp.Client`` and ``ClientSession`` take it.
        Writing raises ``PayloadTooLarge``, ``EncodeError`` or ``BusError`` where a message could
        not be published.
    """
    from asyncmcp_nb.bus.aws import AwsBus

    return bus_client(AwsBus(sqs_client, sns_client), config, payloads=payloads)


@asynccontextmanager
async def bus_client(
    bus: Bus, config: SnsSqsTransportConfig, *, payloads: PayloadStore | None = None
) -> AsyncGenerator[Streams]:
    """``sns_sqs_client`` over any bus."""
    handoff = Handoff()
    mailbox: ReadEnd = Mailbox(handoff)
    claim_checks = None if payloads is None else ClaimChecks(store=payloads)
    link = ClientLink(bus, config, partial(deliver_to, mailbox), claim_checks=claim_checks)
    link.start()
    try:
        yield mailbox, client_writer(link, handoff)
    finally:
        mailbox.end()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(link.close)


def deliver_to(mailbox: ReadEnd, incoming: Incoming) -> None:
    """Hand a message to the SDK; of a reader that lags far behind, only answers are kept."""
    must_arrive = isinstance(incoming.message, JSONRPCResponse | JSONRPCError)
    mailbox.put(SessionMessage(incoming.message), force=must_arrive)


def client_writer(link: ClientLink, handoff: Handoff) -> StreamWriter:
    """The SDK's write stream over a link."""

    async def send(item: SessionMessage) -> None:
        if _is_courtesy(item.message):
            link.post(item.message, _ignore)
            return
        publication = Publication(handoff)
        link.post(item.message, publication.done)
        await publication.wait()

    return StreamWriter(send)


@asynccontextmanager
async def open_streams(read: ReadEnd, write: StreamWriter) -> AsyncGenerator[Streams]:
    """Streams of a link that somebody else closes, as a transport for the SDK's client."""
    yield read, write


def _is_courtesy(message: JSONRPCMessage) -> bool:
    """A cancellation: its sender has given up already, and neither waits nor wants an error."""
    return isinstance(message, JSONRPCNotification) and message.method == CANCELLED


def _ignore(error: BusError | None) -> None:
    """A cancellation that is lost costs a run whose answer nobody takes."""

"""``subscriptions/listen`` across workers: what one of them publishes, the listeners of all hear.

The SDK's bus of events ends at its process. Here a worker forwards what is published on it to the
control queues of all workers, and publishes on it what comes from others. An app need not know: its
bus is found behind its listen handler. A bus that is not the SDK's own in-process one is left
alone, since it has its own way to other processes.

Every event says "this changed, fetch it again". One that is lost or comes twice costs a listener
that, and nothing else; so nothing waits for an event to arrive.
"""

from __future__ import annotations

import logging
import secrets
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Protocol, Self
from weakref import WeakKeyDictionary

from mcp.server.lowlevel.server import Server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ServerEvent
from mcp.shared.subscriptions import event_from_wire, event_to_notification
from mcp_types import JSONRPCNotification

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.addressing import LISTEN
from asyncmcp_nb.wire import Incoming
from asyncmcp_nb.wire.attributes import ALL_WORKERS

logger = logging.getLogger(__name__)

EVENT_METHOD: Final = "io.github.asyncmcp-nb/event"
"""The notification from worker to workers. Its params: ``origin``, a name of the bus that the event
was published on, and ``event``, the MCP notification that announces it."""

_origins: WeakKeyDictionary[InMemorySubscriptionBus, str] = WeakKeyDictionary()
"""The names of buses. Workers of one process may share a bus, and so all that is said on it."""

_is_foreign: ContextVar[bool] = ContextVar("asyncmcp_nb_is_foreign_event", default=False)
"""Whether the event that is being published came from another worker."""


class Workers(Protocol):
    """What is needed of a worker's link."""

    def tell_workers(self, message: JSONRPCNotification) -> None:
        """Publish a message to the control queues of all workers; never blocks."""
        ...

    def note_unsolicited(self) -> None:
        """Count a message that is of no use."""
        ...


class SharedEvents:
    """The events of a server's bus, shared with other workers while the context is open."""

    def __init__(self, server: Server[Any], workers: Workers) -> None:
        self._bus = _bus_of(server)
        self._workers = workers
        self._origin = "" if self._bus is None else _origins.setdefault(self._bus, _new_origin())
        self._unsubscribe = lambda: None

    def __enter__(self) -> Self:
        if self._bus is not None:
            self._unsubscribe = self._bus.subscribe(self._forward)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._unsubscribe()

    async def take(self, incoming: Incoming) -> None:
        """Publish here what another worker says of an event; whatever else it is, is counted."""
        found = _read(incoming)
        if found is None:
            logger.info("a message that claims to be a worker's event is dropped")
            self._workers.note_unsolicited()
            return
        origin, event = found
        if self._bus is None or origin == self._origin:
            return
        before = _is_foreign.set(True)
        try:
            await self._bus.publish(event)
        finally:
            _is_foreign.reset(before)

    def _forward(self, event: ServerEvent) -> None:
        if _is_foreign.get():
            return
        notification = event_to_notification(event, {})
        said = notification.model_dump(by_alias=True, mode="json", exclude_none=True)
        params = {"origin": self._origin, "event": said}
        message = JSONRPCNotification(jsonrpc="2.0", method=EVENT_METHOD, params=params)
        try:
            self._workers.tell_workers(message)
        except AsyncMcpError as exc:
            logger.warning("an event does not reach other workers: %s", plain(exc))


def is_event(incoming: Incoming) -> bool:
    """Whether a message claims to be a worker's event."""
    message = incoming.message
    return isinstance(message, JSONRPCNotification) and message.method == EVENT_METHOD


def _read(incoming: Incoming) -> tuple[str, ServerEvent] | None:
    """Where an event was published, and what it is; None where a worker did not say so."""
    header, message = incoming.header, incoming.message
    # Clients are named on what they send, and nobody sends this to the queue of all.
    if header.client_id is not None or header.worker_id != ALL_WORKERS:
        return None
    match message:
        case JSONRPCNotification(
            params={
                "origin": str() as origin,
                "event": {"method": str() as method, "params": {**params}},
            }
        ):
            event = event_from_wire(method, params)
            return None if event is None else (origin, event)
        case _:
            return None


def _bus_of(server: Server[Any]) -> InMemorySubscriptionBus | None:
    """The SDK's in-process bus behind a server's listen handler; None where it has another."""
    entry = server.get_request_handler(LISTEN)
    handler = None if entry is None else entry.handler
    if not isinstance(handler, ListenHandler):
        return None
    bus = handler._bus  # pyright: ignore[reportPrivateUsage] - an app that knows nothing of us
    # A subclass may have been given a way to other processes.
    return bus if type(bus) is InMemorySubscriptionBus else None


def _new_origin() -> str:
    return secrets.token_hex(16)

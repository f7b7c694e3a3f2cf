"""From one message to its answer, through the MCP SDK: one ``serve_one`` a request, both eras.

Nothing about a client is kept between messages. A 2026-era request carries all that is needed; a
2025-era one carries its handshake, sealed, as its session id.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
from mcp.server.connection import Connection, NotifyOnlyOutbound
from mcp.server.lowlevel.server import Server
from mcp.server.runner import ServerRunner, aclose_shielded, serve_one
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import InboundLadderRejection, classify_inbound_request
from mcp.shared.jsonrpc_dispatcher import handler_exception_to_error_data
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PROTOCOL_VERSION_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from mcp_types.version import LATEST_MODERN_VERSION

from asyncmcp_nb.errors import DecodeError
from asyncmcp_nb.logs import about
from asyncmcp_nb.server.exchange import Channel, Exchange, Notice
from asyncmcp_nb.server.sealing import Handshake, Sealer, owner_of
from asyncmcp_nb.sns_sqs.addressing import INITIALIZE
from asyncmcp_nb.sns_sqs.work import Answer
from asyncmcp_nb.wire import Header

logger = logging.getLogger(__name__)

HANDLER_FAILURES: Final = (Exception, SystemExit, KeyboardInterrupt)
"""What code of the application may raise. The last two would end the event loop, and with it the
work of all other callers, though only one call has failed."""


def ends_task(exc: BaseException) -> bool:
    """Whether what a handler has raised ends its task; all else is a failure of its own.

    A cancellation does so only where this task is being cancelled. A handler that awaits what
    somebody else has cancelled raises one too, and the host's task group would take it for its own.
    """
    if isinstance(exc, GeneratorExit):
        return True
    is_cancelled = anyio.current_effective_deadline() == -math.inf
    return is_cancelled and isinstance(exc, anyio.get_cancelled_exc_class())


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, and the session id that goes with it (the answer to ``initialize``)."""

    message: Answer
    session_id: str | None = None


class Responder:
    """Answers messages for one server."""

    def __init__(self, server: Server[Any], lifespan_state: Any, sealer: Sealer) -> None:
        self._server = server
        self._state = lifespan_state
        self._sealer = sealer

    async def respond(
        self, request: JSONRPCRequest, header: Header, exchange: Exchange, *, channel: Channel
    ) -> Response:
        """Serve one request; whatever its handler raises becomes a JSON-RPC error.

        Args:
            request: The request.
            header: Its attributes, for the session id.
            exchange: What the handler says about this request goes through it.
            channel: What it says beside any request goes through it.
        """
        is_modern = is_modern_request(request)
        try:
            if not is_modern:
                return await self._respond_2025(request, header, exchange, channel=channel)
            if header.session_id is not None:
                raise MCPError(INVALID_REQUEST, "this session speaks the handshake era")
            result = await self._respond_2026(request, exchange, channel)
            return Response(JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result))
        except BaseException as exc:  # boundary: a handler's failure is its caller's answer
            if ends_task(exc):
                raise
            error = handler_exception_to_error_data(exc)
            if error is None:
                fields = about(
                    connection_id=header.connection_id,
                    request_id=request.id,
                    method=request.method,
                )
                logger.exception("the handler of %r raised", request.method, extra=fields)
                error = _unforeseen(exc, is_modern=is_modern)
            return Response(JSONRPCError(jsonrpc="2.0", id=request.id, error=error))

    async def notice(
        self, message: JSONRPCNotification, header: Header, exchange: Notice, *, channel: Channel
    ) -> None:
        """Let the server see a notification; nobody is told what its handler raises.

        Raises:
            DecodeError: Its session id does not open.
        """
        connection = (
            self._handshake_connection(header, channel)
            if header.session_id is not None
            else _modern_connection(channel, LATEST_MODERN_VERSION)
        )
        runner = ServerRunner(self._server, connection, self._state)
        try:
            await runner.on_notify(exchange, message.method, message.params)
        except BaseException as exc:  # boundary: a handler's failure is not the host's
            if ends_task(exc):
                raise
            logger.exception("the handler of %r raised", message.method)
        finally:
            await aclose_shielded(connection)

    async def _respond_2026(
        self, request: JSONRPCRequest, exchange: Exchange, channel: Channel
    ) -> dict[str, Any]:
        body = {"method": request.method, "params": request.params}
        route = classify_inbound_request(body)
        if isinstance(route, InboundLadderRejection):
            raise MCPError(route.code, route.message, route.data)
        connection = _modern_connection(
            channel,
            route.protocol_version,
            route.client_info,
            capabilities=route.client_capabilities,
        )
        return await self._serve(request, exchange, connection)

    async def _respond_2025(
        self, request: JSONRPCRequest, header: Header, exchange: Exchange, *, channel: Channel
    ) -> Response:
        try:
            connection = self._handshake_connection(header, channel)
        except DecodeError as exc:
            raise MCPError(INVALID_REQUEST, f"{exc.reason}; initialize again") from None
        result = await self._serve(request, exchange, connection)
        session_id = None
        if request.method == INITIALIZE and connection.client_params is not None:
            handshake = Handshake(
                connection.client_params, connection.protocol_version, exchange.reply_topic
            )
            session_id = self._sealer.seal(handshake, owner_of(header))
        message = JSONRPCResponse(jsonrpc="2.0", id=request.id, result=result)
        return Response(message, session_id)

    async def _serve(
        self, request: JSONRPCRequest, exchange: Exchange, connection: Connection
    ) -> dict[str, Any]:
        return await serve_one(
            self._server,
            exchange,
            request.method,
            request.params,
            connection=connection,
            lifespan_state=self._state,
        )

    def _handshake_connection(self, header: Header, channel: Channel) -> Connection:
        """The connection that an earlier ``initialize`` settled, or one that waits for it."""
        if header.session_id is None:
            return Connection.for_loop(channel, session_id=header.connection_id)
        handshake = self._sealer.open(header.session_id, owner_of(header))
        connection = Connection.for_loop(
            channel,
            session_id=header.connection_id,
            protocol_version_hint=handshake.protocol_version,
        )
        connection.client_params = handshake.params
        connection.initialized.set()
        return connection


def is_modern_request(request: JSONRPCRequest) -> bool:
    """Whether a request carries the 2026-era envelope; ``initialize`` never does."""
    if request.method == INITIALIZE:
        return False
    meta: object = (request.params or {}).get("_meta")
    return isinstance(meta, Mapping) and PROTOCOL_VERSION_META_KEY in meta


def _modern_connection(
    channel: Channel, version: str, info: Any = None, *, capabilities: Any = None
) -> Connection:
    outbound = NotifyOnlyOutbound(channel)
    return Connection.from_envelope(version, info, capabilities, outbound=outbound)


def _unforeseen(exc: BaseException, *, is_modern: bool) -> ErrorData:
    """As the SDK's own loops map what a handler should not have raised."""
    if not isinstance(exc, Exception):
        # Its text may be a bare exit code, or nothing.
        name = type(exc).__name__
        return ErrorData(code=INTERNAL_ERROR, message=f"The handler raised {name}")
    if is_modern:
        return ErrorData(code=INTERNAL_ERROR, message="Internal server error")
    return ErrorData(code=0, message=str(exc))

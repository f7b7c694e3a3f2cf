"""Why a request is not run, and the answer that says so."""

from __future__ import annotations

from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCRequest

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.sns_sqs.addressing import protocol_version_of
from asyncmcp_nb.wire import Incoming


def refusal(request: JSONRPCRequest, code: int, reason: str) -> JSONRPCError:
    """The answer to a request that is not run."""
    error = ErrorData(code=code, message=reason)
    return JSONRPCError(jsonrpc="2.0", id=request.id, error=error)


def unsent(request: JSONRPCRequest, reason: AsyncMcpError) -> JSONRPCError:
    """The answer to a request whose own cannot be sent."""
    return refusal(request, INTERNAL_ERROR, f"The answer was not sent: {reason}")


def contradiction(incoming: Incoming, request: JSONRPCRequest) -> str | None:
    """What a request's attributes say against its body, or None. The body is the truth."""
    header = incoming.header
    if header.method is not None and header.method != request.method:
        return f"attribute Method says {header.method!r}, the body {request.method!r}"
    if header.request_id is not None and header.request_id != str(request.id):
        return f"attribute RequestId says {header.request_id!r}, the body {request.id!r}"
    version = protocol_version_of(request)
    if version is not None and header.protocol_version not in {None, version}:
        return f"attribute ProtocolVersion says {header.protocol_version!r}, the body {version!r}"
    return None

"""Calls as spans, through OpenTelemetry's API.

Names and attributes are those of OpenTelemetry's conventions for MCP
(https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/), as the SDK's servers use them. Messages
have no spans of their own: one request carries those of many calls, and a call's context travels in
its message.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.propagate import inject
from opentelemetry.trace import SpanKind, StatusCode

from asyncmcp_nb._version import __version__
from asyncmcp_nb.telemetry import CALL_METHOD, SCOPE

_tracer = trace.get_tracer(SCOPE, __version__)


class CallSpan:
    """A call as a span: from its submission to its end, in whatever threads these happen."""

    __slots__ = ("_span", "context")

    def __init__(self, tool: str, *, call_id: str, era: str) -> None:
        """Begin it now, as a child of the caller's current span.

        Args:
            tool: The tool's name.
            call_id: The call's name in its ledger.
            era: MCP revision.
        """
        self._span = _tracer.start_span(
            f"{CALL_METHOD} {tool}",
            kind=SpanKind.CLIENT,
            attributes={
                "mcp.method.name": CALL_METHOD,
                "mcp.protocol.version": era,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                "asyncmcp_nb.call.id": call_id,
            },
        )
        self.context: dict[str, str] = {}
        """What goes into ``_meta`` so that a server's span is its child: W3C's ``traceparent`` and
        ``tracestate``, or what the application's propagators write. Empty without tracing."""
        if self._span.get_span_context().is_valid:
            inject(self.context, trace.set_span_in_context(self._span))

    @property
    def is_recording(self) -> bool:
        """Whether anybody will see it."""
        return self._span.is_recording()

    def sent_as(self, request_id: str) -> None:
        """Note the JSON-RPC id of its latest request."""
        self._span.set_attribute("jsonrpc.request.id", request_id)

    def end(
        self,
        status: str,
        *,
        error_type: str | None = None,
        code: int | None = None,
        message: str | None = None,
    ) -> None:
        """End it now.

        Args:
            status: The call's, as the ledger names it.
            error_type: What kind of failure it was; None for none.
            code: JSON-RPC error code, where there is one.
            message: Of that error.
        """
        self._span.set_attribute("asyncmcp_nb.call.status", status)
        if code is not None:
            self._span.set_attribute("rpc.response.status_code", str(code))
        if error_type is not None:
            self._span.set_attribute("error.type", error_type)
            self._span.set_status(StatusCode.ERROR, message)
        self._span.end()

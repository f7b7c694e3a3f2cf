"""Servers that ask back, one way in each era, and what they ask."""

from __future__ import annotations

from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel

from tests.helpers import MODERN, ToolContext

FORM = ElicitRequest(
    params=ElicitRequestFormParams(
        message="How many?",
        requested_schema={
            "type": "object",
            "properties": {"count": {"type": "integer", "minimum": 1}},
            "required": ["count"],
        },
    )
)
PAGE = ElicitRequest(
    params=ElicitRequestURLParams(
        message="Please log in", url="https://example.com/login", elicitation_id="e1"
    )
)
SAMPLING = CreateMessageRequest(
    params=CreateMessageRequestParams(
        messages=[
            SamplingMessage(role="user", content=TextContent(type="text", text="Say a word"))
        ],
        max_tokens=10,
    )
)
ROOTS = ListRootsRequest()

REQUESTS: dict[str, InputRequest] = {
    "form": FORM,
    "url": PAGE,
    "sampling": SAMPLING,
    "roots": ROOTS,
}
RESULTS: dict[str, type[BaseModel]] = {
    "form": ElicitResult,
    "url": ElicitResult,
    "sampling": CreateMessageResult,
    "roots": ListRootsResult,
}


def asking_server(**handlers: Any) -> Server[Any]:
    """A server whose tool ``ask`` asks for the kinds in its argument ``kinds``.

    Its structured content is what it was told of each, and the capabilities it saw.
    """

    async def call_tool(
        ctx: ToolContext, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        kinds: list[str] = (params.arguments or {}).get("kinds", ["form"])
        if ctx.session.protocol_version == MODERN:
            if kinds and params.input_responses is None:
                asked = {kind: REQUESTS[kind] for kind in kinds}
                return InputRequiredResult(input_requests=asked, request_state="1")
            said = {kind: plain(answer) for kind, answer in (params.input_responses or {}).items()}
        else:
            await ctx.session.report_progress(0.5, 1.0)
            said = {kind: plain(await put(ctx, kind)) for kind in kinds}
        declared = ctx.session.client_capabilities
        content = {"said": said, "declared": {} if declared is None else plain(declared)}
        text = TextContent(type="text", text="ok")
        return CallToolResult(content=[text], structured_content=content)

    return Server("asking", on_call_tool=call_tool, **handlers)


async def put(ctx: ToolContext, kind: str) -> BaseModel:
    """Ask the client, 2025 era."""
    metadata = ServerMessageMetadata(related_request_id=ctx.request_id)
    request: Any = REQUESTS[kind]
    return await ctx.session.send_request(request, RESULTS[kind], metadata=metadata)


def plain(model: BaseModel) -> dict[str, Any]:
    """A model as JSON."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)

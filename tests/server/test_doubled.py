"""Messages that belong to no request, on a bus that delivers each twice and none in order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import anyio
import pytest
from mcp.client import Client, ClientRequestContext
from mcp_types import (
    ElicitRequestParams,
    ElicitResult,
    NotificationParams,
    RootsListChangedNotification,
)

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import bus_client
from tests.helpers import (
    PATIENCE_SECONDS,
    SERVER_QUEUE,
    MemoryDeployment,
    ToolContext,
    serving_stream,
    tool_server,
)

DOUBLED = Faults(duplicate_share=1.0, delay_seconds=0.05, reorder=True)
ROUNDS = 5


@pytest.mark.parametrize("kind", ["host", "stream"])
@pytest.mark.parametrize("deployed", [DOUBLED], indirect=True, ids=["doubled"])
async def test_notifications_and_questions_are_heard_once_on_both_sides(
    deployed: MemoryDeployment, kind: str
) -> None:
    heard: Counter[str] = Counter()

    async def ask(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        await ctx.session.send_resource_list_changed()
        answer = await ctx.session.elicit_form("?", {"type": "object", "properties": {}})
        return {"action": answer.action}

    async def on_roots(ctx: ToolContext, params: NotificationParams) -> None:
        heard["roots"] += 1

    async def elicit(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        heard["question"] += 1
        return ElicitResult(action="decline")

    async def on_message(message: Any) -> None:
        heard["change"] += 1

    server = tool_server(ask=ask)
    server.add_notification_handler(
        "notifications/roots/list_changed", NotificationParams, on_roots
    )
    how = hosting if kind == "host" else serving_stream
    client_config, server_config = deployed.client(), deployed.server()
    client = Client(
        bus_client(deployed.bus, client_config),
        mode="legacy",
        elicitation_callback=elicit,
        message_handler=on_message,
    )
    queues = [SERVER_QUEUE, client_config.sqs_queue_url, deployed.control_queue(server_config)]
    with anyio.fail_after(PATIENCE_SECONDS):
        async with how(server, deployed.bus, server_config), client:
            for _ in range(ROUNDS):
                result = await client.call_tool("ask")
                assert result.structured_content == {"action": "decline"}
                await client.session.send_notification(RootsListChangedNotification())
            await deployed.bus.until(lambda: not any(map(deployed.bus.depth, queues)))
            await anyio.wait_all_tasks_blocked()

    assert heard == {"question": ROUNDS, "change": ROUNDS, "roots": ROUNDS}

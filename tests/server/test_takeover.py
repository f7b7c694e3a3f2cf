"""What a client hears of a request whose worker dies, and which another runs from its beginning."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import bus_client
from tests.helpers import (
    MODERN,
    PATIENCE_SECONDS,
    MemoryDeployment,
    Plug,
    ToolContext,
    serving_stream,
    tool_server,
)

TOTAL = 10
FIRST = (3, 6)
SECOND = (1, 5, 9, 10)


class Story:
    """A tool that gets as far as 6 of 10 at its first worker, and to its end at the second."""

    def __init__(self) -> None:
        self.run_count = 0

    async def tell(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.run_count += 1
        run = self.run_count
        for progress in FIRST if run == 1 else SECOND:
            await ctx.session.report_progress(progress, TOTAL)
            params = LoggingMessageNotificationParams(level="info", data=[run, progress])
            await ctx.session.send_notification(
                LoggingMessageNotification(params=params), related_request_id=ctx.request_id
            )
        if run == 1:
            await anyio.sleep_forever()
        return arguments


@pytest.mark.parametrize("kind", ["host", "stream"])
async def test_progress_goes_on_and_no_line_of_the_run_that_answers_is_missing(
    memory: MemoryDeployment, kind: str
) -> None:
    how = hosting if kind == "host" else serving_stream
    story, plug = Story(), Plug(memory.bus)
    server = tool_server(tell=story.tell)
    shown: list[float] = []
    results: list[Any] = []
    logs: list[Any] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        shown.append(progress)

    async def log(params: LoggingMessageNotificationParams) -> None:
        logs.append(tuple(params.data))
        if logs == [(1, number) for number in FIRST]:
            plug.pull()

    client = Client(
        # A gap that were waited for would be waited for longer than the test.
        bus_client(memory.bus, memory.client(gap_timeout_seconds=3600)),
        mode=MODERN,
        logging_callback=log,
        log_level="info",
    )
    with anyio.fail_after(2 * PATIENCE_SECONDS):
        async with (
            how(server, plug, memory.server(lease_seconds=1)),
            client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_then, memory, plug, how, server)
            result = await client.call_tool("tell", {"a": 1}, progress_callback=report)
            results.append(result.structured_content)
            tasks.cancel_scope.cancel()

    assert (results, story.run_count) == ([{"a": 1}], 2)
    assert shown == [3, 6, 9, 10]
    assert logs == [*[(1, number) for number in FIRST], *[(2, number) for number in SECOND]]


async def _then(memory: MemoryDeployment, plug: Plug, how: Any, server: Any) -> None:
    """Another worker, once the first is dead."""
    await memory.bus.until(lambda: plug.is_pulled)
    async with how(server, memory.bus, memory.server()):
        await anyio.sleep_forever()

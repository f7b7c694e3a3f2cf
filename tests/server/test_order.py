"""Order within one call, whatever the broker does to the messages."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.message import SessionMessage
from mcp_types import (
    LOG_LEVEL_META_KEY,
    JSONRPCNotification,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
)

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.sns_sqs.client import bus_client
from tests.helpers import (
    MODERN,
    PATIENCE_SECONDS,
    MemoryDeployment,
    ToolContext,
    serving_stream,
    tool_call,
    tool_server,
)

STEPS = 8
CALLS = 12

SHUFFLED = Faults(delay_seconds=0.05, reorder=True, duplicate_share=0.5)


async def narrate(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """Report progress and log, in turns."""
    for step in range(STEPS):
        await ctx.session.report_progress(step, STEPS)
        params = LoggingMessageNotificationParams(level="info", data=[arguments["call"], step])
        await ctx.session.send_notification(
            LoggingMessageNotification(params=params), related_request_id=ctx.request_id
        )
    return arguments


class Listener:
    """Hears what one client hears, by call."""

    def __init__(self) -> None:
        self.progress: dict[int, list[float]] = {}
        self.logs: dict[int, list[int]] = {}

    async def log(self, params: LoggingMessageNotificationParams) -> None:
        call, step = params.data
        self.logs.setdefault(call, []).append(step)

    async def ask(self, client: Client, call: int) -> None:
        async def report(progress: float, total: float | None, message: str | None) -> None:
            self.progress.setdefault(call, []).append(progress)

        result = await client.call_tool("narrate", {"call": call}, progress_callback=report)
        assert result.structured_content == {"call": call}
        assert self.progress[call] == list(range(STEPS))


@pytest.mark.parametrize("kind", ["host", "stream"])
@pytest.mark.parametrize("mode", [MODERN, "legacy"])
@pytest.mark.parametrize("deployed", [SHUFFLED], indirect=True, ids=["shuffled"])
async def test_progress_and_logs_arrive_in_order_and_before_the_answer(
    deployed: MemoryDeployment, kind: str, mode: str
) -> None:
    how = hosting if kind == "host" else serving_stream
    listener = Listener()
    client = Client(
        bus_client(deployed.bus, deployed.client(gap_timeout_seconds=PATIENCE_SECONDS)),
        mode=mode,
        logging_callback=listener.log,
        log_level="info",
    )

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            how(tool_server(narrate=narrate), deployed.bus, deployed.server()),
            client,
            anyio.create_task_group() as tasks,
        ):
            for call in range(CALLS):
                tasks.start_soon(listener.ask, client, call)

    assert listener.progress == {call: list(range(STEPS)) for call in range(CALLS)}
    assert listener.logs == {call: list(range(STEPS)) for call in range(CALLS)}


@pytest.mark.parametrize("kind", ["host", "stream"])
@pytest.mark.parametrize("deployed", [SHUFFLED], indirect=True, ids=["shuffled"])
async def test_nothing_about_a_request_arrives_after_its_answer_and_nothing_twice(
    deployed: MemoryDeployment, kind: str
) -> None:
    how = hosting if kind == "host" else serving_stream
    heard: dict[Any, list[Any]] = {call: [] for call in range(CALLS)}
    config = deployed.client(gap_timeout_seconds=PATIENCE_SECONDS)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            how(tool_server(narrate=narrate), deployed.bus, deployed.server()),
            bus_client(deployed.bus, config) as (read, write),
        ):
            for call in heard:
                meta = {"progressToken": call, LOG_LEVEL_META_KEY: "info"}
                await write.send(SessionMessage(tool_call(call, "narrate", {"call": call}, **meta)))
            for _ in range(CALLS * (2 * STEPS + 1)):
                item = await read.receive()
                assert isinstance(item, SessionMessage)
                match item.message:
                    case JSONRPCNotification(params={"progressToken": call, "progress": step}):
                        heard[call].append(("progress", step))
                    case JSONRPCNotification(params={"data": [call, step]}):
                        heard[call].append(("log", step))
                    case answer:
                        heard[getattr(answer, "id", None)].append("answer")
            await deployed.bus.until(lambda: deployed.bus.depth(config.sqs_queue_url) == 0)
            left_count = len(read)

    story = [(what, step) for step in range(STEPS) for what in ("progress", "log")]
    assert heard == {call: [*story, "answer"] for call in range(CALLS)}
    assert left_count == 0

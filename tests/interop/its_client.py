"""A client of the ``asyncmcp`` package, as its users write one. Runs in that package's environment.

Takes one JSON object as its argument: ``endpoint_url``, ``region``, ``queue_url``,
``request_topic_arn``, ``reply_topic_arn``, ``client_id``, and ``calls``: pairs of a tool's name and
its arguments. With ``pause`` it says ``{"paused": true}`` after the handshake, and goes on when a
line comes in; ``patience_seconds`` bounds its waiting. Says one JSON object a line: what the server
said, and how it ended if not well.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import anyio
import anyio.to_thread
import boto3
from asyncmcp import SnsSqsClientConfig, sns_sqs_client
from mcp import ClientSession, McpError
from mcp.types import ElicitResult

PATIENCE_SECONDS = 20.0


def say(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def clients(plan: dict[str, Any]) -> tuple[Any, Any]:
    keys = {
        "endpoint_url": plan["endpoint_url"],
        "region_name": plan["region"],
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    return boto3.client("sqs", **keys), boto3.client("sns", **keys)


async def answer_question(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"answer": f"{params.message} yes"})


async def talk(plan: dict[str, Any]) -> None:
    config = SnsSqsClientConfig(
        sqs_queue_url=plan["queue_url"],
        sns_topic_arn=plan["request_topic_arn"],
        client_id=plan["client_id"],
        wait_time_seconds=1,
        poll_interval_seconds=0.05,
    )
    sqs, sns = clients(plan)
    heard: list[Any] = []

    async def on_log(params: Any) -> None:
        heard.append(params.data)

    progress: list[Any] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        progress.append([done, total, message])

    async with (
        sns_sqs_client(config, sqs, sns, plan["reply_topic_arn"]) as (read, write),
        ClientSession(
            read,
            write,
            read_timeout_seconds=timedelta(seconds=plan.get("patience_seconds", PATIENCE_SECONDS)),
            logging_callback=on_log,
            elicitation_callback=answer_question,
        ) as session,
    ):
        hello = await session.initialize()
        say(version=hello.protocolVersion, server=hello.serverInfo.name)
        if plan.get("pause"):
            say(paused=True)
            await anyio.to_thread.run_sync(sys.stdin.readline)
        listed = await session.list_tools()
        say(tools=sorted(tool.name for tool in listed.tools))
        for tool, arguments in plan["calls"]:
            progress.clear()
            heard.clear()
            try:
                result = await session.call_tool(tool, arguments, progress_callback=on_progress)
            except McpError as exc:
                say(tool=tool, error=exc.error.message)
                continue
            say(
                tool=tool,
                failed=result.isError,
                texts=[getattr(part, "text", None) for part in result.content],
                structured=result.structuredContent,
                progress=list(progress),
                logs=list(heard),
            )


def main() -> None:
    plan = json.loads(sys.argv[1])
    try:
        anyio.run(talk, plan)
    except Exception as exc:  # noqa: BLE001 - a boundary: it is said, which is all the test hears
        while isinstance(exc, ExceptionGroup):
            exc = exc.exceptions[0]
        say(ended_by=f"{type(exc).__name__}: {exc}")
        sys.exit(1)


main()

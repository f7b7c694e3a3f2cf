"""What log records say, and what they must not: nothing of what messages carry."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import MCPError
from mcp_types import CallToolResult, TextContent

from asyncmcp_nb.errors import BusDenied, BusUnavailable
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.logs import FIELDS, about, plain
from asyncmcp_nb.wire import Outgoing
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    REQUESTS,
    RESPONSES,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    initialize_request,
    memory_deployment,
    notification,
    plain_request,
    tool_call,
    tool_server,
)
from tests.session.conftest import Stage

MARK = "s3cr3t-marker"
"""In all that must not be told: arguments, answers, bodies, session ids, keys."""
ACCOUNT = "123456789012"


@pytest.fixture
def memory() -> Iterator[MemoryDeployment]:
    with memory_deployment() as made:
        yield made


@pytest.fixture
async def stage(memory: MemoryDeployment, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(memory, tmp_path, stack)


class Keeping(logging.Handler):
    """Keeps records as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """All that this package logs while the test runs."""
    handler = Keeping()
    ours = logging.getLogger("asyncmcp_nb")
    ours.addHandler(handler)
    with caplog.at_level(logging.DEBUG, ours.name):
        yield handler.records
    ours.removeHandler(handler)


def said(record: logging.LogRecord) -> str:
    """Message, arguments and fields of a record, as a JSON formatter would write them."""
    fields = {name: getattr(record, name, None) for name in FIELDS}
    return json.dumps([record.getMessage(), repr(record.args), fields], ensure_ascii=False)


def told_by(records: list[logging.LogRecord], *marks: str) -> list[str]:
    """Records that say what they must not, tracebacks left out."""
    return [said(r) for r in records if any(mark in said(r) for mark in marks)]


async def leak(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    """A tool that repeats its argument in every way that there is."""
    secret = arguments["secret"]
    match arguments.get("how"):
        case "error":
            raise MCPError(-32000, secret, {"data": secret})
        case "raise":
            raise ValueError(secret)
        case "fail":
            return CallToolResult(content=[TextContent(type="text", text=secret)], is_error=True)
        case _:
            await ctx.session.report_progress(1, 2, secret)
            return {"answer": secret}


@pytest.mark.parametrize("era", [MODERN, HANDSHAKE])
async def test_calls_leave_no_arguments_answers_or_keys_in_the_log(
    stage: Stage,
    records: list[logging.LogRecord],
    monkeypatch: pytest.MonkeyPatch,
    era: str,
) -> None:
    monkeypatch.setenv("LOGGED_KEY", MARK * 4)
    keys = ("env:LOGGED_KEY",)
    await stage.serve(tool_server(leak=leak), signing_keys=keys)
    session = await stage.session(era=era, signing_keys=keys)

    calls = [
        session.submit("leak", {"secret": MARK, "how": how})
        for how in ("answer", "fail", "error", "raise")
    ]
    calls.append(session.submit("leak", {"secret": MARK * 100_000, "how": "answer"}))
    await stage.deployment.bus.until(lambda: all(call.is_done for call in calls))
    await session.close()

    assert told_by(records, MARK) == []
    # The application's own failure is told as Python tells it, with whatever it says of itself.
    shown = {r.name for r in records if MARK in "".join(_traceback(r))}
    assert shown == {"asyncmcp_nb.server.responder"}


async def test_what_strangers_send_leaves_nothing_of_it_in_the_log(
    stage: Stage, records: list[logging.LogRecord]
) -> None:
    memory = stage.deployment
    alice = RawClient(memory, protocol_version=HANDSHAKE)
    async with stage.serving(tool_server()):
        alice.send(initialize_request(1))
        (opened,) = await alice.receive()
        assert opened.header.session_id is not None
        alice.session_id = opened.header.session_id
        alice.send(plain_request(2, "tools/list"))
        alice.session_id = MARK
        alice.send(plain_request(3, "tools/list"))
        alice.send(notification("notifications/initialized"))
        await alice.receive(2)
        poison = [
            Outgoing(f"{MARK} is no JSON", {"ClientId": "alice"}),
            Outgoing(json.dumps({"jsonrpc": "2.0", "what": MARK}), {"ClientId": "alice"}),
            Outgoing(f'"{MARK}"', {"ClientId": "alice", "Timestamp": MARK}),
            Outgoing(MARK, {"ClientId": "alice", "ExtendedPayloadSize": "5"}),
            Outgoing(MARK, {"ClientId": "alice", "Delivery": "e=gzip"}),
            Outgoing(
                f'{{"jsonrpc": "2.0", "id": 1, "result": {{"a": "{MARK}"}}}}', {"ClientId": "a"}
            ),
        ]
        memory.bus.publish(REQUESTS, poison)
        await memory.settled()

    assert told_by(records, MARK, opened.header.session_id) == []
    assert len(records) > 5


async def test_what_comes_for_nobody_leaves_nothing_of_it_in_the_log(
    stage: Stage, records: list[logging.LogRecord]
) -> None:
    memory = stage.deployment
    session = await stage.session(namesake_grace_seconds=0.0)
    stranger = RawClient(memory, "alice")
    memory.bus.send("client-alice", Outgoing(f"{MARK} is no JSON", {"ClientId": "alice"}))
    stranger.send(tool_call("call-1", "echo", {"secret": MARK}))

    async with stage.serving(tool_server()):
        await memory.bus.until(lambda: session.snapshot().unsolicited_count >= 1)
        await memory.bus.until(lambda: session.snapshot().refused_count >= 1)

    assert told_by(records, MARK) == []


async def test_a_broker_that_refuses_leaves_no_account_in_the_log(
    stage: Stage, records: list[logging.LogRecord]
) -> None:
    memory = stage.deployment
    where = f"on arn:aws:sns:eu-west-1:{ACCOUNT}:base-responses"
    url = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/base-server"
    memory.bus.fail("publish", RESPONSES, BusDenied(f"Publish {where}: no"))
    memory.bus.fail("receive", SERVER_QUEUE, BusUnavailable(f"ReceiveMessage on {url}: away"))
    async with stage.serving(tool_server(), lease_seconds=1.0):
        session = await stage.session()
        await session.call("echo", n=1)

    assert [record.levelname for record in records].count("WARNING") >= 2
    assert told_by(records, ACCOUNT) == []


async def test_a_call_can_be_followed_through_both_ends_by_its_fields(
    stage: Stage, records: list[logging.LogRecord]
) -> None:
    await stage.serve(tool_server())
    session = await stage.session()

    call = session.submit("echo", {"n": 1})
    await call
    await stage.deployment.bus.until(lambda: session.log.counts() == {Status.DONE: 1})

    request = {"connection_id": session.connection_id, "request_id": "call-1"}
    followed = [
        (record.getMessage(), fields_of(record))
        for record in records
        if fields_of(record).items() & {("call_id", call.id), ("request_id", "call-1")}
    ]
    seen = dict(followed)
    assert seen["a call is sent"] == {"call_id": call.id, **request}
    assert seen["a request is taken"].items() >= {**request, "method": "tools/call"}.items()
    assert seen["a request is answered: done"].items() >= request.items()
    assert seen["a call ended: done"] == {"call_id": call.id, "tool": "echo", "status": "done"}


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    return {name: str(getattr(record, name)) for name in FIELDS if hasattr(record, name)}


def test_fields_are_short_and_on_one_line() -> None:
    fields = about(call_id=None, request_id=7, method="a\n\u202eb" + "x" * 1_000)

    assert set(fields) == {"request_id", "method"}
    assert fields["request_id"] == "7"
    assert fields["method"].startswith("a \\u202eb")
    assert len(fields["method"]) < 120


def test_an_error_is_told_without_the_account() -> None:
    error = BusDenied(f"User: arn:aws:iam::{ACCOUNT}:user/x may\nnot")

    assert plain(error) == "User: arn:aws:iam::…:user/x may not"


def _traceback(record: logging.LogRecord) -> list[str]:
    return traceback.format_exception(*record.exc_info) if record.exc_info else []

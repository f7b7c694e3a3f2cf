"""What a session does with messages that do not verify, cannot be read, or were not asked for."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import ErrorData, JSONRPCError, JSONRPCMessage, JSONRPCResponse

from asyncmcp_nb.ledger import Ledger, Status, Unsolicited
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.wire import Header, Outgoing, encode
from asyncmcp_nb.wire.codec import Seal
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import RESPONSES, notification, tool_server
from tests.session.conftest import Stage

KEY, OTHER_KEY = "k" * 32, "x" * 32
SIGNED: dict[str, Any] = {"signing_keys": ("env:THE_KEY",)}
QUEUE = "client-alice"

STOLEN = {"content": [{"type": "text", "text": "stolen"}], "isError": False}


def seal_of(key: str, direction: Any = "to-client") -> Seal:
    return KeyRing([key.encode()]).sealing(direction)


@pytest.fixture
def signed_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("THE_KEY", KEY)
    return stage


def unsolicited(stage: Stage) -> list[Unsolicited]:
    """What the ledger has, as another reader of the file sees it."""
    with Ledger.open(stage.ledger_file) as ledger:
        return ledger.unsolicited()


def publish(
    stage: Stage, session: Session, message: JSONRPCMessage, seal: Seal | None = None
) -> Outgoing:
    """Say something to a session, as a server does that knows its connection."""
    header = Header(
        client_id=session.name,
        connection_id=session.connection_id,
        request_id="call-1",
        method="tools/call",
        sequence=0,
    )
    outgoing = encode(message, header, limit_bytes=2**20, seal=seal)
    stage.deployment.bus.publish(RESPONSES, [outgoing])
    return outgoing


ANSWER = JSONRPCResponse(jsonrpc="2.0", id="call-1", result=STOLEN)
ERROR = JSONRPCError(jsonrpc="2.0", id="call-1", error=ErrorData(code=1, message="stolen"))
PROGRESS = notification("notifications/progress", progressToken="call-1", progress=1, total=1)


@pytest.mark.parametrize("message", [ANSWER, ERROR, PROGRESS], ids=["answer", "error", "progress"])
@pytest.mark.parametrize(
    ("seal", "reason"),
    [
        (None, "message is not signed"),
        (seal_of(OTHER_KEY), "message is signed with an unknown key"),
        (
            seal_of(KEY, "to-server"),
            "signature does not verify: the message was changed, or goes the other way",
        ),
    ],
    ids=["unsigned", "another key", "the other direction"],
)
async def test_a_forged_message_changes_no_call_and_is_kept_with_the_reason(
    signed_stage: Stage, message: JSONRPCMessage, seal: Seal | None, reason: str
) -> None:
    session = await signed_stage.session(**SIGNED)
    call = session.submit("echo", {"honest": True})
    await signed_stage.deployment.bus.until(lambda: call.status is Status.SENT)

    forged = publish(signed_stage, session, message, seal)
    await signed_stage.deployment.bus.until(lambda: session.status.refused_count == 1)
    before = (call.status, call.record.progress)
    async with signed_stage.serving(tool_server(), **SIGNED):
        result = await call

    assert before == (Status.SENT, None)
    assert result.structured_content == {"honest": True}
    assert call.record.deliveries == 1
    (kept,) = unsolicited(signed_stage)
    assert (kept.kind, kept.reason, kept.payload) == ("refused", reason, forged.body)
    assert (kept.connection_id, kept.request_id) == (session.connection_id, "call-1")
    assert kept.size_bytes == forged.size_bytes
    assert "1 refused" in str(session.status)


async def test_an_answer_that_is_played_back_completes_its_call_once(signed_stage: Stage) -> None:
    session = await signed_stage.session(**SIGNED)
    call = session.submit("echo", {})
    await signed_stage.deployment.bus.until(lambda: call.status is Status.SENT)

    for _ in range(3):
        publish(signed_stage, session, ANSWER, seal_of(KEY))
    await signed_stage.deployment.bus.until(lambda: call.record.deliveries == 3)

    assert (await call).content[0].model_dump()["text"] == "stolen"
    assert (session.status.refused_count, session.status.unsolicited_count) == (0, 0)


async def test_a_message_without_content_for_anybody_is_kept_with_the_reason(stage: Stage) -> None:
    """Also without keys nothing that cannot be read vanishes."""
    session = await stage.session()
    odd = {
        "hello": "body is not JSON",
        '{"jsonrpc":"2.0"}': "body is not a JSON-RPC message",
        "日" * 5_000: "body is not JSON",
        "\ud800": "body is not JSON",
    }

    for body in odd:
        stage.deployment.bus.send(QUEUE, Outgoing(body, {"MessageType": "jsonrpc"}))
    await stage.deployment.bus.until(lambda: session.status.refused_count == len(odd))
    await stage.deployment.bus.until(lambda: stage.deployment.bus.depth(QUEUE) == 0)

    kept = unsolicited(stage)
    assert [entry.reason for entry in kept] == list(odd.values())
    assert [entry.payload for entry in kept] == [
        "hello",
        '{"jsonrpc":"2.0"}',
        "日" * 2_000,
        "\\ud800",
    ]
    assert {(entry.connection_id, entry.request_id) for entry in kept} == {("", "")}


@pytest.mark.parametrize("request_id", [999, "listen-7", "call-9"])
async def test_an_answer_that_was_not_asked_for_is_kept(
    stage: Stage, request_id: int | str
) -> None:
    session = await stage.session()
    foreign = JSONRPCResponse(jsonrpc="2.0", id=request_id, result=STOLEN)

    publish(stage, session, foreign)
    await stage.deployment.bus.until(lambda: session.status.unsolicited_count == 1)
    await stage.deployment.bus.until(lambda: stage.deployment.bus.depth(QUEUE) == 0)

    (kept,) = unsolicited(stage)
    assert (kept.kind, kept.request_id, kept.reason) == ("result", str(request_id), None)
    assert len(session.log) == 0


async def test_a_session_without_the_key_shows_that_it_can_read_nothing(
    signed_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", OTHER_KEY)
    await signed_stage.serve(tool_server(), signing_keys=("env:THE_KEY", "env:OTHER_KEY"))
    session = await signed_stage.session(signing_keys=("env:OTHER_KEY",))

    call = session.submit("echo", {})
    await signed_stage.deployment.bus.until(
        lambda: "call-1" in {entry.request_id for entry in unsolicited(signed_stage)}
    )

    assert call.status is Status.SENT
    assert session.status.refused_count >= 1
    assert {entry.reason for entry in unsolicited(signed_stage)} == {
        "message is signed with an unknown key"
    }

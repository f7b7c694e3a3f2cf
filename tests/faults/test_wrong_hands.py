"""Messages made up, played back, misdirected and stolen; names that two claim."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp_types import JSONRPCRequest

from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session.session import Session
from tests.faults.conftest import Floor, OpenFloor, answers_of
from tests.helpers import (
    HANDSHAKE,
    RESPONSES,
    RawClient,
    RawServer,
    error_of,
    initialize_request,
    plain_request,
    result_of,
    tool_call,
)

KEY_NAME = "ASYNCMCP_NB_TEST_KEY"


@pytest.fixture
def signing_keys(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setenv(KEY_NAME, secrets.token_hex(32))
    return (f"env:{KEY_NAME}",)


async def sent_request(floor: Floor, session: Session) -> tuple[str, Any]:
    """Submit a call that no worker answers, and take its request out of the queue."""
    call = session.submit("echo", {"n": 1})
    server = RawServer(floor.stage.deployment)
    while True:
        (asked,) = await anyio.to_thread.run_sync(server.take)
        message = asked.message
        if (
            isinstance(message, JSONRPCRequest) and message.method == "tools/call"
        ):  # others list tools
            return call.id, asked


async def test_an_answer_that_is_made_up_by_who_knows_neither_connection_nor_id_is_only_counted(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        session = await floor.session(namesake_grace_seconds=0.0)
        call, asked = await sent_request(floor, session)
        server = RawServer(floor.stage.deployment)

        server.answer(asked, {"forged": 1}, connection_id="f" * 32)
        unknown = asked.message.model_copy(update={"id": "call-999"})
        server.answer(replace(asked, message=unknown), {"forged": 2}, request_id="call-999")
        await floor.bus.until(lambda: session.status.unsolicited_count == 2)

        assert session.get(call).status in {Status.QUEUED, Status.SENT}
        server.answer(asked, {"content": [], "structuredContent": {"n": 1}})
        (answer,) = await answers_of(session, [call])
        assert answer.structured_content == {"n": 1}


async def test_with_signing_keys_nothing_made_up_is_executed_or_delivered(
    open_floor: OpenFloor, signing_keys: tuple[str, ...]
) -> None:
    async with open_floor(signing_keys=signing_keys) as floor:
        session = await floor.session(signing_keys=signing_keys)
        mallory = RawClient(floor.stage.deployment, "mallory")
        call, asked = await sent_request(floor, session)

        # It knows all there is to know, but has no key.
        RawServer(floor.stage.deployment).answer(asked, {"forged": 1})
        await floor.bus.until(lambda: session.status.refused_count == 1)
        assert session.get(call).status in {Status.QUEUED, Status.SENT}

        floor.crew.hire()
        mallory.send(tool_call(1, "echo", {"n": 666}))
        (letter,) = await floor.stage.deployment.dead_letters(1)
        assert letter.attributes["DeadLetterReason"] == "message is not signed"
        assert (await session.call("echo", {"n": 2})).structured_content == {"n": 2}
        assert floor.runs[None, 666] == 0


async def test_an_answer_that_is_played_back_is_counted_with_its_call(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        floor.crew.hire()
        session = await floor.session()
        call = session.submit("echo", {"n": 1}).id
        (answer,) = await answers_of(session, [call])
        again = next(m for m in floor.bus.accepted if '"structuredContent"' in m.body)

        floor.bus.publish(RESPONSES, [again, again])
        await floor.bus.until(lambda: session.get(call).record.deliveries == 3)

        assert answer.structured_content == {"n": 1}
        assert session.log.counts() == {Status.DONE: 1}


async def test_an_answer_for_somebody_else_completes_nothing_here(open_floor: OpenFloor) -> None:
    async with open_floor() as floor:
        alice = await floor.session("alice", namesake_grace_seconds=0.0)
        bob = await floor.session("bob", namesake_grace_seconds=0.0)
        mine, _ = await sent_request(floor, alice)
        theirs, asked = await sent_request(floor, bob)

        RawServer(floor.stage.deployment).answer(asked, {"content": []}, client_id="alice")
        await floor.bus.until(lambda: alice.status.unsolicited_count == 1)

        assert alice.get(mine).status in {Status.QUEUED, Status.SENT}
        assert bob.get(theirs).status in {Status.QUEUED, Status.SENT}


@pytest.mark.parametrize("session_id", ["made up", "A" * 200, "../../etc/passwd", "é" * 40])
async def test_a_session_id_that_is_made_up_opens_nothing(
    open_floor: OpenFloor, session_id: str
) -> None:
    async with open_floor() as floor:
        floor.crew.hire()
        mallory = RawClient(floor.stage.deployment, "mallory", protocol_version=HANDSHAKE)
        mallory.session_id = session_id

        mallory.send(plain_request(1, "tools/call", {"name": "echo", "arguments": {"n": 666}}))

        assert "initialize again" in error_of(await mallory.answer())
        assert len(floor.runs) == 0


async def test_a_session_id_that_is_stolen_opens_for_its_owner_only(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        floor.crew.hire()
        alice = RawClient(floor.stage.deployment, "alice", protocol_version=HANDSHAKE)
        alice.send(initialize_request(0))
        (opened,) = await alice.receive()
        alice.session_id = opened.header.session_id
        mallory = RawClient(floor.stage.deployment, "mallory", protocol_version=HANDSHAKE)
        mallory.session_id = alice.session_id
        # Under her own name, and with another connection under the name that she stole.
        namesake = RawClient(floor.stage.deployment, "alice", protocol_version=HANDSHAKE)
        namesake.session_id = alice.session_id

        for thief in (mallory, namesake):
            thief.send(plain_request(1, "tools/call", {"name": "echo", "arguments": {"n": 666}}))
            assert "initialize again" in error_of(await thief.answer())

        alice.send(plain_request(1, "tools/call", {"name": "echo", "arguments": {"n": 1}}))
        assert result_of(await alice.answer()) == {"n": 1}
        assert floor.runs[None, 666] == 0


async def test_two_machines_that_use_one_name_get_their_own_answers(
    open_floor: OpenFloor,
) -> None:
    async with open_floor() as floor:
        floor.crew.hire()
        # Each with a ledger of its own, on one queue.
        here = await floor.session("alice")
        floor.stage.ledger_file = floor.stage.ledger_file.with_name("elsewhere.sqlite")
        there = await floor.stage.session("alice")
        groups = {
            who: session.map("echo", [{"who": who, "n": n} for n in range(10)])
            for who, session in (("here", here), ("there", there))
        }

        with anyio.fail_after(30):
            for group in groups.values():
                await group

        for who, group in groups.items():
            answers = [(await call).structured_content for call in group]
            assert answers == [{"who": who, "n": n} for n in range(10)]
        assert (here.log.counts(), there.log.counts()) == ({Status.DONE: 10}, {Status.DONE: 10})
        assert here.status.unsolicited_count == there.status.unsolicited_count == 0

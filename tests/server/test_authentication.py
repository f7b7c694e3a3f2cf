"""With signing keys: what does not verify is put aside with the reason, and never executed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.shared.message import ServerMessageMetadata
from mcp_types import JSONRPCRequest, JSONRPCResponse, ListRootsRequest, ListRootsResult

from asyncmcp_nb.bus import Delivery
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.addressing import worker_of
from asyncmcp_nb.sns_sqs.client import bus_client
from asyncmcp_nb.sns_sqs.parking import REASON_ATTRIBUTE
from asyncmcp_nb.wire import Outgoing
from asyncmcp_nb.wire.codec import Seal
from asyncmcp_nb.wire.signing import KeyRing
from tests.helpers import (
    HANDSHAKE,
    MODERN,
    PATIENCE_SECONDS,
    REQUESTS,
    SERVER_QUEUE,
    MemoryDeployment,
    RawClient,
    ToolContext,
    initialize_request,
    notification,
    plain_request,
    result_of,
    tool_call,
    tool_server,
)

OURS, THEIRS, NEXT = (letter * 32 for letter in ("o", "t", "n"))
UNSIGNED = "message is not signed"
UNKNOWN = "message is signed with an unknown key"
CHANGED = "signature does not verify: the message was changed, or goes the other way"


def seal_of(key: str, direction: Any = "to-server") -> Seal:
    return KeyRing([key.encode()]).sealing(direction)


class Vault:
    """A tool that notes who got in, and workers that want to see a signature."""

    def __init__(self, memory: MemoryDeployment) -> None:
        self.memory = memory
        self.ran: list[Any] = []
        self.cancelled = anyio.Event()
        self.control_queue = ""
        self.host: Host | None = None
        self.sealer = Sealer()
        self.server = tool_server(enter=self.enter, stay=self.stay)

    async def enter(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.ran.append(arguments["who"])
        return arguments

    async def stay(self, ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        self.ran.append(arguments["who"])
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled.set()
            raise

    @asynccontextmanager
    async def hosting(self, *keys: str) -> AsyncGenerator[None]:
        """One more worker; the first key signs."""
        names = tuple(f"env:KEY_{key[0]}" for key in keys or (OURS,))
        config = self.memory.server(signing_keys=names)
        self.control_queue = self.memory.control_queue(config)
        with anyio.fail_after(2 * PATIENCE_SECONDS):
            async with hosting(
                self.server, self.memory.bus, config, sealer=self.sealer
            ) as self.host:
                yield

    def client(self, *keys: str, mode: str = MODERN) -> Client:
        names = tuple(f"env:KEY_{key[0]}" for key in keys)
        config = self.memory.client("carol", signing_keys=names)
        return Client(bus_client(self.memory.bus, config), mode=mode)

    async def reasons(self, count: int) -> list[str]:
        """Why the dead letters are dead."""
        letters: list[Delivery] = await self.memory.dead_letters(count)
        return [letter.attributes[REASON_ATTRIBUTE] for letter in letters]


@pytest.fixture
async def vault(memory: MemoryDeployment, monkeypatch: pytest.MonkeyPatch) -> Vault:
    for key in (OURS, THEIRS, NEXT):
        monkeypatch.setenv(f"KEY_{key[0]}", key)
    return Vault(memory)


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, seal=seal_of(OURS))


@pytest.fixture
def mallory(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, "mallory")


def enter_call(request_id: int, who: str) -> JSONRPCRequest:
    return tool_call(request_id, "enter", {"who": who})


# -- requests --------------------------------------------------------------------------------------

Change = Callable[[Outgoing], Outgoing]


def with_attribute(name: str, value: str) -> Change:
    return lambda made: replace(made, attributes={**made.attributes, name: value})


def with_delivery(change: Callable[[str], str]) -> Change:
    return lambda made: with_attribute("Delivery", change(made.attributes["Delivery"]))(made)


def as_it_was(made: Outgoing) -> Outgoing:
    return made


def with_other_arguments(made: Outgoing) -> Outgoing:
    return replace(made, body=made.body.replace("nobody", "me too"))


TO_SERVER, TO_CLIENT = seal_of(OURS), seal_of(OURS, "to-client")
FORGERIES: dict[str, tuple[Seal | None, Change, str]] = {
    "unsigned": (None, as_it_was, UNSIGNED),
    "signed by a stranger": (seal_of(THEIRS), as_it_was, UNKNOWN),
    "played back from a client's queue": (TO_CLIENT, as_it_was, CHANGED),
    "with other arguments": (TO_SERVER, with_other_arguments, CHANGED),
    "with another return address": (TO_SERVER, with_attribute("ClientId", "mallory"), CHANGED),
    "with another connection": (
        TO_SERVER,
        with_delivery(lambda text: "c=" + "f" * 32 + text[34:]),
        CHANGED,
    ),
    "with a session": (TO_SERVER, with_attribute("SessionId", "stolen"), CHANGED),
    "at another time": (TO_SERVER, with_attribute("Timestamp", "1.000"), CHANGED),
    "said to be compressed": (TO_SERVER, with_delivery(lambda text: "e=gzip;" + text), CHANGED),
    "said to be in S3": (TO_SERVER, with_attribute("ExtendedPayloadSize", "9"), CHANGED),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_request_that_does_not_verify_is_put_aside_and_runs_nothing(
    vault: Vault, alice: RawClient, forgery: str
) -> None:
    seal, change, reason = FORGERIES[forgery]
    forger = RawClient(vault.memory, seal=seal)
    made = change(forger.write(enter_call(1, "nobody")))

    async with vault.hosting():
        vault.memory.bus.publish(REQUESTS, [made])
        reasons = await vault.reasons(1)
        await vault.memory.settled()
        alice.send(enter_call(2, "alice"))
        answer = await alice.answer()

    assert reasons == [reason]
    assert (vault.ran, result_of(answer)) == (["alice"], {"who": "alice"})
    assert (alice.waiting_count(), forger.waiting_count()) == (0, 0)


async def test_a_request_past_the_topic_is_no_less_checked(
    vault: Vault, alice: RawClient, mallory: RawClient
) -> None:
    async with vault.hosting():
        vault.memory.bus.send(SERVER_QUEUE, mallory.write(enter_call(1, "mallory")))
        vault.memory.bus.send(SERVER_QUEUE, alice.write(enter_call(1, "alice")))
        answer = await alice.answer()
        reasons = await vault.reasons(1)

    assert (vault.ran, reasons, result_of(answer)) == (["alice"], [UNSIGNED], {"who": "alice"})


async def test_a_request_that_is_played_back_runs_nothing_while_its_answer_is_kept(
    vault: Vault, alice: RawClient
) -> None:
    recorded = alice.write(enter_call(1, "alice"))
    answers: list[Any] = []
    async with vault.hosting():
        for _ in range(3):
            vault.memory.bus.publish(REQUESTS, [recorded])
            answers.append(result_of(await alice.answer()))

    assert (vault.ran, answers) == (["alice"], [{"who": "alice"}] * 3)


# -- everything else -------------------------------------------------------------------------------


async def test_nobody_cancels_a_request_without_a_signature(vault: Vault, alice: RawClient) -> None:
    forger = RawClient(vault.memory, connection_id=alice.connection_id)
    async with vault.hosting():
        alice.send(tool_call(1, "stay", {"who": "alice"}))
        await vault.memory.bus.until(lambda: vault.ran == ["alice"])

        forger.cancel(1)
        reasons = await vault.reasons(2)
        was_cancelled = vault.cancelled.is_set()
        alice.cancel(1)
        await vault.cancelled.wait()

    assert (reasons, was_cancelled) == ([UNSIGNED] * 2, False)


async def test_nobody_answers_a_workers_question_without_a_signature(
    vault: Vault, memory: MemoryDeployment
) -> None:
    async def ask(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
        related = ServerMessageMetadata(related_request_id=ctx.request_id)
        roots = await ctx.session.send_request(
            ListRootsRequest(), ListRootsResult, metadata=related
        )
        return {"uri": str(roots.roots[0].uri)}

    vault.server = tool_server(ask=ask)
    alice = RawClient(memory, protocol_version=HANDSHAKE, seal=seal_of(OURS))

    def answer(client: RawClient, question: JSONRPCRequest, uri: str) -> None:
        result = {"roots": [{"uri": uri}]}
        message = JSONRPCResponse(jsonrpc="2.0", id=question.id, result=result)
        client.send(message, worker_id=worker_of(question.id))

    async with vault.hosting():
        alice.send(initialize_request(0))
        (welcome,) = await alice.receive()
        alice.session_id = welcome.header.session_id
        alice.send(plain_request(1, "tools/call", {"name": "ask", "arguments": {}}))
        (asked,) = await alice.receive()
        assert isinstance(asked.message, JSONRPCRequest)

        answer(replace(alice, seal=None), asked.message, "file:///evil")
        reasons = await vault.reasons(1)
        answer(alice, asked.message, "file:///good")
        told = result_of(await alice.answer())

    assert (reasons, told) == ([UNSIGNED], {"uri": "file:///good"})


async def test_a_notification_without_a_signature_is_put_aside(
    vault: Vault, mallory: RawClient
) -> None:
    async with vault.hosting():
        mallory.send(notification("notifications/roots/list_changed"))

        assert await vault.reasons(1) == [UNSIGNED]


# -- honest clients --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [MODERN, "legacy"])
async def test_a_client_with_the_key_is_served_in_either_era(vault: Vault, mode: str) -> None:
    async with vault.hosting(), vault.client(OURS, mode=mode) as client:
        result = await client.call_tool("enter", {"who": "carol"})

    assert (vault.ran, result.structured_content) == (["carol"], {"who": "carol"})


ROLLOUT = [(OURS,), (OURS, NEXT), (NEXT, OURS), (NEXT,)]
"""From one key to the next, without downtime."""


@pytest.mark.parametrize("stage", range(3))
async def test_while_a_key_is_rotated_nobody_is_refused(vault: Vault, stage: int) -> None:
    """Some are at a stage already, and others at the one before."""
    before, after = ROLLOUT[stage : stage + 2]
    for workers, clients in ((before, after), (after, before), (after, after)):
        async with vault.hosting(*workers), vault.client(*clients) as client:
            await client.call_tool("enter", {"who": "carol"})

    assert vault.ran == ["carol"] * 3


async def test_a_client_whose_key_is_gone_is_put_aside_and_the_others_are_served(
    vault: Vault,
) -> None:
    late = RawClient(vault.memory, seal=seal_of(OURS))
    async with vault.hosting(NEXT), vault.client(NEXT) as client:
        late.send(enter_call(1, "late"))
        reasons = await vault.reasons(1)
        await client.call_tool("enter", {"who": "carol"})

    assert (vault.ran, reasons) == (["carol"], [UNKNOWN])


async def test_a_dead_letter_verifies_when_it_is_sent_again(vault: Vault) -> None:
    """What was put aside for a key that was not yet there is not lost."""
    late = RawClient(vault.memory, seal=seal_of(NEXT))
    async with vault.hosting(OURS):
        late.send(enter_call(1, "late"))
        (letter,) = await vault.memory.dead_letters(1)
    attributes = {name: v for name, v in letter.attributes.items() if name != REASON_ATTRIBUTE}

    async with vault.hosting(OURS, NEXT):
        vault.memory.bus.send(SERVER_QUEUE, Outgoing(letter.body, attributes))
        await vault.memory.bus.until(lambda: vault.ran == ["late"])

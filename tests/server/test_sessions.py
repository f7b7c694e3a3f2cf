"""Sessions of the handshake era: any worker with the key serves them, and nobody makes one up."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp_types import JSONRPCResponse

from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.server.sealing import Sealer
from tests.helpers import (
    HANDSHAKE,
    PATIENCE_SECONDS,
    MemoryDeployment,
    RawClient,
    ToolContext,
    error_of,
    initialize_request,
    notification,
    plain_request,
    request,
    result_of,
    tool_server,
)

KEY = b"k" * 32
CALL: dict[str, Any] = {"name": "who", "arguments": {}}


async def who(ctx: ToolContext, arguments: dict[str, Any]) -> Any:
    params = ctx.session.client_params
    return {
        "client": params.client_info.name if params else None,
        "version": ctx.protocol_version,
    }


@asynccontextmanager
async def worker(memory: MemoryDeployment, key: bytes | None = KEY) -> AsyncGenerator[None]:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(tool_server(who=who), memory.bus, memory.server(), sealer=Sealer(key)):
            yield


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory, protocol_version=HANDSHAKE)


async def open_session(client: RawClient) -> str:
    client.send(initialize_request(1))
    (incoming,) = await client.receive()
    assert isinstance(incoming.message, JSONRPCResponse)
    assert incoming.message.result["protocolVersion"] == HANDSHAKE
    assert incoming.header.session_id is not None
    client.session_id = incoming.header.session_id
    client.send(notification("notifications/initialized"))
    return client.session_id


async def call(client: RawClient, request_id: int, **changes: Any) -> Any:
    client.send(plain_request(request_id, "tools/call", CALL), **changes)
    return await client.answer()


async def test_a_session_carries_what_initialize_settled(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory):
        await open_session(alice)
        answer = await call(alice, 2)

    assert result_of(answer) == {"client": "raw", "version": HANDSHAKE}


async def test_workers_with_the_same_key_serve_one_session(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory):
        await open_session(alice)
    async with worker(memory):
        answer = await call(alice, 2)

    assert result_of(answer) == {"client": "raw", "version": HANDSHAKE}


async def test_competing_workers_serve_one_session(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory), worker(memory), worker(memory):
        await open_session(alice)
        answers = [result_of(await call(alice, number)) for number in range(2, 20)]

    assert answers == [{"client": "raw", "version": HANDSHAKE}] * 18


@pytest.mark.parametrize("key", [b"o" * 32, None])
async def test_a_worker_with_another_key_refuses_the_session_with_an_error(
    memory: MemoryDeployment, alice: RawClient, key: bytes | None
) -> None:
    async with worker(memory):
        await open_session(alice)
    async with worker(memory, key):
        answer = await call(alice, 2)

    assert "unknown session" in error_of(answer)
    assert "initialize again" in error_of(answer)


async def test_a_session_of_another_connection_is_refused(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    mallory = RawClient(memory, "mallory", protocol_version=HANDSHAKE)
    again = RawClient(memory, protocol_version=HANDSHAKE)
    async with worker(memory):
        stolen = await open_session(alice)
        answers = [await call(thief, 2, session_id=stolen) for thief in (mallory, again)]
        still = await call(alice, 3)

    assert ["unknown session" in error_of(answer) for answer in answers] == [True, True]
    assert result_of(still)["client"] == "raw"


@pytest.mark.parametrize("made_up", ["x", "日本", "A" * 200, "../../etc/passwd"])
async def test_a_session_that_was_made_up_is_refused(
    memory: MemoryDeployment, alice: RawClient, made_up: str
) -> None:
    async with worker(memory):
        answer = await call(alice, 2, session_id=made_up)

    assert "unknown session" in error_of(answer)


async def test_without_a_session_only_initialize_is_served(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory):
        answer = await call(alice, 2)
        await open_session(alice)
        after = await call(alice, 3)

    assert error_of(answer) == "Invalid request parameters"
    assert result_of(after)["client"] == "raw"


async def test_a_request_of_the_modern_era_in_a_session_is_refused(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory):
        await open_session(alice)
        alice.send(request(2, "tools/call", CALL), protocol_version=None)
        answer = await alice.answer()

    assert error_of(answer) == "this session speaks the handshake era"


async def test_a_handshake_that_fails_opens_no_session(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    async with worker(memory):
        alice.send(plain_request(1, "initialize", {"protocolVersion": HANDSHAKE}))
        (incoming,) = await alice.receive()

    assert error_of(incoming.message) == "Invalid request parameters"
    assert incoming.header.session_id is None


async def test_a_handshake_too_large_to_travel_is_answered_with_an_error(
    memory: MemoryDeployment, alice: RawClient
) -> None:
    message = initialize_request(1)
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(3000))
    assert message.params is not None
    message.params["clientInfo"]["title"] = noise
    config = memory.server(message_limit_bytes=2048)
    async with hosting(tool_server(), memory.bus, config):
        alice.send(message)
        (incoming,) = await alice.receive()

    assert "above the limit of 2,048 bytes" in error_of(incoming.message)
    assert incoming.header.session_id is None

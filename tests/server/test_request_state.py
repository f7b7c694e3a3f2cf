"""What an app seals into ``requestState`` opens at every worker of its deployment."""

from __future__ import annotations

import os
from typing import Any

import anyio
import pytest
from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.request_state import RequestStateSecurity
from mcp_types import (
    CallToolResult,
    InputRequiredResult,
    JSONRPCMessage,
    JSONRPCResponse,
    TextContent,
)

from asyncmcp_nb.server.adapt import lowlevel_of
from asyncmcp_nb.server.host import hosting
from tests.helpers import (
    PATIENCE_SECONDS,
    MemoryDeployment,
    RawClient,
    error_of,
    request,
)

KEY = os.urandom(32)
OWN_KEYS = RequestStateSecurity(keys=[os.urandom(32)], audience="shop")


def make_app(security: RequestStateSecurity | None = None) -> MCPServer:
    """An app that asks once and then says what it had sealed, built anew as in each process."""
    app = MCPServer("shop", log_level="CRITICAL", request_state_security=security)

    @app.tool()
    async def order(what: str, ctx: Context[Any, Any]) -> CallToolResult | InputRequiredResult:
        if ctx.request_state is None:
            return InputRequiredResult(request_state=f"the price of {what}")
        return CallToolResult(content=[TextContent(type="text", text=ctx.request_state)])

    assert order.__name__ == "order"
    return app


@pytest.fixture
def alice(memory: MemoryDeployment) -> RawClient:
    return RawClient(memory)


def call(request_id: int, state: str | None = None) -> Any:
    params: dict[str, Any] = {"name": "order", "arguments": {"what": "tea"}}
    return request(
        request_id, "tools/call", params if state is None else {**params, "requestState": state}
    )


async def ask(server: Server[Any], client: RawClient, message: Any) -> JSONRPCMessage:
    """Have one worker alone answer a message."""
    memory = client.deployment
    with anyio.fail_after(PATIENCE_SECONDS):
        async with hosting(server, memory.bus, memory.server()):
            client.send(message)
            return await client.answer()


def state_of(answer: JSONRPCMessage) -> str:
    assert isinstance(answer, JSONRPCResponse), answer
    assert answer.result["resultType"] == "input_required"
    return answer.result["requestState"]


def text_of(answer: JSONRPCMessage) -> str:
    assert isinstance(answer, JSONRPCResponse), answer
    return answer.result["content"][0]["text"]


@pytest.mark.parametrize("security", [None, OWN_KEYS], ids=["default", "own keys"])
async def test_what_one_worker_asked_for_is_taken_by_another(
    alice: RawClient, security: RequestStateSecurity | None
) -> None:
    asked = await ask(lowlevel_of(make_app(security), KEY), alice, call(1))
    answered = await ask(lowlevel_of(make_app(), KEY), alice, call(2, state_of(asked)))

    assert text_of(answered) == "the price of tea"


async def test_while_two_workers_compete_either_may_take_the_retry(
    alice: RawClient, memory: MemoryDeployment
) -> None:
    count = 10
    servers = [lowlevel_of(make_app(), KEY) for _ in range(2)]
    with anyio.fail_after(PATIENCE_SECONDS):
        async with (
            hosting(servers[0], memory.bus, memory.server(max_in_flight=1)),
            hosting(servers[1], memory.bus, memory.server(max_in_flight=1)),
        ):
            alice.send(*[call(number) for number in range(count)])
            states = [state_of(await alice.answer()) for _ in range(count)]
            alice.send(*[call(count + number, state) for number, state in enumerate(states)])
            texts = [text_of(await alice.answer()) for _ in range(count)]

    assert texts == ["the price of tea"] * count


async def test_without_a_shared_key_only_the_worker_that_asked_takes_the_retry(
    alice: RawClient,
) -> None:
    asked = await ask(lowlevel_of(make_app()), alice, call(1))
    refused = await ask(lowlevel_of(make_app()), alice, call(2, state_of(asked)))

    assert error_of(refused) == "Invalid or expired requestState"


async def test_what_the_apps_own_keys_sealed_before_still_opens(alice: RawClient) -> None:
    asked = await ask(lowlevel_of(make_app(OWN_KEYS)), alice, call(1))
    answered = await ask(lowlevel_of(make_app(OWN_KEYS), KEY), alice, call(2, state_of(asked)))

    assert text_of(answered) == "the price of tea"


@pytest.mark.parametrize("spoil", ["another deployment's", "altered", "made up"])
async def test_what_no_worker_of_the_deployment_sealed_is_refused(
    alice: RawClient, spoil: str
) -> None:
    key = os.urandom(32) if spoil == "another deployment's" else KEY
    state = state_of(await ask(lowlevel_of(make_app(), key), alice, call(1)))
    spoiled = {"altered": state[:-2] + ("AA" if state[-2:] != "AA" else "BB"), "made up": "v1.x"}

    refused = await ask(lowlevel_of(make_app(), KEY), alice, call(2, spoiled.get(spoil, state)))

    assert error_of(refused) == "Invalid or expired requestState"


async def test_the_app_itself_stays_as_it_is(alice: RawClient) -> None:
    app = make_app(OWN_KEYS)
    lowlevel_of(app, KEY)

    asked = await ask(lowlevel_of(app), alice, call(1))
    answered = await ask(lowlevel_of(make_app(OWN_KEYS)), alice, call(2, state_of(asked)))

    assert text_of(answered) == "the price of tea"


def test_a_server_that_seals_nothing_is_served_as_it_is() -> None:
    server: Server[Any] = Server("low")

    assert lowlevel_of(server, KEY) is server

"""Servers that ask back (2026 era), and the client's callbacks that answer."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    ErrorData,
    InputRequests,
    InputRequiredResult,
    TextContent,
)

from asyncmcp_nb.errors import CallFailed
from asyncmcp_nb.ledger import Status
from tests.helpers import ToolContext
from tests.session.conftest import Stage

QUESTION = ElicitRequest(
    params=ElicitRequestFormParams(
        message="Really?",
        requested_schema={"type": "object", "properties": {"sure": {"type": "boolean"}}},
    )
)


def asking_server(*, rounds: int = 1, ask: bool = True) -> Server[Any]:
    """A server whose tool wants an answer this many times before it is done."""

    async def call_tool(
        ctx: ToolContext, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        asked = int(params.request_state or 0)
        if asked < rounds:
            questions: InputRequests | None = {"q": QUESTION} if ask else None
            return InputRequiredResult(input_requests=questions, request_state=str(asked + 1))
        answers = {
            key: answer.model_dump(mode="json", exclude_none=True)
            for key, answer in (params.input_responses or {}).items()
        }
        content = {"answers": answers, "arguments": params.arguments}
        return CallToolResult(
            content=[TextContent(type="text", text="ok")], structured_content=content
        )

    return Server("asking", on_call_tool=call_tool)


async def accept(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"sure": params.message == "Really?"})


@pytest.mark.parametrize("rounds", [1, 3])
async def test_a_question_is_answered_by_the_callback_and_the_call_ends(
    stage: Stage, rounds: int
) -> None:
    asked: list[str] = []

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        return await accept(context, params)

    await stage.serve(asking_server(rounds=rounds))
    session = await stage.session(elicitation_callback=answer)

    call = session.submit("buy", {"n": 1})

    answered: dict[str, Any] = (await call).structured_content or {}
    assert answered["arguments"] == {"n": 1}
    assert answered["answers"]["q"]["action"] == "accept"
    await stage.deployment.bus.until(lambda: call.record.attempts == rounds + 1)
    assert call.record.deliveries == 1
    assert len(asked) == rounds


async def test_being_told_twice_of_a_question_asks_once(stage: Stage) -> None:
    asked: list[str] = []
    more_news = anyio.Event()

    async def answer(context: Any, params: Any) -> ElicitResult:
        asked.append(params.message)
        await more_news.wait()
        return await accept(context, params)

    await stage.serve(asking_server())
    session = await stage.session(elicitation_callback=answer)
    call = session.submit("buy", {"n": 1})
    await stage.deployment.bus.until(lambda: bool(asked))

    # As when a late acknowledgement of the request makes the row change once more.
    engine = session._engine  # pyright: ignore[reportPrivateUsage] # from a thread else
    engine.records_changed(engine.desk.changed.read([call.id]))
    await anyio.lowlevel.checkpoint()
    more_news.set()

    await call
    assert len(asked) == 1
    await stage.deployment.bus.until(lambda: call.record.attempts == 2)


async def test_a_question_asked_before_a_restart_is_answered_after_it(stage: Stage) -> None:
    earlier = await stage.session(elicitation_callback=accept)
    call = earlier.submit("buy", {"n": 2})
    await stage.deployment.bus.until(
        lambda: stage.deployment.bus.depth("server") >= 1 and call.status is Status.SENT
    )
    await earlier.close()
    async with stage.serving(asking_server()):
        await stage.deployment.settled()

        later = await stage.session(elicitation_callback=accept)
        result = await later.get(call.id)

    assert (result.structured_content or {})["arguments"] == {"n": 2}


async def test_a_refused_question_ends_the_call_with_the_refusal(stage: Stage) -> None:
    async def refuse(context: Any, params: Any) -> ErrorData:
        return ErrorData(code=-32600, message="not today")

    await stage.serve(asking_server())
    session = await stage.session(elicitation_callback=refuse)

    with pytest.raises(CallFailed, match="not today") as caught:
        await session.call("buy")

    assert caught.value.code == -32600


async def test_where_nobody_can_be_asked_a_question_is_declined_and_the_log_says_so(
    stage: Stage,
) -> None:
    await stage.serve(asking_server())
    session = await stage.session()

    call = session.submit("buy")

    result = await call
    assert (result.structured_content or {})["answers"] == {"q": {"action": "decline"}}
    (said,) = session.log.messages(call.id)
    assert (said.level, said.logger, said.data) == (
        "warning",
        "asyncmcp_nb",
        "the question 'Really?' was declined: nobody to ask; pass on_elicit= to connect()",
    )


async def test_a_callback_that_raises_ends_the_call_in_words(stage: Stage) -> None:
    async def broken(context: Any, params: Any) -> ElicitResult:
        raise RuntimeError("no keyboard")

    await stage.serve(asking_server())
    session = await stage.session(elicitation_callback=broken)

    with pytest.raises(CallFailed, match="a callback raised RuntimeError: no keyboard"):
        await session.call("buy")


async def test_a_server_that_asks_for_ever_is_stopped(stage: Stage) -> None:
    await stage.serve(asking_server(rounds=1_000))
    session = await stage.session(elicitation_callback=accept)

    with pytest.raises(CallFailed, match="asked more than 10 times"):
        await session.call("buy")


async def test_state_without_questions_is_sent_back_as_it_came(stage: Stage) -> None:
    await stage.serve(asking_server(ask=False))
    session = await stage.session()

    call = session.submit("buy", {"n": 3})

    assert ((await call).structured_content or {})["arguments"] == {"n": 3}
    assert session.log.counts() == {Status.DONE: 1}

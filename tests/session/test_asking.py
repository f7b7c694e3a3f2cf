"""Servers that ask back (2026 era), and the client's callbacks that answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
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

from asyncmcp_nb.errors import CallFailed, EncodeError
from asyncmcp_nb.ledger import Binding, Ledger, Status
from asyncmcp_nb.session.envelope import request_id
from tests.helpers import PATIENCE_SECONDS, REQUESTS, RawClient, ToolContext, request
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


# -- answers that do not get out ------------------------------------------------------------------


async def never(context: Any, params: Any) -> ElicitResult:
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_question_whose_answer_a_close_cut_off_is_asked_again(stage: Stage) -> None:
    bus = stage.deployment.bus
    go = anyio.Event()

    async def answer(context: Any, params: Any) -> ElicitResult:
        await go.wait()
        return await accept(context, params)

    async with stage.serving(asking_server()):
        earlier = await stage.session(elicitation_callback=answer, publisher_count=1)
        call = earlier.submit("buy", {"n": 1})
        await bus.until(lambda: call.status is Status.INPUT_REQUIRED)
        with bus.hold("publish", REQUESTS):
            # The one publisher is busy with this, and the answer waits for its turn.
            earlier.refresh_tools()
            await bus.until(lambda: bus.under_way["publish", REQUESTS] > 0)
            go.set()
            await bus.until(lambda: len(earlier.log.ledger.bindings_of(call.id)) == 2)
            await earlier.close()

    async with stage.serving(asking_server()):
        later = await stage.session(elicitation_callback=accept)
        with anyio.fail_after(PATIENCE_SECONDS):
            found = await later.get(call.id)
        bindings = later.log.ledger.bindings_of(call.id)

    assert (found.structured_content or {})["arguments"] == {"n": 1}
    assert [binding.connection_id for binding in bindings] == [earlier.connection_id] * 2


async def test_a_question_whose_answer_a_crash_cut_off_is_asked_again(stage: Stage) -> None:
    async with stage.serving(asking_server(rounds=2)):
        earlier = await stage.session(elicitation_callback=never)
        call = earlier.submit("buy", {"n": 2})
        await stage.deployment.bus.until(lambda: call.status is Status.INPUT_REQUIRED)
        await earlier.close()
    with Ledger.open(stage.ledger_file) as ledger:
        # Bound, and not published yet.
        ledger.bind([Binding(earlier.connection_id, request_id(2), call.id)])

    async with stage.serving(asking_server(rounds=2)):
        later = await stage.session(elicitation_callback=accept)
        with anyio.fail_after(PATIENCE_SECONDS):
            await later.get(call.id)

    assert later.get(call.id).record.deliveries == 1


async def test_an_answer_that_a_crash_let_out_unnoticed_runs_once(stage: Stage) -> None:
    runs: list[str | None] = []

    async def call_tool(
        ctx: ToolContext, params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        if not params.input_responses:
            return InputRequiredResult(input_requests={"q": QUESTION}, request_state="1")
        runs.append(params.request_state)
        return CallToolResult(content=[])

    asking = anyio.Event()

    async def answer_later(context: Any, params: Any) -> ElicitResult:
        asking.set()
        await stage.deployment.bus.until(lambda: len(runs) == 1)
        return await accept(context, params)

    await stage.serve(Server("asking", on_call_tool=call_tool))
    earlier = await stage.session(elicitation_callback=never)
    call = earlier.submit("buy", {"n": 2})
    await stage.deployment.bus.until(lambda: call.status is Status.INPUT_REQUIRED)
    await earlier.close()
    with Ledger.open(stage.ledger_file) as ledger:
        ledger.bind([Binding(earlier.connection_id, request_id(2), call.id)])

    # Its answer is held up, so that the later session asks once more.
    with stage.deployment.bus.hold("receive", "client-alice"):
        later = await stage.session(elicitation_callback=answer_later)
        with anyio.fail_after(PATIENCE_SECONDS):
            await asking.wait()
        crashed = RawClient(stage.deployment, "alice", connection_id=earlier.connection_id)
        answers = {"q": {"action": "accept", "content": {"sure": True}}}
        params = {"name": "buy", "arguments": {"n": 2}, "inputResponses": answers}
        crashed.send(request(request_id(2), "tools/call", {**params, "requestState": "1"}))
        await stage.deployment.bus.until(lambda: later.get(call.id).record.attempts == 2)
    with anyio.fail_after(PATIENCE_SECONDS):
        await later.get(call.id)

    assert runs == ["1"]


async def test_an_answer_that_cannot_be_recorded_is_sent_when_it_can(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    with closing(sqlite3.connect(stage.ledger_file, isolation_level=None)) as other:

        async def answer(context: Any, params: Any) -> ElicitResult:
            asked.append(params.message)
            other.execute("BEGIN IMMEDIATE")
            return await accept(context, params)

        await stage.serve(asking_server())
        session = await stage.session(elicitation_callback=answer, busy_seconds=0.01)
        call = session.submit("buy", {"n": 2})
        with anyio.fail_after(PATIENCE_SECONDS):
            await stage.deployment.bus.until(lambda: "a question waits for the l" in caplog.text)
            other.execute("ROLLBACK")
            await call

    assert len(asked) == 1


async def test_an_answer_that_cannot_be_written_ends_the_call(stage: Stage) -> None:
    async def odd(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"sure": "\ud800"})

    await stage.serve(asking_server())
    session = await stage.session(elicitation_callback=odd)

    with anyio.fail_after(PATIENCE_SECONDS):
        with pytest.raises(EncodeError, match="cannot be written as JSON"):
            await session.call("buy", {"n": 2})

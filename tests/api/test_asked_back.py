"""Servers that ask back, over each broker: a person, a function, and nobody; across a restart."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.config import Era
from asyncmcp_nb.session import Call, Question
from tests.helpers import HANDSHAKE, MODERN, eventually
from tests.session.asking_servers import asking_server

ERAS = pytest.mark.parametrize("era", [MODERN, HANDSHAKE])


async def told(call: Call) -> Any:
    content: dict[str, Any] = (await call).structured_content or {}
    return content["said"]["form"]


@ERAS
async def test_a_person_answers(broker_deployment: Deployment, era: Era) -> None:
    with serve(asking_server(), broker_deployment):
        async with connect(broker_deployment, era=era, on_elicit="ask") as session:
            call = session.submit("ask")
            await eventually(lambda: bool(session.questions.open(call.id)))
            (question,) = session.questions.open(call.id)
            session.questions.answer(question.id, "accept", {"count": 3})

            assert await told(call) == {"action": "accept", "content": {"count": 3}}


@ERAS
async def test_a_function_answers(broker_deployment: Deployment, era: Era) -> None:
    def policy(question: Question) -> dict[str, int]:
        return {"count": len(question.message)}

    with serve(asking_server(), broker_deployment):
        async with connect(broker_deployment, era=era, on_elicit=policy) as session:
            answered = await told(session.submit("ask"))

    assert answered == {"action": "accept", "content": {"count": 9}}


async def test_without_a_front_end_it_declines_and_says_so(broker_deployment: Deployment) -> None:
    with serve(asking_server(), broker_deployment):
        async with connect(broker_deployment) as session:
            call = session.submit("ask")

            assert await told(call) == {"action": "decline"}
            (said,) = session.log.messages(call.id)

    assert "nobody to ask; pass on_elicit= to connect()" in said.data


async def test_a_question_of_before_a_restart_is_asked_again(
    broker_deployment: Deployment,
) -> None:
    with serve(asking_server(), broker_deployment):
        async with connect(broker_deployment, name="alice", on_elicit="ask") as early:
            call = early.submit("ask")
            await eventually(lambda: bool(early.questions.open(call.id)))
        async with connect(broker_deployment, name="alice", on_elicit="ask") as late:
            await eventually(lambda: bool(late.questions.open(call.id)))
            (question,) = late.questions.open(call.id)
            late.questions.answer(question.id, "accept", {"count": 2})

            assert (await told(late.get(call.id)))["content"] == {"count": 2}

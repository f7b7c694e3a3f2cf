"""Questions of servers that a person answers, through ``session.questions``."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import anyio
import pytest

from asyncmcp_nb.errors import (
    CallCancelled,
    CallFailed,
    CallTimedOut,
    InvalidArguments,
    SessionClosed,
)
from asyncmcp_nb.ledger import Status
from asyncmcp_nb.session import Call, Policies, Question, Session
from asyncmcp_nb.session import questions as questions_module
from asyncmcp_nb.session.question import Action
from tests.helpers import HANDSHAKE, MODERN, PATIENCE_SECONDS, eventually, no_threads_left
from tests.session.asking_servers import FORM, asking_server
from tests.session.conftest import Stage

PERSON = Policies(has_person=True)
ERAS = [MODERN, HANDSHAKE]

ACCEPTED: list[tuple[str, Any, dict[str, Any]]] = [
    ("form", {"count": 3}, {"action": "accept", "content": {"count": 3}}),
    ("url", None, {"action": "accept"}),
    (
        "sampling",
        {"text": "Größe", "model": "me"},
        {
            "role": "assistant",
            "content": {"type": "text", "text": "Größe"},
            "model": "me",
            "stopReason": "endTurn",
        },
    ),
    (
        "roots",
        [{"uri": "file:///data", "name": "data"}, "file:///more"],
        {"roots": [{"uri": "file:///data", "name": "data"}, {"uri": "file:///more"}]},
    ),
]


async def asked(session: Session, call: Call) -> Question:
    """The one question of a call, once it is open."""
    question = await session.questions.next(call.id, timeout=PATIENCE_SECONDS)
    assert session.questions.open(call.id) == [question]
    return question


async def told(call: Call) -> dict[str, Any]:
    """What the server was told of each kind."""
    content: dict[str, Any] = (await call).structured_content or {}
    return content["said"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("kind", "content", "expected"), ACCEPTED)
async def test_what_a_person_accepts_reaches_the_server(
    stage: Stage, era: str, kind: str, content: Any, expected: dict[str, Any]
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=PERSON)

    call = session.submit("ask", kinds=[kind])
    question = await asked(session, call)
    is_taken = session.questions.answer(question.id, "accept", content)

    assert is_taken
    assert (question.kind, question.call_id, question.tool) == (kind, call.id, "ask")
    assert (await told(call))[kind] == expected
    assert session.questions.open() == []


async def test_the_next_question_is_the_oldest_of_its_call(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)

    async with asyncio.TaskGroup() as tasks:
        early = tasks.create_task(session.questions.next(timeout=PATIENCE_SECONDS))
        calls = [session.submit("ask", kinds=["form"]) for _ in range(2)]
    second = await session.questions.next(calls[1].id, timeout=PATIENCE_SECONDS)

    assert early.result().call_id in {call.id for call in calls}
    assert second.call_id == calls[1].id
    assert await session.questions.next() == session.questions.open()[0]
    with pytest.raises(TimeoutError, match=r"nothing was asked within 0\.01 s"):
        await session.questions.next("no such call", timeout=0.01)


async def test_nobody_waits_for_a_question_of_a_closed_session(stage: Stage) -> None:
    session = await stage.session(policies=PERSON)
    waiting = asyncio.create_task(session.questions.next())
    await asyncio.sleep(0)

    await session.close()

    with anyio.fail_after(PATIENCE_SECONDS), pytest.raises(SessionClosed, match="connect again"):
        await waiting
    with pytest.raises(SessionClosed):
        await session.questions.next()


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
@pytest.mark.parametrize("kind", ["form", "url"])
async def test_a_refused_form_is_told_to_the_server_which_goes_on(
    stage: Stage, era: str, action: Action, kind: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=PERSON)

    call = session.submit("ask", kinds=[kind])
    session.questions.answer((await asked(session, call)).id, action)

    assert (await told(call))[kind] == {"action": action}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
@pytest.mark.parametrize("kind", ["sampling", "roots"])
async def test_a_refused_sampling_or_roots_request_fails_the_call(
    stage: Stage, era: str, action: Action, kind: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=PERSON)

    call = session.submit("ask", kinds=[kind])
    session.questions.answer((await asked(session, call)).id, action)

    with pytest.raises(CallFailed, match=f"The user {action[:6]}"):
        await call


async def test_a_question_shows_what_was_asked(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    call = session.submit("ask", kinds=["form", "url", "sampling", "roots"])

    await eventually(lambda: len(session.questions) == 4)

    shown = {
        one.kind: (one.message, one.url, sorted((one.schema or {}).get("properties", {})))
        for one in session.questions.open(call.id)
    }
    assert shown == {
        "form": ("How many?", None, ["count"]),
        "url": ("Please log in", "https://example.com/login", []),
        "sampling": ("Say a word", None, ["model", "text"]),
        "roots": ("Which folders may the server use?", None, ["roots"]),
    }
    (form,) = [one for one in session.questions.open() if one.kind == "form"]
    assert (
        form.params["requestedSchema"] == FORM.params.model_dump(by_alias=True)["requestedSchema"]
    )
    assert repr(session.questions).startswith("<Questions: q1 form for ask, q2 url for ask, ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"count": 0}, "count: 0 is less than the minimum of 1"),
        ({}, "'count' is a required property"),
        ({"count": 1, "sum": 2}, "no argument 'sum'"),
        ([1], "the answer must be a dict, not list"),
    ],
)
async def test_content_that_does_not_fit_is_refused_and_the_question_stays(
    stage: Stage, content: Any, said: str
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    call = session.submit("ask")
    question = await asked(session, call)

    with pytest.raises(InvalidArguments, match=said):
        session.questions.answer(question.id, "accept", content)

    assert session.questions.open() == [question]
    assert session.questions.answer(question.id, "accept", {"count": 1})
    assert (await told(call))["form"]["content"] == {"count": 1}


async def test_an_action_that_does_not_exist_is_refused(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    question = await asked(session, session.submit("ask"))

    with pytest.raises(InvalidArguments, match="no action 'agree'; one of: accept, decline"):
        session.questions.answer(question.id, "agree")  # type: ignore[arg-type] # that is the test


async def test_a_question_is_answered_from_another_thread_and_once(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    call = session.submit("ask")
    question = await asked(session, call)
    taken: list[bool] = []

    def answer() -> None:
        taken.append(session.questions.answer(question.id, "accept", {"count": 7}))

    threads = [threading.Thread(target=answer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join)

    assert sorted(taken) == [False] * 7 + [True]
    assert (await told(call))["form"]["content"] == {"count": 7}


async def test_opening_and_answering_tells_observers_of_questions_and_of_the_log(
    stage: Stage,
) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    heard: list[tuple[str, int]] = []
    session.questions.subscribe(lambda one: heard.append((one.id, len(session.questions))))
    call = session.submit("ask")
    question = await asked(session, call)
    rows: list[str] = []
    session.log.subscribe(lambda records: rows.extend(record.call_id for record in records))

    session.questions.answer(question.id, "cancel")

    assert heard == [(question.id, 1), (question.id, 0)]
    assert rows[0] == call.id


@pytest.mark.parametrize("era", ERAS)
async def test_a_question_of_a_cancelled_call_closes(stage: Stage, era: str) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=PERSON)
    call = session.submit("ask")
    question = await asked(session, call)

    call.cancel()

    with pytest.raises(CallCancelled):
        await call
    assert session.questions.open() == []
    assert not session.questions.answer(question.id, "accept", {"count": 1})


@pytest.mark.parametrize("era", ERAS)
async def test_a_question_of_a_call_whose_time_is_up_closes(stage: Stage, era: str) -> None:
    await stage.serve(asking_server())
    session = await stage.session(era=era, policies=PERSON)
    call = session.submit("ask", timeout=2)
    await asked(session, call)

    with pytest.raises(CallTimedOut):
        await call

    assert session.questions.open() == []


async def test_a_question_is_asked_again_after_a_restart(stage: Stage) -> None:
    await stage.serve(asking_server())
    earlier = await stage.session(policies=PERSON)
    call = earlier.submit("ask")
    before = await asked(earlier, call)
    await earlier.close()

    later = await stage.session(policies=PERSON)
    again = await asked(later, later.get(call.id))
    later.questions.answer(again.id, "accept", {"count": 5})

    assert earlier.questions.open() == []
    assert (again.message, again.call_id) == (before.message, call.id)
    assert (await told(later.get(call.id)))["form"]["content"] == {"count": 5}
    assert later.log.messages(call.id) == []


async def test_a_question_of_the_2025_era_ends_with_its_connection_and_the_log_says_so(
    stage: Stage,
) -> None:
    await stage.serve(asking_server())
    earlier = await stage.session(era=HANDSHAKE, policies=PERSON)
    call = earlier.submit("ask")
    await asked(earlier, call)

    await earlier.close()

    later = await stage.session(era=HANDSHAKE, policies=PERSON)
    assert earlier.questions.open() == []
    (said,) = later.log.messages(call.id)
    assert said.data == "the question 'How many?' was withdrawn before it was answered"


@pytest.mark.parametrize("era", ERAS)
async def test_closing_with_an_open_question_leaves_no_thread_and_no_task(
    stage: Stage, era: str
) -> None:
    before = asyncio.all_tasks()
    with no_threads_left():
        # A poll under way is not waited for.
        async with stage.serving(asking_server(), poll_wait_seconds=0.1):
            session = await stage.session(era=era, policies=PERSON, poll_wait_seconds=0.1)
            await asked(session, session.submit("ask"))

            await session.close()

    assert asyncio.all_tasks() - before == set()


async def test_questions_beyond_the_bound_are_cancelled(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions_module, "MAX_OPEN_COUNT", 2)
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    calls = [session.submit("ask") for _ in range(3)]

    await eventually(lambda: any(call.is_done for call in calls))

    (cancelled,) = [call for call in calls if call.is_done]
    assert (await told(cancelled))["form"] == {"action": "cancel"}
    assert len(session.questions) == 2


async def test_a_late_acknowledgement_of_the_request_leaves_the_question_open(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=PERSON)
    call = session.submit("ask")
    question = await asked(session, call)

    engine = session._engine  # pyright: ignore[reportPrivateUsage] # from a thread else
    engine.records_changed(engine.desk.changed.read([call.id]))

    assert call.status is Status.INPUT_REQUIRED
    assert session.questions.open() == [question]


async def test_a_question_after_progress_is_not_kept_waiting(stage: Stage) -> None:
    """Progress goes to the ledger, so it must not be missed where messages are put in order."""
    await stage.serve(asking_server())
    session = await stage.session(era=HANDSHAKE, policies=PERSON, gap_timeout_seconds=60.0)
    call = session.submit("ask")

    question = await asked(session, call)
    session.questions.answer(question.id, "decline")

    assert (await told(call))["form"] == {"action": "decline"}
    assert call.record.running_at is not None

"""Questions of servers as a person answers them: form, page, words, folders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb.session import Question, Session
from asyncmcp_nb.session.question import Action
from asyncmcp_nb.ui.question.bodies import FormBody, RootsBody, SamplingBody, body_html
from asyncmcp_nb.ui.question.slot import QuestionSlot
from asyncmcp_nb.ui.question.view import QuestionView, question_head, question_html, question_text
from tests.helpers import eventually
from tests.ui.asking import asked, asking_session, told
from tests.ui.conftest import HOSTILE
from tests.ui.form.filling import come_from_page
from tests.ui.still.test_still import page


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    async with asking_session(tmp_path) as made:
        yield made


def view_of(session: Session, call_id: str) -> QuestionView:
    (question,) = session.questions.open(call_id)
    return QuestionView(session, question)


def fill(view: QuestionView) -> None:
    """As a person does."""
    match view.body:
        case FormBody(model=model):
            model.load({"count": 3})
        case SamplingBody(text=text, model=model):
            text.value, model.value = "Hello", "me"
        case RootsBody(lines=lines):
            lines.value = "file:///data\n/tmp"
        case _:
            pass


ANSWERS = {
    "form": {"action": "accept", "content": {"count": 3}},
    "url": {"action": "accept"},
    "sampling": {
        "role": "assistant",
        "content": {"type": "text", "text": "Hello"},
        "model": "me",
        "stopReason": "endTurn",
    },
    "roots": {
        "roots": [{"uri": "file:///data"}, {"uri": "file:///tmp"}],
    },
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_what_is_filled_in_and_sent_reaches_the_server(session: Session, kind: str) -> None:
    call = await asked(session, kind)
    view = view_of(session, call.id)

    fill(view)
    view.accept.click()

    assert (await told(call))[kind] == ANSWERS[kind]
    assert "Sent to the server." in page(view.said.value).text
    assert [button.disabled for button in (view.accept, view.decline, view.cancel)] == [True] * 3
    view.close()


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_question_can_be_refused(session: Session, action: Action) -> None:
    call = await asked(session, "form")
    view = view_of(session, call.id)

    getattr(view, action).click()

    assert (await told(call))["form"] == {"action": action}
    view.close()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("form", "count needs a value"),
        ("sampling", "type an answer"),
        ("roots", "line 1: data is neither file://… nor a full path"),
    ],
)
async def test_what_does_not_fit_is_not_sent_says_why_and_can_be_mended_at_once(
    session: Session, kind: str, why: str
) -> None:
    call = await asked(session, kind)
    view = view_of(session, call.id)
    if isinstance(view.body, RootsBody):
        view.body.lines.value = "data"

    come_from_page(view.accept)
    said = page(view.said.value).text
    still_open = [question.call_id for question in session.questions.open()]
    fill(view)
    come_from_page(view.accept)

    assert why in said
    assert still_open == [call.id]
    assert (await told(call))[kind] == ANSWERS[kind]
    view.close()


async def test_who_asks_what_is_named_and_nobody_is_asked_for_secrets_unwarned(
    session: Session,
) -> None:
    call = await asked(session, "form")
    (question,) = session.questions.open(call.id)

    words = page(question_head(session, question)).text

    assert "The server asks you" in words
    assert "for ask)" in words
    assert "How many?" in words
    assert "Give it no password" in words
    assert question_text(question) == "asked by the server: How many?"


async def test_a_page_is_opened_by_nobody_but_the_person(session: Session) -> None:
    call = await asked(session, "url")
    view = view_of(session, call.id)
    (box,) = view.body.widgets
    markup: Any = box

    read = page(markup.value)

    assert "https://example.com/login" in read.text
    assert ("href", "https://example.com/login") in read.attributes
    assert ("target", "_blank") in read.attributes
    view.close()


async def test_a_question_answered_elsewhere_says_so(session: Session) -> None:
    call = await asked(session, "form")
    view = view_of(session, call.id)
    (question,) = session.questions.open(call.id)
    session.questions.answer(question.id, "decline")

    fill(view)
    view.accept.click()

    assert "not asked any more" in page(view.said.value).text
    assert (await told(call))["form"] == {"action": "decline"}
    view.close()


# -- where they appear ----------------------------------------------------------------------------


async def test_questions_appear_stay_as_they_are_and_go_away(session: Session) -> None:
    call = await asked(session, "form", "sampling")
    slot = QuestionSlot(call.id)

    slot.render(session)
    first, second = slot.views
    slot.render(session)
    same = slot.views == [first, second]
    first.decline.click()
    await eventually(lambda: len(session.questions.open(call.id)) == 1)
    slot.render(session)

    assert same
    assert slot.views == [second]
    assert "Declined; the server was told." in page(slot.note.value).text
    call.cancel()
    await eventually(lambda: not session.questions.open())
    slot.render(session)
    assert slot.views == []
    assert "not asked any more" in page(slot.note.value).text


async def test_a_slot_shows_the_questions_of_the_call_it_is_for(session: Session) -> None:
    first, second = await asked(session, "form"), await asked(session, "roots")
    slot = QuestionSlot(first.id)
    slot.render(session)
    kinds = [view.question.kind for view in slot.views]

    slot.show(second.id)
    slot.render(session)

    assert kinds == ["form"]
    assert [view.question.kind for view in slot.views] == ["roots"]


async def test_a_closed_session_is_told_of(session: Session) -> None:
    call = await asked(session, "url")
    view = view_of(session, call.id)
    await session.close()

    view.accept.click()

    assert "closed" in page(view.said.value).text


# -- what a server may write ----------------------------------------------------------------------


def hostile(kind: Any, **more: Any) -> Question:
    values: dict[str, Any] = {
        "id": "q1",
        "call_id": None,
        "tool": HOSTILE,
        "kind": kind,
        "message": HOSTILE * 2_000,
        "schema": {"type": "object", "properties": {HOSTILE: {"title": HOSTILE}}},
        "url": "javascript:alert(1)" + HOSTILE,
        "params": {
            "messages": [{"role": HOSTILE, "content": {"type": "text", "text": HOSTILE}}, HOSTILE],
            "systemPrompt": HOSTILE,
            HOSTILE: [HOSTILE],
        },
        "asked_at": 0.0,
    }
    return Question(**(values | more))


@pytest.mark.parametrize("kind", ["form", "url", "sampling", "roots"])
async def test_hostile_questions_are_words(session: Session, kind: str) -> None:
    question = hostile(kind)

    markup = question_html(session, question)
    view = QuestionView(session, question)

    assert len(markup) < 200_000
    assert page(markup).text
    assert page(str(body_html(question) or "x")).text
    assert len(question_text(question)) < 1_000
    view.close()

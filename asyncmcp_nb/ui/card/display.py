"""A ``Call`` as a cell's output: its card, which moves while it goes on, and what is saved."""

from __future__ import annotations

from asyncmcp_nb.session import Call, Question, Session
from asyncmcp_nb.ui.card.card import CallCard
from asyncmcp_nb.ui.escape import Html
from asyncmcp_nb.ui.kit.part import Shown
from asyncmcp_nb.ui.question.view import question_html, question_text
from asyncmcp_nb.ui.still.call import CALL_SHEETS, call_body
from asyncmcp_nb.ui.theme import framed


def card_of(call: Call) -> Shown | None:
    """A card of this call; None where its session is closed or gone, and nothing moves."""
    session = call.session
    if not isinstance(session, Session) or session.is_closed:
        return None
    return Shown(session, CallCard(session, call.id), sheets=CALL_SHEETS)


def saved_html(call: Call) -> Html:
    """A call as it is now: its state, what it asks, and its answer where there is one."""
    asked = [question_html(session, question) for session, question in _asked(call)]
    return framed(call_body(call.record), asked, sheets=CALL_SHEETS)


def saved_text(call: Call) -> str:
    """A call as it is now, without markup."""
    return "\n".join([repr(call), *(question_text(question) for _, question in _asked(call))])


def _asked(call: Call) -> list[tuple[Session, Question]]:
    session = call.session
    if not isinstance(session, Session) or session.is_closed:
        return []
    return [(session, question) for question in session.questions.open(call.id)]

"""A ``Call`` as a cell's output: its card, which moves while the call goes on."""

from __future__ import annotations

from asyncmcp_nb.session import Call, Session
from asyncmcp_nb.ui.call_card import CallCard
from asyncmcp_nb.ui.call_html import CALL_SHEETS
from asyncmcp_nb.ui.part import Shown


def card_of(call: Call) -> Shown | None:
    """A card of this call; None where its session is closed or gone, and nothing moves."""
    session = call.session
    if not isinstance(session, Session) or session.is_closed:
        return None
    return Shown(session, CallCard(session, call.id), sheets=CALL_SHEETS)

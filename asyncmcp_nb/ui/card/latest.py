"""The call that a form sent last: a line that moves, and its card where nobody else shows it."""

from __future__ import annotations

from collections.abc import Callable

from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.session import CallRecord, Session
from asyncmcp_nb.ui.card.card import CallCard
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.statuses import chip, duration, elapsed_seconds


class LatestCall:
    """Where it is shown.

    Args:
        kit: Makes the widgets.
        has_card: Whether its answer is shown too.
    """

    def __init__(self, kit: Kit, *, has_card: bool) -> None:
        self.call_id: str | None = None
        self.line = kit.html("amcp-sent-line")
        self._has_card = has_card
        self._card: CallCard | None = None
        self._place = kit.box([], "amcp-result")
        self.widget = kit.box([self.line, self._place], "amcp-sent", HIDDEN)
        self._poke: Callable[[], None] = _nothing

    def take(self, session: Session, call_id: str) -> None:
        """Show this call from now on."""
        self.call_id = call_id
        mark(self.widget, HIDDEN, False)
        if self._has_card and self._card is None:
            self._card = CallCard(session, call_id)
            self._card.follow(self._poke)
            self._place.children = [self._card.widget]
        elif self._card is not None:
            self._card.show(call_id)
        self._show_line(session)
        self._poke()

    def render(self, session: Session) -> None:
        """Show how it is now."""
        self._show_line(session)
        if self._card is not None:
            self._card.render(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        if self._card is not None:
            self._card.freeze(words)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke
        if self._card is not None:
            self._card.follow(poke)

    def html(self, session: Session) -> Html | None:
        """What a saved notebook has of it; None where nothing was sent."""
        if self.call_id is None:
            return None
        if self._card is not None:
            return self._card.html(session)
        record = _record(session, self.call_id)
        return None if record is None else sent_html(record)

    def text(self, session: Session) -> str:
        """The same without markup."""
        if self.call_id is None:
            return ""
        if self._card is not None:
            return self._card.text(session)
        record = _record(session, self.call_id)
        return "" if record is None else f"sent as call {record.call_id}: {record.status.value}"

    def _show_line(self, session: Session) -> None:
        record = None if self.call_id is None else _record(session, self.call_id)
        if record is None:  # the session is closed: what was seen last stays
            return
        markup = str(sent_html(record))
        if self.line.value != markup:
            self.line.value = markup


def sent_html(record: CallRecord) -> Html:
    """Under which id a call was sent, and how it is."""
    took = duration(elapsed_seconds(record))
    name = joined("sent as call ", tag("code", record.call_id), " · ")
    return tag("div", name, chip(record.status), f" · {took}", class_="amcp-sent-words")


def _record(session: Session, call_id: str) -> CallRecord | None:
    try:
        return session.get(call_id).record
    except LedgerError:
        return None


def _nothing() -> None:
    """Nobody listens yet."""

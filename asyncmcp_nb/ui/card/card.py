"""One call to look at and to work with: its state, question, answer, log messages and actions."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from asyncmcp_nb.session import Call, CallRecord, Session
from asyncmcp_nb.ui.answer.folding import fold
from asyncmcp_nb.ui.card.actions import CardActions
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, set_hidden
from asyncmcp_nb.ui.messages.lines import lines_html, lines_of
from asyncmcp_nb.ui.messages.pane import MessagePane
from asyncmcp_nb.ui.question.slot import QuestionSlot
from asyncmcp_nb.ui.question.view import question_html, question_text
from asyncmcp_nb.ui.still.call import (
    CALL_SHEETS,
    arguments_html,
    call_body,
    head_html,
    outcome_html,
    times_html,
)
from asyncmcp_nb.ui.still.text import call_text
from asyncmcp_nb.ui.theme import bare, sheet

_NONE = "Choose a call to see it here."


class CallCard:
    """One call, or a place for one."""

    def __init__(
        self,
        session: Session,
        call_id: str | None = None,
        *,
        on_edit: Callable[[CallRecord], None] | None = None,
        on_away: Callable[[], None] | None = None,
    ) -> None:
        """Make one.

        Args:
            session: Whose calls.
            call_id: The call; none yet by default.
            on_edit: Given the call when somebody wants to change its arguments and send it again.
            on_away: Called when somebody has put the call away; without it, nobody can.
        """
        self._session = weakref.ref(session)
        self._poke: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._call_id = call_id
        self._record: CallRecord | None = None
        self._log_count = -1
        kit = Kit()
        self._on_away = on_away
        self.head, self.facts, self.times = kit.html("amcp-card-head"), kit.html(), kit.html()
        self.away = kit.button("Close", "put this call away", telling(self._fail, self._put_by))
        """Where the focus goes when somebody opens a call: the card begins here."""
        set_hidden(self.away, True)
        self.answer = kit.html("amcp-answer")
        self.questions = QuestionSlot(call_id)
        self.actions = CardActions(session, kit, self._retried, on_edit=on_edit)
        self.logs = kit.button(
            "", "what the server logged for this call", telling(self._fail, self._pull)
        )
        self.pane: MessagePane | None = None
        """The log messages, once they were asked for."""
        self._pane_place = widgets.column()
        buttons = [*self.actions.buttons, self.logs, self.actions.said]
        self._inside = widgets.column(
            self.facts,
            self.times,
            self.questions.widget,
            self.answer,
            kit.box(buttons, "amcp-card-row"),
            self.actions.place,
            self._pane_place,
        )
        style = widgets.style_box(sheet(*CALL_SHEETS))
        top = kit.box([self.head, self.away], "amcp-card-row", "amcp-card-top")
        column = widgets.column(style, top, self._inside)
        self.widget: widgets.Widget = widgets.classed(column, "amcp-card")

    @property
    def call_id(self) -> str | None:
        """The call that is shown."""
        return self._call_id

    def show(self, call_id: str | None) -> None:
        """Show another call, or none."""
        with self._lock:
            if call_id != self._call_id:
                self._call_id, self._record, self._log_count = call_id, None, -1
                self.questions.show(call_id)
                if self.pane is not None:
                    self._put_away(self.pane)
        self._poke()

    def go_to(self, call_id: str) -> None:
        """Show a call that somebody wants to see now: the page scrolls there."""
        self.show(call_id)
        if self._on_away is not None:
            set_hidden(self.away, False)
            self.away.focus()

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        with self._lock:
            record = self._read(session)
            set_hidden(self.away, record is None or self._on_away is None)
            widgets.set_seen(self._inside, record is not None)
            if record is None:
                widgets.put(self.head, bare(tag("p", self._nothing(), class_="amcp-quiet")))
                return
            widgets.put(self.head, bare(head_html(record)))
            if record != self._record:
                self._show(record)
            self.questions.render(session)
            self._show_logs(session, record)

    def tick(self, session: Session) -> None:
        """See ``live.Ticking``."""
        with self._lock:
            record = self._record
            if record is not None and not record.is_finished and not session.is_closed:
                widgets.put(self.head, bare(head_html(record)))

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        with self._lock:
            self.questions.freeze(words)
            self.actions.freeze()
            self.actions.say(words)
            if self.pane is not None:
                self.pane.freeze(words)

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        record = self._read(session)
        if record is None:
            return tag("p", self._nothing(), class_="amcp-quiet")
        lines = lines_of(session, record.call_id)
        count = lines.total_count
        asked = session.questions.open(record.call_id)
        return joined(
            call_body(record),
            [question_html(session, question) for question in asked],
            fold(_messages(count), lines_html(lines, with_calls=False)) if count else None,
        )

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        record = self._read(session)
        if record is None:
            return self._nothing()
        asked = session.questions.open(record.call_id)
        return "\n".join([call_text(record), *(question_text(question) for question in asked)])

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke
        self.questions.follow(poke)
        if self.pane is not None:
            self.pane.follow(poke)

    def close(self) -> None:
        """See ``part.Closing``."""
        with self._lock:
            for view in self.questions.views:
                view.close()
            if self.pane is not None:
                self.pane.close()
            self.actions.close()

    # -- inside -----------------------------------------------------------------------------------

    def _read(self, session: Session) -> CallRecord | None:
        return None if self._call_id is None else session.log.ledger.get(self._call_id)

    def _nothing(self) -> str:
        return _NONE if self._call_id is None else f"Call {self._call_id} is not in the ledger."

    def _show(self, record: CallRecord) -> None:
        self._record = record
        widgets.put(self.facts, bare(arguments_html(record)))
        widgets.put(self.times, bare(times_html(record)))
        outcome = outcome_html(record)
        widgets.put(self.answer, "" if outcome is None else bare(outcome))
        self.actions.show(record)

    def _show_logs(self, session: Session, record: CallRecord) -> None:
        count = session.log.message_count(record.call_id)
        if self.pane is not None:
            self.pane.render(session)
        if count != self._log_count:
            self._log_count = count
            self._name_logs()

    def _name_logs(self) -> None:
        is_open = self.pane is not None
        self.logs.description = f"{'Hide' if is_open else 'Show'} {_messages(self._log_count)}"
        set_hidden(self.logs, not is_open and not self._log_count)

    def _put_by(self, _: object) -> None:
        self.show(None)
        if self._on_away is not None:
            self._on_away()

    def _pull(self, _: object) -> None:
        session = self._session()
        with self._lock:
            if self.pane is not None:
                self._put_away(self.pane)
            elif session is not None and self._call_id is not None:
                self.pane = MessagePane(session, self._call_id)
                self.pane.follow(self._poke)
                self._pane_place.children = (self.pane.widget,)
            self._name_logs()
        self._poke()

    def _put_away(self, pane: MessagePane) -> None:
        self.pane = None
        self._pane_place.children = ()
        pane.close()

    def _retried(self, call: Call) -> None:
        self.show(call.id)

    def _fail(self, words: str) -> None:
        if words:
            self.actions.say(f"✗ {words}")


def _messages(count: int) -> str:
    return f"{count:,} log message{'' if count == 1 else 's'}"

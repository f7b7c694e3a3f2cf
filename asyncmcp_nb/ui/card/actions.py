"""What can be done with one call: cancel, retry, its code, and taking its answer along."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import Final

from asyncmcp_nb.errors import SessionClosed, ToolNotFound
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import Call, CallRecord, Session, Status
from asyncmcp_nb.ui.answer.actions import AnswerActions
from asyncmcp_nb.ui.answer.folding import note
from asyncmcp_nb.ui.answer.parts import parts_of
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.form.codes import as_magic, as_python
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Html as HtmlPlace
from asyncmcp_nb.ui.kit.inputs import Kit, Placed, Press, close_all, set_hidden
from asyncmcp_nb.ui.kit.widgets import put
from asyncmcp_nb.ui.statuses import word
from asyncmcp_nb.ui.still.tools import is_destructive
from asyncmcp_nb.ui.theme import bare

_CODE_CHARACTERS: Final = 20_000
_CODE: Final = "code"
_ASSIGN: Final = "assign"
_SAVE: Final = "save"


class CardActions:
    """The buttons of a card, and what opens below them."""

    def __init__(
        self,
        session: Session,
        kit: Kit,
        on_retry: Callable[[Call], None],
        *,
        on_edit: Callable[[CallRecord], None] | None = None,
    ) -> None:
        """Make them.

        Args:
            session: Whose calls.
            kit: Makes the widgets.
            on_retry: Given the new call when one was submitted again.
            on_edit: Given a call whose arguments somebody wants to change and send.
        """
        self._on_edit = on_edit
        self._session = weakref.ref(session)
        self._kit = kit
        self._on_retry = on_retry
        self._record: CallRecord | None = None
        self._asked_for: str | None = None
        self._open: str | None = None
        self._offered: str | None = None
        self.said = kit.html("amcp-card-said")
        self.cancel = self._button(
            "Cancel call", "give this call up; its worker is told", self._cancel
        )
        self.retry = self._button("Retry", "submit it again as a new call", self._retry)
        self.edit = self._button("Edit", "fill the form with its arguments", self._edit)
        set_hidden(self.edit, on_edit is None)
        self.code = self._drawer("Code", "this call as Python and as a magic", _CODE)
        self.assign = self._drawer("Assign…", "to a variable of the notebook", _ASSIGN)
        self.save = self._drawer("Save…", "to a file in the notebook's folder", _SAVE)
        self.buttons = [self.cancel, self.retry, self.edit, self.code, self.assign, self.save]
        self.place = kit.box([], "amcp-card-place")
        """Where a drawer is while it is open."""

    @cached_property
    def code_box(self) -> HtmlPlace:
        """The drawer with the code; made when it is first opened, as the others."""
        return self._kit.html()

    @cached_property
    def answer(self) -> AnswerActions:
        """The drawers for what an answer has."""
        return AnswerActions(self._kit)

    def show(self, record: CallRecord) -> None:
        """Offer what this call, as it is now, can take."""
        if self._record is None or record.call_id != self._record.call_id:
            self._toggle(None)
            self.say("")
        has_answer = record.is_finished and record.result_json is not None
        if not has_answer and self._open in (_ASSIGN, _SAVE):
            self._toggle(None)
        self._record = record
        set_hidden(self.cancel, record.is_finished)
        set_hidden(self.retry, not record.is_finished)
        for button in (self.assign, self.save):
            set_hidden(button, not has_answer)

    def say(self, words: str) -> None:
        """Show one line, or none."""
        put(self.said, bare(tag("span", words, role="status")) if words else "")

    def freeze(self) -> None:
        """Offer nothing that needs the session."""
        self.cancel.disabled = self.retry.disabled = True

    def close(self) -> None:
        """Close the drawers that were made, wherever they are."""
        made = vars(self)
        if "code_box" in made:
            close_all(self.code_box)
        if "answer" in made:
            close_all(self.answer.assign.widget)
            close_all(self.answer.save.widget)

    def _button(self, words: str, tooltip: str, act: Callable[[], None]) -> Press:
        def clicked(_: object) -> None:
            act()

        return self._kit.button(words, tooltip, telling(self._fail, clicked))

    def _drawer(self, words: str, tooltip: str, name: str) -> Press:
        return self._button(words, tooltip, lambda: self._pull(name))

    def _fail(self, words: str) -> None:
        if words:
            self.say(f"✗ {words}")

    def _live(self) -> tuple[Session, CallRecord]:
        session, record = self._session(), self._record
        if session is None or session.is_closed or record is None:
            raise SessionClosed("the session is closed; connect again")
        return session, record

    # -- what the buttons do ----------------------------------------------------------------------

    def _cancel(self) -> None:
        session, record = self._live()
        call = session.get(record.call_id)
        if not call.cancel() and call.status is not Status.CANCELLED:
            self.say(f"It had ended already: {word(call.status)}.")

    def _retry(self) -> None:
        session, record = self._live()
        if _destroys(session, record.tool) and self._asked_for != record.call_id:
            self._asked_for = record.call_id
            tool = cut(one_line(record.tool), 60)
            self.say(f"⚠ {tool} is destructive: press Retry again to run it once more.")
            return
        self._asked_for = None
        call = session.get(record.call_id).retry()
        self._on_retry(call)
        self.show(call.record)
        self.say(f"Submitted again; this is the new call. The one before is {record.call_id}.")

    def _edit(self) -> None:
        _, record = self._live()
        if self._on_edit is not None:
            self._on_edit(record)

    def _pull(self, name: str) -> None:
        record = self._record
        if record is None:
            return
        self._toggle(None if self._open == name else name)
        if name == _CODE:
            put(self.code_box, bare(_code_html(record)))
        elif self._offered != record.call_id:
            self._offered = record.call_id
            self.answer.offer(record, parts_of(record))

    def _toggle(self, name: str | None) -> None:
        if name == self._open:
            return
        self._open = name
        self.place.children = [] if name is None else [self._drawer_of(name)]

    def _drawer_of(self, name: str) -> Placed:
        if name == _CODE:
            return self.code_box
        return (self.answer.assign if name == _ASSIGN else self.answer.save).widget


def _destroys(session: Session, name: str) -> bool:
    try:
        return is_destructive(session.tool(name))
    except ToolNotFound:
        return False


def _code_html(record: CallRecord) -> Html:
    codes = (
        ("as Python", as_python(record.tool, record.arguments)),
        ("as a magic", as_magic(record.tool, record.arguments)),
    )
    shown = [
        tag("pre", cut(code, _CODE_CHARACTERS), class_="amcp-code", tabindex=0, aria_label=label)
        for label, code in codes
    ]
    return tag("div", *shown, note("A click selects all of it: copy it into a cell."))

"""Send, and what stands in its way: a reason, or a question that is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.form_view.notes import problem
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, plain

_SEND: Final = ("Send", "send this call")
_KEEP: Final = ("Keep editing", "do not send it")
"""Words and tooltip of the button, before and while the question is asked."""
_PRIMARY: Final = "mod-primary"
_WAITS: Final = "amcp-waits"
"""The class of a button that would send nothing now."""


class SendBar:
    """The button, the reason why nothing would be sent, and the question before what destroys.

    The button can be pressed at any time, so that Tab always stops there: whoever is quicker than
    the kernel would pass one that is off, and never learn why it is. While the question is asked it
    is the button that takes Send back. So it keeps the focus, and a second click in a hurry sends
    nothing; the focus moved from here would come late, in the middle of what is typed meanwhile.

    Args:
        kit: Makes the widgets.
        send: Sends; what it raises is said here.
        lead: Goes to where the reason is, when it was pressed in vain.
        question: Asked before each sending; empty where there is no need.
    """

    def __init__(
        self, kit: Kit, send: Callable[[], None], *, lead: Callable[[], None], question: str = ""
    ) -> None:
        self._settling = kit.settling
        self._send = send
        self._lead = lead
        self._question = question
        self.is_asking = False
        press = telling(self.say, self._press)
        confirm = telling(self.say, self._confirm)
        self.send = kit.sender(*_SEND, press, _PRIMARY, "amcp-send")
        self.asked = kit.html("amcp-send-question")
        self.confirm = kit.sender("Send it", "yes, send this call", confirm, "mod-danger")
        self.asking = kit.box([self.asked, self.confirm], "amcp-send-asking", HIDDEN)
        self.line = kit.html("amcp-send-line")
        self._reason = ""
        self._error = ""
        self._is_refused = False
        """Whether it was pressed in vain, and nothing has changed since."""

    def block(self, reason: str) -> None:
        """Let nothing be sent, for a reason; an empty one lets it be sent."""
        self._reason = reason
        self._is_refused = self._is_refused and bool(reason)
        self._show_button()
        self._show()

    def refuse(self) -> None:
        """Say why nothing was sent, and go there."""
        self._is_refused = True
        self._show()
        self._lead()

    def ask_before(self, question: str) -> None:
        """Ask this before each sending from now on; nothing where it is empty."""
        self._question = question
        self.start_over()

    def say(self, words: str) -> None:
        """Say what went wrong, until something else happens."""
        self._error = words
        self._show()

    def start_over(self) -> None:
        """Neither ask nor complain any more: what would be sent has changed."""
        self._settling.changed()
        self._is_refused = False
        self._error = ""
        if self.is_asking:
            self._ask(False)
        self._show()

    def _press(self, _: object) -> None:
        if self.is_asking:
            self._ask(False)
        elif self._reason:
            self.refuse()
        elif self._question:
            self._ask(True)
        else:
            self._send()

    def _confirm(self, _: object) -> None:
        if not self.is_asking:
            return
        self._ask(False)
        self.send.focus()
        if self._reason:
            self.refuse()
        else:
            self._send()

    def _ask(self, is_asking: bool) -> None:
        self.is_asking = is_asking
        markup = str(tag("span", "⚠ ", plain(self._question), role="alert")) if is_asking else ""
        self.asked.value = markup
        mark(self.asking, HIDDEN, not is_asking)
        self._show_button()

    def _show_button(self) -> None:
        words, tooltip = _KEEP if self.is_asking else _SEND
        is_waiting = bool(self._reason) and not self.is_asking
        if is_waiting:
            tooltip = plain(f"not yet: {self._reason}")
        mark(self.send, _PRIMARY, not (is_waiting or self.is_asking))
        mark(self.send, _WAITS, is_waiting)
        if self.send.description != words:
            self.send.description = words
        if self.send.tooltip != tooltip:
            self.send.tooltip = tooltip

    def _show(self) -> None:
        markup = Html("")
        if self._error:
            markup = problem(self._error)
        elif self._is_refused:
            markup = problem(f"Not sent: {self._reason}")
        elif self._reason:
            markup = tag("span", f"Cannot be sent yet: {self._reason}", class_="amcp-quiet")
        if self.line.value != markup:
            self.line.value = str(markup)

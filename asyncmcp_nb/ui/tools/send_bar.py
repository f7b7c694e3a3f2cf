"""Send, and what stands in its way: a reason, or a question that is asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.form_view.notes import problem
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, plain

_READY: Final = "send this call"
_PRIMARY: Final = "mod-primary"
_WAITS: Final = "amcp-waits"
"""The class of a button that would send nothing now."""


class SendBar:
    """The button, the reason why nothing would be sent, and the question before what destroys.

    The button can be pressed at any time, so that Tab always stops there: whoever is quicker than
    the kernel would pass one that is off, and never learn why it is.

    Args:
        kit: Makes the widgets.
        send: Sends; what it raises is said here.
        lead: Goes to where the reason is, when it was pressed in vain.
        question: Asked before each sending; empty where there is no need.
    """

    def __init__(
        self, kit: Kit, send: Callable[[], None], *, lead: Callable[[], None], question: str = ""
    ) -> None:
        self._send = send
        self._lead = lead
        self._question = question
        self.is_asking = False
        press = telling(self.say, self._press)
        confirm = telling(self.say, self._confirm)
        keep = telling(self.say, self._keep)
        self.send = kit.sender("Send", _READY, press, _PRIMARY, "amcp-send")
        self.asked = kit.html("amcp-send-question")
        self.confirm = kit.sender("Send it", "yes, send this call", confirm, "mod-danger")
        self.keep = kit.button("Keep editing", "do not send it", keep)
        self.asking = kit.box([self.asked, self.confirm, self.keep], "amcp-send-asking", HIDDEN)
        self.line = kit.html("amcp-send-line")
        self._reason = ""
        self._error = ""
        self._is_refused = False
        """Whether it was pressed in vain, and nothing has changed since."""

    def block(self, reason: str) -> None:
        """Let nothing be sent, for a reason; an empty one lets it be sent."""
        self._reason = reason
        self._is_refused = self._is_refused and bool(reason)
        mark(self.send, _PRIMARY, not reason)
        mark(self.send, _WAITS, bool(reason))
        words = plain(f"not yet: {reason}") if reason else _READY
        if self.send.tooltip != words:
            self.send.tooltip = words
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
        self._is_refused = False
        self._error = ""
        if self.is_asking:
            self._ask(False)
        self._show()

    def _press(self, _: object) -> None:
        if self._reason:
            self.refuse()
        elif self._question:
            self._ask(True)
            self.keep.focus()
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

    def _keep(self, _: object) -> None:
        self._ask(False)
        self.send.focus()

    def _ask(self, is_asking: bool) -> None:
        self.is_asking = is_asking
        markup = str(tag("span", "⚠ ", plain(self._question), role="alert")) if is_asking else ""
        self.asked.value = markup
        mark(self.asking, HIDDEN, not is_asking)
        mark(self.send, HIDDEN, is_asking)

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

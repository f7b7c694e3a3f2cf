"""Send, and what stands in its way: a reason, or a question that is asked once."""

from __future__ import annotations

from collections.abc import Callable

from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.form_view.notes import problem
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, plain


class SendBar:
    """The button, the reason why it cannot be pressed, and the question before what destroys.

    Args:
        kit: Makes the widgets.
        send: Sends; what it raises is said here.
        question: Asked before each sending; empty where there is no need.
    """

    def __init__(self, kit: Kit, send: Callable[[], None], *, question: str = "") -> None:
        self._send = send
        self._question = question
        self.is_asking = False
        press = telling(self.say, self._press)
        confirm = telling(self.say, self._confirm)
        keep = telling(self.say, self._keep)
        self.send = kit.sender("Send", "send this call", press, "mod-primary", "amcp-send")
        self.asked = kit.html("amcp-send-question")
        self.confirm = kit.sender("Send it", "yes, send this call", confirm, "mod-danger")
        self.keep = kit.button("Keep editing", "do not send it", keep)
        self.asking = kit.box([self.asked, self.confirm, self.keep], "amcp-send-asking", HIDDEN)
        self.line = kit.html("amcp-send-line")
        self._reason = ""
        self._error = ""

    def block(self, reason: str) -> None:
        """Let nothing be sent, for a reason; an empty one lets it be sent."""
        self._reason = reason
        if self.send.disabled != bool(reason):
            self.send.disabled = bool(reason)
        if self.confirm.disabled != bool(reason):
            self.confirm.disabled = bool(reason)
        self._show()

    def ask_before(self, question: str) -> None:
        """Ask this before each sending from now on; nothing where it is empty."""
        self._question = question
        self.stop_asking()

    def say(self, words: str) -> None:
        """Say what went wrong, until something else happens."""
        self._error = words
        self._show()

    def stop_asking(self) -> None:
        """Do not ask any more: what would be sent has changed."""
        if self.is_asking:
            self._ask(False)

    def _press(self, _: object) -> None:
        if self._reason:
            return
        if self._question:
            self._ask(True)
            self.keep.focus()
        else:
            self._send()

    def _confirm(self, _: object) -> None:
        if self.is_asking and not self._reason:
            self._ask(False)
            self._send()
            self.send.focus()

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
        elif self._reason:
            markup = tag("span", f"Cannot be sent yet: {self._reason}", class_="amcp-quiet")
        if self.line.value != markup:
            self.line.value = str(markup)

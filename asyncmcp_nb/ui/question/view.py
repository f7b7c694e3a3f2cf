"""A server's question to the person: who asks what, a form for it, and three ways to answer."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import Action, Question, Session
from asyncmcp_nb.ui.answer.folding import long_text, note
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, close_all
from asyncmcp_nb.ui.question.bodies import body_html, body_of
from asyncmcp_nb.ui.theme import bare

GONE: Final = "This is not asked any more: it was answered elsewhere, or its call has ended."
_DONE: Final[dict[Action, str]] = {
    "accept": "Sent to the server.",
    "decline": "Declined; the server was told.",
    "cancel": "Cancelled; the server was told.",
}
_WANTS: Final = {
    "form": "asks you",
    "url": "asks you to open a page",
    "sampling": "asks what a model would say",
    "roots": "asks which folders it may use",
}


class QuestionView:
    """One question."""

    def __init__(
        self, session: Session, question: Question, on_end: Callable[[str, str], None] | None = None
    ) -> None:
        """Make one.

        Args:
            session: Which is asked.
            question: What is asked.
            on_end: Told its id and in words how it ended, when it was answered here or is gone.
        """
        self.question = question
        self._session = weakref.ref(session)
        self._on_end = on_end
        kit = self._kit = Kit()
        self.body = body_of(question, kit)
        head = kit.html()
        head.value = bare(question_head(session, question))
        accept, decline, cancel = (
            self._answering(action) for action in ("accept", "decline", "cancel")
        )
        self.accept = kit.sender(self.body.accept, "answer the server", accept, "mod-primary")
        self.decline = kit.button("Decline", "tell the server: no", decline)
        self.cancel = kit.button("Cancel", "go without a choice; the server is told", cancel)
        self.said = kit.html("amcp-card-said")
        buttons = kit.box([self.accept, self.decline, self.cancel, self.said], "amcp-card-row")
        inside = widgets.column(head, *self.body.widgets, buttons)
        self.widget: widgets.Widget = widgets.classed(inside, "amcp-asked")

    def answer(self, action: Action) -> None:
        """Answer as it stands.

        Raises:
            InvalidArguments: The answer does not fit the question. Nothing was sent.
        """
        session = self._session()
        if session is None or session.is_closed:
            self._end("The session is closed; connect again to answer.")
            return
        content = None
        if action == "accept":
            problem = self.body.problem()
            if problem is not None:
                self._say(f"Not sent: {problem}")
                # Who mends it and clicks at once is not to be missed.
                self._kit.settling.changed()
                return
            content = self.body.content()
        was_open = session.questions.answer(self.question.id, action, content)
        self._end(_DONE[action] if was_open else GONE)

    def freeze(self, words: str) -> None:
        """Say that it cannot be answered here any more, and why."""
        for button in (self.accept, self.decline, self.cancel):
            button.disabled = True
        self._say(words)

    def close(self) -> None:
        """Take it out of the page."""
        self.body.close()
        close_all(self.widget)
        self._kit.close()

    def _answering(self, action: Action) -> Callable[..., None]:
        def clicked(_: object) -> None:
            self.answer(action)

        return telling(self._fail, clicked)

    def _end(self, words: str) -> None:
        self.freeze(words)
        if self._on_end is not None:
            self._on_end(self.question.id, words)

    def _fail(self, words: str) -> None:
        if words:
            self._say(f"Not sent: {words}")

    def _say(self, words: str) -> None:
        widgets.put(self.said, bare(tag("span", words, role="alert")))


def question_head(session: Session, question: Question) -> Html:
    """Who asks what."""
    server = session.snapshot().server or "a server"
    tool = f", for {question.tool}" if question.tool else ""
    return joined(
        tag(
            "div",
            tag("span", "? ", class_="amcp-icon", aria_hidden="true"),
            tag("b", cut(f"The server {_WANTS[question.kind]}", 200)),
            tag("span", cut(f" (asked by {server}{tool})", 300), class_="amcp-quiet"),
        ),
        None if question.kind == "sampling" else _message(question),
        note(
            "What you answer goes to that server. Give it no password or key that it need not have."
        ),
    )


def question_html(session: Session, question: Question) -> Html:
    """A question as it stands, for a saved notebook."""
    inside = joined(question_head(session, question), body_html(question))
    return tag("div", inside, class_="amcp-block amcp-warn")


def question_text(question: Question) -> str:
    """A question without markup."""
    return f"asked by the server: {cut(question.message, 500)}"


def _message(question: Question) -> Html:
    return tag("div", long_text(question.message, kind="question"), class_="amcp-words")

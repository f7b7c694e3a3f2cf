"""What a person fills in for each kind of question: a form, a page to open, words, folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from asyncmcp_nb.session import Question
from asyncmcp_nb.ui.answer.contents import Answer, blocks_html
from asyncmcp_nb.ui.answer.folding import Room, fold, long_text
from asyncmcp_nb.ui.answer.tree import tree_html
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.widgets import Widget
from asyncmcp_nb.ui.question.addresses import Page, roots_in
from asyncmcp_nb.ui.theme import bare

_SAID = ("messages", "systemPrompt", "_meta")
"""Parameters of a sampling request that are shown by themselves, or not at all."""


class Body(Protocol):
    """The part of a question's view that depends on its kind."""

    accept: str
    """The words of the button that accepts."""

    @property
    def widgets(self) -> list[Widget]:
        """What is in the page."""
        ...

    def problem(self) -> str | None:
        """Why it cannot be sent as it is; None where it can."""
        ...

    def content(self) -> Any:
        """What accepting sends."""
        ...

    def close(self) -> None:
        """Let go of what listens."""
        ...


def body_of(question: Question, kit: Kit) -> Body:
    """What a question needs."""
    match question.kind:
        case "form":
            return FormBody(question)
        case "url":
            return PageBody(question, kit)
        case "sampling":
            return SamplingBody(question, kit)
        case "roots":
            return RootsBody(kit)


def body_html(question: Question) -> Html | None:
    """What a question asks besides its message, for a saved notebook."""
    match question.kind:
        case "url":
            return Page.of(question.url or "").html(with_link=False)
        case "sampling":
            return sampling_html(question.params)
        case "form":
            schema = dict(question.schema or {})
            return fold("What it wants to know", tree_html(schema))
        case "roots":
            return None


class FormBody:
    """A form made from the question's schema."""

    accept = "Send"

    def __init__(self, question: Question) -> None:
        # Deferred: most questions are none of this kind.
        from asyncmcp_nb.ui.form.model import FormModel
        from asyncmcp_nb.ui.form_view.view import FormView

        self.model = FormModel(dict(question.schema or {}))
        self.view = FormView(self.model)

    @property
    def widgets(self) -> list[Widget]:
        """See ``Body``."""
        return [self.view.widget]

    def problem(self) -> str | None:
        """See ``Body``."""
        words = self.view.problem_words()
        if words:
            self.view.point_out()
        return words or None

    def content(self) -> Any:
        """See ``Body``."""
        return self.model.value()

    def close(self) -> None:
        """See ``Body``."""
        self.view.close()


class PageBody:
    """A page that the person opens, or not."""

    accept = "I have done it"

    def __init__(self, question: Question, kit: Kit) -> None:
        box = kit.html()
        box.value = bare(Page.of(question.url or "").html(with_link=True))
        self.widgets: list[Widget] = [box]

    def problem(self) -> str | None:
        """See ``Body``."""
        return None

    def content(self) -> Any:
        """See ``Body``."""
        return None

    def close(self) -> None:
        """See ``Body``."""


class SamplingBody:
    """What a model would say, typed by a person."""

    accept = "Send"

    def __init__(self, question: Question, kit: Kit) -> None:
        asked = kit.html()
        asked.value = bare(sampling_html(question.params))
        self.text = kit.area("Answer", "amcp-card-field", "amcp-card-wide", row_count=5)
        self.model = kit.text("Model", "amcp-card-field", placeholder="who says it")
        self.model.value = "human"
        self.widgets: list[Widget] = [asked, self.text, self.model]

    def problem(self) -> str | None:
        """See ``Body``."""
        if not self.text.value.strip():
            return "type an answer"
        return None if self.model.value.strip() else "say which model answers, or “human”"

    def content(self) -> Any:
        """See ``Body``."""
        return {"text": self.text.value, "model": self.model.value.strip()}

    def close(self) -> None:
        """See ``Body``."""


class RootsBody:
    """Folders, one a line."""

    accept = "Send"

    def __init__(self, kit: Kit) -> None:
        words = "one folder a line: file:///home/me/data or /home/me/data; none is an answer too"
        self.lines = kit.area(
            "Folders", "amcp-card-field", "amcp-card-wide", placeholder=words, row_count=4
        )
        self.widgets: list[Widget] = [self.lines]

    def problem(self) -> str | None:
        """See ``Body``."""
        try:
            roots_in(self.lines.value)
        except ValueError as exc:
            return str(exc)
        return None

    def content(self) -> Any:
        """See ``Body``."""
        return roots_in(self.lines.value)

    def close(self) -> None:
        """See ``Body``."""


def sampling_html(params: Mapping[str, Any]) -> Html:
    """What a model is to answer, and how."""
    room = Room()
    given: Any = params.get("messages")
    messages = cast("list[Any]", given) if isinstance(given, list) else []
    prompt: Any = params.get("systemPrompt")
    rest = {name: value for name, value in params.items() if name not in _SAID}
    return joined(
        tag("div", tag("b", "System prompt"), long_text(prompt, room))
        if isinstance(prompt, str)
        else None,
        [_message_html(message, room) for message in messages],
        fold("How it is to be answered", tree_html(rest, room)) if rest else None,
    )


def _message_html(message: Any, room: Room) -> Html:
    found = cast("dict[str, Any]", message) if isinstance(message, dict) else {"content": message}
    content = Answer.of_json(found)
    role = str(found.get("role", ""))[:20]
    return tag("div", tag("b", role), blocks_html(content.blocks, room), class_="amcp-said-by")

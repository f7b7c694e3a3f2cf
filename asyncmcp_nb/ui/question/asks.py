"""Questions that wait for the person at the notebook: a line that cannot be missed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import Question, Session
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.theme import bare

_MESSAGE_CHARACTERS = 160


class Asks:
    """The line as a part of an interface; it takes no place while nobody asks anything."""

    def __init__(self, _: Session, on_open: Callable[[str], None]) -> None:
        """Make one.

        Args:
            on_open: Called with the id of a call that asks something.
        """
        self._on_open = on_open
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self.said = widgets.html_box()
        self.button = widgets.button("Show me", "open the call that asks; again for the next one")
        self.button.on_click(telling(self._tell, self._open))
        self.widget: widgets.Widget = widgets.classed(
            widgets.row(self.said, self.button), "amcp-asks"
        )
        widgets.set_seen(self.widget, False)

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        questions = [] if session.is_closed else session.questions.open()
        waiting = list(dict.fromkeys(one.call_id for one in questions if one.call_id is not None))
        with self._lock:
            kept = [call_id for call_id in self._waiting if call_id in waiting]
            self._waiting = kept + [call_id for call_id in waiting if call_id not in kept]
        if waiting:
            asked = [one for one in questions if one.call_id is not None]
            widgets.put(self.said, bare(asks_line(asked)))
        widgets.set_seen(self.widget, bool(waiting))

    def freeze(self, _: str) -> None:
        """See ``part.Part``."""
        widgets.set_seen(self.widget, False)

    def html(self, session: Session) -> Html | None:
        """See ``part.Part``; None where nobody asks anything."""
        questions = [one for one in session.questions.open() if one.call_id is not None]
        return asks_line(questions) if questions else None

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        count = len({one.call_id for one in session.questions.open() if one.call_id})
        return asking(count) if count else ""

    def follow(self, _: Callable[[], None]) -> None:
        """See ``part.Part``: whoever opens the call looks anew."""

    def _open(self, _: object) -> None:
        with self._lock:
            if not self._waiting:
                return
            call_id = self._waiting.pop(0)
            self._waiting.append(call_id)
        self._on_open(call_id)

    def _tell(self, words: str) -> None:
        if words:
            widgets.put(self.said, bare(tag("span", words, role="alert")))


def asks_line(questions: Sequence[Question]) -> Html:
    """How many calls ask something, and what the first of them asks."""
    first = questions[0]
    said = cut(one_line(first.message), _MESSAGE_CHARACTERS)
    count = len({question.call_id for question in questions})
    return tag(
        "div",
        tag("span", "?", class_="amcp-icon", aria_hidden="true"),
        " ",
        tag("b", asking(count)),
        f": {cut(first.tool, 80)}: {said}" if first.tool else f": {said}",
        role="status",
    )


def asking(count: int) -> str:
    """Such as ``2 calls ask you something``."""
    return "1 call asks you something" if count == 1 else f"{count:,} calls ask you something"

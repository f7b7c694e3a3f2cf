"""The middle of the panel: the form of the tool that was chosen, and the call that was opened."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import Call, CallRecord, Session
from asyncmcp_nb.ui.card.card import CallCard
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.theme import bare
from asyncmcp_nb.ui.tools.form import ToolForm

FORM_COUNT: Final = 20
"""Forms that keep what was typed into them: those used last. Our choice."""
_CHOOSE: Final = "Choose a tool: its form opens here."


class Workplace:
    """A form for each tool that was chosen, with its draft, and one call to look at."""

    def __init__(self, session: Session) -> None:
        self._poke: Callable[[], None] = lambda: None
        self._lock = threading.RLock()
        self._forms: OrderedDict[str, ToolForm] = OrderedDict()
        self._wish: tuple[str, Mapping[str, Any] | None] | None = None
        self.form: ToolForm | None = None
        """The form that is shown."""
        self.on_tool: Callable[[str], None] = lambda _: None
        """Told of a tool whose form is opened, though it was not chosen in the list."""
        self.on_call: Callable[[str | None], None] = lambda _: None
        """Told of a call that is opened, or with None that it was put away."""
        self.card = CallCard(session, on_edit=self._edit, on_away=lambda: self.on_call(None))
        self.note = widgets.html_box()
        widgets.put(self.note, bare(tag("p", _CHOOSE, class_="amcp-quiet")))
        self._place = widgets.column()
        self.form_zone = widgets.classed(
            widgets.column(self.note, self._place), "amcp-zone", "amcp-zone-form"
        )
        self.answer_zone = widgets.classed(
            widgets.column(self.card.widget), "amcp-zone", "amcp-zone-answer"
        )

    @property
    def is_open(self) -> bool:
        """Whether a form or a call was ever opened."""
        return self.form is not None or self.card.call_id is not None

    @property
    def drafts(self) -> tuple[str, ...]:
        """Tools whose forms are kept, the one used last at the end."""
        return tuple(self._forms)

    # -- what is opened ---------------------------------------------------------------------------

    def open_tool(self, name: str, values: Mapping[str, Any] | None = None) -> None:
        """Open a tool's form, soon; in any thread.

        Args:
            name: The tool's.
            values: Put into the form in place of what is there.
        """
        with self._lock:
            self._wish = (name, values)
        self._poke()

    def open_call(self, call_id: str) -> None:
        """Open a call; in any thread."""
        self.card.show(call_id)
        self.on_call(call_id)
        self._poke()

    def go_to_call(self, call_id: str) -> None:
        """Open a call that somebody wants to see now, and go there; in any thread."""
        self.card.go_to(call_id)
        self.on_call(call_id)
        self._poke()

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        with self._lock:
            wish, self._wish = self._wish, None
            if wish is not None:
                self._open(session, *wish)
            form = self.form
        if form is not None:
            form.render(session)
        if not session.is_closed:
            self.card.render(session)

    def tick(self, session: Session) -> None:
        """See ``live.Ticking``."""
        self.card.tick(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        with self._lock:
            for form in self._forms.values():
                form.freeze(words)
        self.card.freeze(words)

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        form = self.form
        return joined(
            None if form is None else form.html(session),
            None if self.card.call_id is None else self.card.html(session),
        )

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        form = self.form
        parts = ["" if form is None else form.text(session)]
        parts.append("" if self.card.call_id is None else self.card.text(session))
        return "\n".join(part for part in parts if part)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self._poke = poke
        self.card.follow(poke)
        with self._lock:
            for form in self._forms.values():
                form.follow(poke)

    def close(self) -> None:
        """Let go of forms that are not shown; the page has the others."""
        with self._lock:
            for form in self._forms.values():
                _drop(form)
            self._forms.clear()

    # -- inside -----------------------------------------------------------------------------------

    def _open(self, session: Session, name: str, values: Mapping[str, Any] | None) -> None:
        try:
            form = self._form(session, name)
        except AsyncMcpError as exc:
            self._say(str(exc))
            return
        if values is not None:
            form.load(values)
        if form is not self.form:
            self.form = form
            form.bar.start_over()
            self._place.children = (form.widget,)
        widgets.set_seen(self.note, False)

    def _form(self, session: Session, name: str) -> ToolForm:
        """The tool's form with its draft; a new one where it has none."""
        form = self._forms.pop(name, None)
        if form is None:
            form = self._made(session, name)
        self._forms[name] = form
        while len(self._forms) > FORM_COUNT:
            _drop(self._forms.popitem(last=False)[1])
        return form

    def _made(self, session: Session, name: str) -> ToolForm:
        def is_going() -> bool:
            # No lock: a form asks this under its own, which is taken after ours elsewhere.
            return self._wish is not None or self.form is not form

        form = ToolForm(session, session.tool(name), on_submit=self._submitted, is_going=is_going)
        form.follow(self._poke)
        return form

    def _submitted(self, call: Call) -> None:
        self.open_call(call.id)

    def _edit(self, record: CallRecord) -> None:
        self.open_tool(record.tool, record.arguments)
        self.on_tool(record.tool)

    def _say(self, words: str) -> None:
        widgets.put(self.note, bare(tag("p", cut(one_line(words), 300), role="alert")))
        widgets.set_seen(self.note, True)


def _drop(form: ToolForm) -> None:
    form.close()
    widgets.close_tree(form.widget)

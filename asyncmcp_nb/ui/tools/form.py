"""A form for one tool: what it does, its arguments, and sending the call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from mcp_types import Tool

from asyncmcp_nb.errors import SessionClosed
from asyncmcp_nb.session import Call, Session
from asyncmcp_nb.session.sources import plain
from asyncmcp_nb.ui.card.latest import LatestCall
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.form.codes import as_magic, as_python
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.code_box import CodeBox
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.form_view.static import form_html, form_text
from asyncmcp_nb.ui.form_view.view import FormView
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit, close_all
from asyncmcp_nb.ui.tools.head import head_html, head_text, question
from asyncmcp_nb.ui.tools.send_bar import SendBar
from asyncmcp_nb.ui.tools.timeout_field import TimeoutField

OnSubmit = Callable[[Call], object]
"""Told of each call that was sent."""

_CHANGED: Final = "The server has changed this tool since the form was made."
_GOING: Final = "not sent: this form was about to change; press Send again where it has"
_CLOSED: Final = "the session is closed; connect again"


class ToolForm:
    """The form of a tool, as a part of an interface. It keeps its values for the next call."""

    def __init__(
        self,
        session: Session,
        tool: Tool,
        values: Mapping[str, Any] | None = None,
        *,
        on_submit: OnSubmit | None = None,
        is_going: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make one.

        Args:
            session: Which sends.
            tool: As the server listed it.
            values: What fields start with.
            on_submit: Shows the calls that are sent; without it the latest is shown below.
            is_going: Whether something else is about to stand here: a click on Send may have been
                meant for that, and sends nothing.
        """
        self.tool = tool
        self._session = weakref.ref(session)
        self._on_submit = on_submit
        self._is_going = is_going
        self._listed = tool
        self._is_gone = False
        self._frozen = ""
        kit = self._kit = Kit()
        self._head = kit.html("amcp-form-head-box")
        self._note = kit.html()
        self.reload_button = kit.button(
            "Reload the form",
            "show the tool as it is now; what you filled in stays where it fits",
            telling(self._tell, self._reload),
        )
        self._news = kit.box([self._note, self.reload_button], "amcp-form-news", HIDDEN)
        self._place = kit.box([], "amcp-form-place")
        self.bar = SendBar(kit, self.submit, lead=self._lead, question=question(tool))
        self.reset_button = kit.button(
            "Reset", "empty the form, as it was at first", telling(self._tell, self._reset)
        )
        self.code = CodeBox(kit, self._write)
        self.timeout = TimeoutField(kit, self._changed)
        self.latest = LatestCall(kit, has_card=on_submit is None)
        self.view = self._fill(values)
        self.widget = kit.box(self._parts(), "amcp-tool-form", "amcp")

    @property
    def model(self) -> FormModel:
        """What is filled in."""
        return self.view.model

    def load(self, values: Mapping[str, Any]) -> None:
        """Fill the form anew with these values, and nothing that was there before.

        Raises:
            FormTextError: One of them is no JSON value.
        """
        with self.view.lock:
            self.view.model.load({str(key): plain(value) for key, value in values.items()})

    def submit(self) -> None:
        """Send what is filled in; the form keeps it.

        Raises:
            SessionClosed: The session is closed.
            ToolNotFound: The server lists the tool no more.
            InvalidArguments: The server's schema has changed, and they do not fit it.
        """
        with self.view.lock:
            if self._is_going():
                self.bar.say(_GOING)
                return
            if self.reason():
                self._show_state()
                self.bar.refuse()
                return
            session = self._session()
            if session is None:
                raise SessionClosed(_CLOSED)
            values = cast("dict[str, Any]", self.model.value())
            call = session.submit(self.tool.name, values, timeout=self.timeout.seconds)
            self.latest.take(session, call.id)
        if self._on_submit is not None:
            self._on_submit(call)

    def reason(self) -> str:
        """Why nothing can be sent now; empty where it can."""
        if self._frozen:
            return self._frozen
        if self._is_gone:
            return f"the server does not list {self.tool.name} any more"
        return self.view.problem_words() or self.timeout.problem

    # -- as a part --------------------------------------------------------------------------------

    def render(self, session: Session) -> None:
        """See ``part.Part``."""
        with self.view.lock:
            self._look_at_list(session)
            self._show_state()
        self.latest.render(session)

    def freeze(self, words: str) -> None:
        """See ``part.Part``."""
        session = self._session()
        with self.view.lock:
            self._frozen = _CLOSED if session is None or session.is_closed else ""
            self._show_state()
        self.latest.freeze(words)

    def html(self, session: Session) -> Html:
        """See ``part.Part``."""
        with self.view.lock:
            fields = form_html(self.model)
        sent = self.latest.html(session)
        return joined(head_html(self.tool), fields, sent)

    def text(self, session: Session) -> str:
        """See ``part.Part``."""
        with self.view.lock:
            fields = form_text(self.model)
        parts = [head_text(self.tool), fields, self.latest.text(session)]
        return "\n".join(part for part in parts if part)

    def follow(self, poke: Callable[[], None]) -> None:
        """See ``part.Part``."""
        self.latest.follow(poke)

    def close(self) -> None:
        """Take it out of the page."""
        self.view.close()
        close_all(self.widget)
        self._kit.close()

    # -- inside -----------------------------------------------------------------------------------

    def _parts(self) -> list[widgets.Widget]:
        buttons = [
            self.bar.send,
            self.bar.asking,
            self.reset_button,
            *self.code.buttons.values(),
            self.timeout.input,
        ]
        return [
            self._head,
            self._news,
            self._place,
            self._kit.box(buttons, "amcp-form-bar"),
            self.bar.line,
            self.code.box,
            self.latest.widget,
        ]

    def _fill(self, values: Mapping[str, Any] | None) -> FormView:
        """Make the form for the tool as it is listed, with values laid over what it begins with."""
        model = FormModel(self.tool.input_schema, title=self.tool.name, is_tool=True)
        first = model.value()
        if values and isinstance(first, dict):
            begun = cast("dict[str, Any]", first)
            model.load({**begun, **{str(key): plain(value) for key, value in values.items()}})
        view = FormView(model)
        view.listen(self._changed)
        self.view = view
        self._head.value = str(head_html(self.tool))
        self._place.children = [view.widget]
        self._show_state()
        return view

    def _reload(self, _: object) -> None:
        """Show the tool as it is listed now, with what was filled in."""
        with self.view.lock:
            old, values = self.view, self.model.value()
            self.tool = self._listed
            self.bar.ask_before(question(self.tool))
            self._fill(cast("dict[str, Any]", values) if isinstance(values, dict) else None)
            mark(self._news, HIDDEN, True)
        old.close()

    def _lead(self) -> None:
        """Go to where the reason is why nothing can be sent, if it is in the form."""
        if self._frozen or self._is_gone:
            return
        if self.view.problem_words():
            self.view.point_out()
        else:
            self.timeout.input.focus()

    def _reset(self, _: object) -> None:
        self.view.reset()

    def _changed(self) -> None:
        self.bar.start_over()
        self._show_state()

    def _look_at_list(self, session: Session) -> None:
        tools = session.tools
        if tools is None:
            return
        found = next((tool for tool in tools if tool.name == self.tool.name), None)
        self._is_gone = found is None
        self._listed = found or self._listed
        is_other = found is not None and _essence(found) != _essence(self.tool)
        if is_other:
            self._note.value = str(tag("span", "⚠ ", _CHANGED, role="status"))
        mark(self._news, HIDDEN, not is_other)

    def _show_state(self) -> None:
        self.bar.block(self.reason())
        self.code.show()

    def _write(self, name: str) -> str:
        values = self.model.value()
        arguments = cast("dict[str, Any]", values) if isinstance(values, dict) else {}
        if name == "python":
            return as_python(self.tool.name, arguments)
        return as_magic(self.tool.name, arguments, self.tool.input_schema)

    def _tell(self, words: str) -> None:
        self.bar.say(words)


def _essence(tool: Tool) -> tuple[Any, ...]:
    """What of a tool its form is made from."""
    return tool.input_schema, tool.title, tool.description, tool.annotations

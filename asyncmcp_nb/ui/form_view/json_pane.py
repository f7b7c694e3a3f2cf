"""The whole form as JSON, to edit and to paste into."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.ui.form.field import FormTextError
from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form_view.notes import problem
from asyncmcp_nb.ui.form_view.place import Desk, mark

_LEAST_ROWS: Final = 4
_MOST_ROWS: Final = 24


class JsonPane:
    """An editor for the value. What is typed here is never rewritten while it is typed."""

    def __init__(self, desk: Desk, model: FormModel) -> None:
        self._desk = desk
        self._model = model
        self._known: str | None = None
        """The model's text as it was last shown, or became by what was typed here."""
        self.trouble = ""
        """Why the form does not have what stands here; empty where it does."""
        placeholder = "type or paste JSON"
        self.input = desk.kit.area("JSON", "amcp-code", placeholder=placeholder, row_count=4)
        self.input.observe(desk.handler(self._type), "value")
        self.error = desk.kit.html("amcp-notes-box")
        self.widget = desk.kit.box([self.input, self.error], "amcp-pane", "amcp-json")

    def show(self) -> None:
        """Bring it in line with the form, if the form has changed by anything else."""
        text = self._model.json_text()
        if text == self._known:
            return
        self._known = text
        if self.input.value != text:
            self.input.value = text
        self._say("")
        self._fit(text)

    def _type(self, _: object) -> None:
        text = self.input.value
        self._fit(text)
        try:
            if text.strip():
                self._model.load_text(text)
            else:
                self._model.reset()
        except FormTextError as exc:
            self._say(str(exc))
            return
        self._known = self._model.json_text()
        self._desk.touch_all()
        self._say("")

    def _say(self, words: str) -> None:
        self.trouble = words
        markup = str(problem(words)) if words else ""
        if self.error.value != markup:
            self.error.value = markup
        mark(self.widget, "amcp-invalid", bool(words))

    def _fit(self, text: str) -> None:
        rows = min(max(text.count("\n") + 1, _LEAST_ROWS), _MOST_ROWS)
        if self.input.rows != rows:
            self.input.rows = rows

"""A call as the text of a cell, to be copied: shown, and selected by one click."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.form_view.place import HIDDEN, mark
from asyncmcp_nb.ui.kit.inputs import Kit, Press

_NOTE: Final = "one click selects all of it; copy it with Ctrl+C"
_FORMS: Final = (("python", "Copy as Python"), ("magic", "Copy as %mcp"))


class CodeBox:
    """Buttons that show the text, and the text. Pressing a button again hides it.

    Args:
        kit: Makes the widgets.
        write: Makes the text, from ``python`` or ``magic``.
    """

    def __init__(self, kit: Kit, write: Callable[[str], str]) -> None:
        self._write = write
        self._chosen = ""
        self.buttons: dict[str, Press] = {
            name: kit.button(words, "show it as the text of a cell", self._presser(name))
            for name, words in _FORMS
        }
        self.box = kit.html("amcp-code-box", HIDDEN)

    def show(self) -> None:
        """Bring the text in line with what it is made from."""
        markup = ""
        if self._chosen:
            code = tag("pre", self._write(self._chosen), class_="amcp-copy", tabindex=0)
            note = tag("div", _NOTE, class_="amcp-quiet")
            markup = str(tag("div", note, code))
        if self.box.value != markup:
            self.box.value = markup
        mark(self.box, HIDDEN, not markup)

    def _presser(self, name: str) -> Callable[[object], None]:
        def press(_: object) -> None:
            self._chosen = "" if self._chosen == name else name
            self.show()

        return press

"""Taking an answer along: a part of it to a variable of the notebook, or to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from asyncmcp_nb.session import CallRecord
from asyncmcp_nb.ui.answer.parts import AnswerPart
from asyncmcp_nb.ui.answer.save import save, suggested_name, target_of, with_suffix
from asyncmcp_nb.ui.escape import tag
from asyncmcp_nb.ui.kit.assign import assign, notebook, require_free, usable_name
from asyncmcp_nb.ui.kit.callbacks import telling
from asyncmcp_nb.ui.kit.inputs import Kit
from asyncmcp_nb.ui.kit.widgets import put
from asyncmcp_nb.ui.theme import bare

_VARIABLE: Final = "answer"

Act = Callable[[AnswerPart, str, bool], str]
"""Takes a part to a name, replacing what is there where it may, and says what it did."""


class Drawer:
    """A choice of what to take, a name for it, a button, and what came of it."""

    def __init__(self, kit: Kit, what: str, name: str, *, button: str, act: Act) -> None:
        """Make one.

        Args:
            kit: Makes its widgets.
            what: The label of the choice.
            name: The label of the name.
            button: Its words.
            act: What the button does.
        """
        self._act = act
        self._asked: tuple[str, Any] | None = None
        self._parts: Sequence[AnswerPart] = ()
        self._on_choose: Callable[[AnswerPart], None] = lambda _: None
        self.what = kit.dropdown(what, [], "amcp-card-field")
        self.name = kit.text(name, "amcp-card-field")
        self.said = kit.html("amcp-card-said")
        self.button = kit.button(button, "", telling(self._fail, self._clicked))
        self.widget = kit.box([self.what, self.name, self.button, self.said], "amcp-card-row")
        self.what.observe(telling(self._fail, self._chosen), "value")

    def offer(
        self, parts: Sequence[AnswerPart], on_choose: Callable[[AnswerPart], None] | None = None
    ) -> None:
        """Offer these, the first of them chosen; ``on_choose`` is told which is."""
        self._parts, self._asked = parts, None
        self._on_choose = on_choose or (lambda _: None)
        self.what.options = [(part.words, number) for number, part in enumerate(parts)]
        self.what.value = 0 if parts else None
        self._chosen(None)
        self.say("", "status")

    def say(self, words: str, role: str) -> None:
        """Show one line; ``role`` is ``status``, or ``alert`` where something is wrong."""
        mark = "✓ " if role == "status" else "✗ "
        put(self.said, bare(tag("span", mark, words, role=role)) if words else "")

    def _fail(self, words: str) -> None:
        if words:
            self.say(words, "alert")

    def _part(self) -> AnswerPart | None:
        number: Any = self.what.value
        return self._parts[number] if isinstance(number, int) and self._parts else None

    def _chosen(self, _: Any) -> None:
        part = self._part()
        if part is not None:
            self._on_choose(part)

    def _clicked(self, _: Any) -> None:
        part = self._part()
        if part is None:
            return
        # Pressed again with nothing changed: what was said the first time may be done.
        ask = (self.name.value, self.what.value)
        may_replace, self._asked = self._asked == ask, ask
        words = self._act(part, self.name.value, may_replace)
        self._asked = None
        self.say(words, "status")


class AnswerActions:
    """The drawers of one call's answer."""

    def __init__(self, kit: Kit) -> None:
        self.assign = Drawer(kit, "Assign", "to variable", button="Assign", act=_assign)
        self.save = Drawer(kit, "Save", "in file", button="Save", act=_save)

    def offer(self, record: CallRecord, parts: Sequence[AnswerPart]) -> None:
        """Offer what an answer has."""
        suffixes = frozenset(part.suffix for part in parts)

        def rename(part: AnswerPart) -> None:
            self.save.name.value = with_suffix(self.save.name.value, part.suffix, suffixes)

        self.assign.name.value = _VARIABLE
        first = parts[0].suffix if parts else ""
        self.save.name.value = suggested_name(record.tool, record.call_id, first)
        self.assign.offer(parts)
        self.save.offer(parts, rename)


def _assign(part: AnswerPart, text: str, may_replace: bool) -> str:
    name, space = usable_name(text), notebook()
    if not may_replace:
        require_free(space, name)
    return assign(space, name, part.value())


def _save(part: AnswerPart, text: str, may_replace: bool) -> str:
    target = target_of(text, part.suffix)
    return save(target, part.content(), may_replace=may_replace)

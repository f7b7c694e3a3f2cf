"""What a place without children holds, by the kind of its field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from asyncmcp_nb.ui.form.content import Content
from asyncmcp_nb.ui.form.field import Field, Kind
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form.scalars import NUMBERS, Fault, text_of, value_of


class TextContent(Content[Node]):
    """A text in an input: of strings, numbers and JSON."""

    def put(self, value: Any, /) -> bool:
        """Hold a value that has a text in this kind of field."""
        text = text_of(self.field.kind, value)
        if text is None:
            self.refusal = _refusal(self.field.kind, value)
            return False
        self.text, self.has_content = text, True
        return True

    def read(self) -> Any:
        """What the text stands for."""
        return value_of(self.field.kind, self.text)

    def type_text(self, text: str, /) -> None:
        """Hold a text."""
        self.text, self.has_content = text, True


class BooleanContent(Content[Node]):
    """Yes or no."""

    chosen = 0

    def put(self, value: Any, /) -> bool:
        """Hold true or false."""
        if not isinstance(value, bool):
            self.refusal = "true or false is wanted here"
            return False
        self.chosen, self.has_content = int(value), True
        return True

    def read(self) -> Any:
        """True or false."""
        return bool(self.chosen)

    def choose(self, index: int, /) -> None:
        """1 is true, 0 is false."""
        self.chosen, self.has_content = index, True


class ChoiceContent(Content[Node]):
    """One of the values that the schema lists, or the only one; chosen, or typed by its words."""

    def __init__(self, node: Node, field: Field) -> None:
        super().__init__(node, field)
        self._names = node.context.fields.names(field)

    def put(self, value: Any, /) -> bool:
        """Hold one of the listed values."""
        index = self._names.holding(value)
        if index is None:
            self.refusal = "the value is none of those listed"
            return False
        self.choose(index)
        return True

    def read(self) -> Any:
        """The value chosen."""
        if self.chosen is None:
            return Fault(self._names.trouble(self.text), self.text or None)
        return deepcopy(self.field.options[self.chosen].value)

    def begin(self) -> None:
        """Choose the only value, if it is the only one."""
        if len(self.field.options) == 1:
            self.chosen, self.text = 0, self._names.words[0]

    def type_text(self, text: str, /) -> None:
        """Take the value that the words mean, or none yet."""
        self.text, self.chosen, self.has_content = text, self._names.meant(text), True

    def choose(self, index: int, /) -> None:
        """Take a value by its index."""
        if not 0 <= index < len(self.field.options):
            raise IndexError(index)
        self.chosen, self.text, self.has_content = index, self._names.words[index], True


class NullContent(Content[Node]):
    """Nothing but null, which is a state and not a value."""

    refusal = "only null is admitted"

    def put(self, _value: Any, /) -> bool:
        """Hold nothing."""
        return False

    def read(self) -> Any:
        """Null."""
        return None


def _refusal(kind: Kind, value: Any) -> str:
    if kind in NUMBERS:
        return "a number is wanted here"
    if isinstance(value, str):
        return "the text has characters that an input would change"
    return "text is wanted here"

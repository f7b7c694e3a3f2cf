"""What a place without children holds, by the kind of its field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from asyncmcp_nb.ui.form.json_text import same
from asyncmcp_nb.ui.form.node import Content
from asyncmcp_nb.ui.form.scalars import Fault, text_of, value_of


class TextContent(Content):
    """A text in an input: of strings, numbers and JSON."""

    def put(self, value: Any) -> bool:
        text = text_of(self.field.kind, value)
        if text is None:
            self.refusal = "the field cannot show this value"
            return False
        self.text, self.has_content = text, True
        return True

    def read(self) -> Any:
        return value_of(self.field.kind, self.text)

    def type_text(self, text: str) -> None:
        self.text, self.has_content = text, True


class BooleanContent(Content):
    """Yes or no."""

    chosen = 0

    def put(self, value: Any) -> bool:
        if not isinstance(value, bool):
            return False
        self.chosen, self.has_content = int(value), True
        return True

    def read(self) -> Any:
        return bool(self.chosen)

    def choose(self, index: int) -> None:
        self.chosen, self.has_content = index, True


class ChoiceContent(Content):
    """One of the values that the schema lists, or the only one."""

    def put(self, value: Any) -> bool:
        for index, option in enumerate(self.field.options):
            if same(option.value, value):
                self.chosen, self.has_content = index, True
                return True
        self.refusal = "the value is none of those listed"
        return False

    def read(self) -> Any:
        if self.chosen is None:
            return Fault("choose one")
        return deepcopy(self.field.options[self.chosen].value)

    def begin(self) -> None:
        if len(self.field.options) == 1:
            self.chosen = 0

    def choose(self, index: int) -> None:
        if not 0 <= index < len(self.field.options):
            raise IndexError(index)
        self.chosen, self.has_content = index, True


class NullContent(Content):
    """Nothing but null, which is a state and not a value."""

    refusal = "only null is admitted"

    def put(self, value: Any) -> bool:
        return False

    def read(self) -> Any:
        return None



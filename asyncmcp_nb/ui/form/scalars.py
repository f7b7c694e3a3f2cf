"""What stands in an input, and the value that it stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from asyncmcp_nb.ui.form import json_text
from asyncmcp_nb.ui.form.field import FormTextError, Kind
from asyncmcp_nb.ui.form.numbers import read_number, write_number

NUMBERS: Final = frozenset({Kind.NUMBER, Kind.INTEGER})
ONE_LINE: Final = frozenset(
    {Kind.STRING, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.EMAIL, Kind.URI}
)
TEXTS: Final = ONE_LINE | {Kind.MULTILINE}
TYPED: Final = TEXTS | NUMBERS | {Kind.JSON}
"""Kinds with one input for text."""

CLEARED_BY_BLANK: Final = TYPED - {Kind.STRING, Kind.MULTILINE} | {Kind.ENUM}
"""Kinds for which no text is no value."""

_UNKEPT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]")
"""Characters that inputs of browsers change or lose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was typed or chosen stands for no value."""

    reason: str
    stand_in: Any = None
    """What the form's value holds in its place, so that nothing moves or is lost."""


def text_of(kind: Kind, value: Any) -> str | None:
    """The text that reads as this value again in a field of this kind; None where none does."""
    if kind is Kind.JSON:
        return json_text.write(value)
    if kind in NUMBERS:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return write_number(value) if is_number else None
    if not isinstance(value, str) or _UNKEPT.search(value):
        return None
    if kind in ONE_LINE and "\n" in value:
        return None
    return value


def value_of(kind: Kind, text: str) -> Any:
    """The value that a text stands for in a field of this kind, or a ``Fault``."""
    if kind in TEXTS:
        return text
    try:
        return json_text.read(text) if kind is Kind.JSON else read_number(text)
    except FormTextError as exc:
        return Fault("enter a JSON value" if not text.strip() else str(exc), text)
    except ValueError as exc:
        wanted = "enter a whole number" if kind is Kind.INTEGER else "enter a number"
        return Fault(str(exc) if text.strip() else wanted, text)

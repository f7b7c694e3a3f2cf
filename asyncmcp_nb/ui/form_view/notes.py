"""The line below an input: what is wrong there, and what the field is for. Pure."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.form.field import Field, Kind
from asyncmcp_nb.ui.form.node import STRUCTURED, Node
from asyncmcp_nb.ui.form.words import default_words

_MESSAGE_CHARACTERS: Final = 300
_LEAD_CHARACTERS: Final = 160
_DESCRIPTION_CHARACTERS: Final = 4_000
_HINT_CHARACTERS: Final = 80


def notes(node: Node, message: str | None, *, is_touched: bool) -> Html:
    """The line; empty where there is nothing to say.

    Args:
        node: The place.
        message: What is wrong there.
        is_touched: Whether a person has been there; until then it is said quietly.
    """
    is_wrong = message is not None and is_touched
    shown = [] if message is None else [problem(message, is_touched=is_touched)]
    shown += _help(node, has_hints=not is_wrong)
    return tag("div", _spaced(shown), class_="amcp-notes") if shown else Html("")


def _spaced(parts: list[Html]) -> list[Html]:
    """Parts with dots between them, but for folds, which stand on lines of their own."""
    folded = [part.startswith("<details") for part in parts]
    return [
        joined(" · " if index and not any(folded[index - 1 : index + 1]) else None, part)
        for index, part in enumerate(parts)
    ]


def problem(message: str, *, is_touched: bool = True) -> Html:
    """What is wrong, in words with an icon."""
    words = cut(one_line(message), _MESSAGE_CHARACTERS)
    if not is_touched:
        return tag("span", words, class_="amcp-wanted")
    icon = tag("span", "✗", class_="amcp-icon", aria_hidden="true")
    return tag("span", icon, words, class_="amcp-problem", role="alert")


def _help(node: Node, *, has_hints: bool) -> list[Html]:
    field = node.field
    chosen = node.chosen
    described = [] if chosen is None or field.kind is not Kind.ENUM else [field.options[chosen]]
    parts = [
        *_description(field),
        *(
            tag("span", cut(one_line(option.description), _LEAD_CHARACTERS))
            for option in described
            if option.description
        ),
    ]
    hints = [*field.hints, *([field.reason] if node.is_raw and field.reason else [])]
    if not has_hints:
        # The message says which of them is not met.
        hints.clear()
    elif field.kind in STRUCTURED - {Kind.UNION}:
        hints.append(default_words(field) if node.may_omit else "")
    words = " · ".join(cut(one_line(hint), _HINT_CHARACTERS) for hint in hints if hint)
    if words:
        parts.append(tag("span", words, class_="amcp-limits"))
    return [part for part in parts if part]


def _description(field: Field) -> list[Html]:
    whole = field.description.strip()
    line = one_line(whole)
    if not line:
        return []
    if len(line) <= _LEAD_CHARACTERS:
        return [tag("span", line)]
    lead = tag("summary", f"{line[:_LEAD_CHARACTERS].rstrip()}…")
    rest = tag("div", cut(whole, _DESCRIPTION_CHARACTERS), class_="amcp-words")
    return [tag("details", lead, rest, class_="amcp-more")]

"""The line below an input: what is wrong there, and what the field is for. Pure.

Nothing moves while somebody types. What is wrong stands where the help stood, with as much of the
description behind it as that room takes; and the room of what stood there before is kept.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.escape import Child, Html, tag
from asyncmcp_nb.ui.form.field import Field, Kind
from asyncmcp_nb.ui.form.node import STRUCTURED, Node
from asyncmcp_nb.ui.form.scalars import TYPED
from asyncmcp_nb.ui.form.words import default_words

_MESSAGE_CHARACTERS: Final = 300
_LEAD_CHARACTERS: Final = 160
_DESCRIPTION_CHARACTERS: Final = 4_000
_HINT_CHARACTERS: Final = 80
_ICON: Final = "✗"


class Notes(NamedTuple):
    """A line, and the words that it is high enough for."""

    markup: Html
    """Empty where there is nothing to say, and nothing to keep room for."""
    room: str


def notes(
    node: Node,
    message: str | None,
    *,
    is_touched: bool,
    has_help: bool = True,
    room: str = "",
) -> Notes:
    """The line, but for a description that is too long for it: see ``more``.

    Args:
        node: The place.
        message: What is wrong there.
        is_touched: Whether a person has been there; until then it is said quietly.
        has_help: Whether it is said here what the field is for.
        room: Words that stood there before, whose room is kept.
    """
    said = "" if message is None else cut(one_line(message), _MESSAGE_CHARACTERS)
    description, limits = (_description(node), _limits(node)) if has_help else ("", "")
    if not (said and is_touched):
        words = _dotted(said, description, limits)
        if not (words or room or (has_help and _may_be_wrong(node.field))):
            return Notes(Html(""), "")
        return Notes(_line(tag("span", words), room), max(words, room, key=len))
    # The message says which of the limits is not met.
    rest = tag("span", f" · {description}") if description else None
    told = tag("span", tag("span", problem(said), rest), class_="amcp-told")
    # In the room's own letters, whatever the width of the icon is.
    room = max(f"{_ICON}{_ICON} {said}", room, key=len)
    return Notes(_line(told, _dotted(description, limits), room), room)


def more(field: Field) -> Html:
    """A description that is too long for the line, folded; empty where there is none."""
    line = one_line(field.description)
    if len(line) <= _LEAD_CHARACTERS:
        return Html("")
    lead = tag("summary", f"{line[:_LEAD_CHARACTERS].rstrip()}…")
    whole = cut(field.description.strip(), _DESCRIPTION_CHARACTERS)
    words = tag("div", whole, class_="amcp-words")
    return tag("details", lead, words, class_="amcp-more")


def problem(message: str) -> Html:
    """What is wrong, in words with an icon."""
    words = cut(one_line(message), _MESSAGE_CHARACTERS)
    icon = tag("span", _ICON, class_="amcp-icon", aria_hidden="true")
    return tag("span", icon, words, class_="amcp-problem", role="alert")


def _line(shown: Child, *rooms: str) -> Html:
    """What is shown, over what is not and makes it as high as it is."""
    held = [tag("span", class_="amcp-room", data_words=words) for words in rooms if words]
    return tag("div", shown, held, class_="amcp-notes")


def _may_be_wrong(field: Field) -> bool:
    """Whether a field whose help says nothing of it can hold what is no value."""
    return field.kind in TYPED and field.kind not in {Kind.STRING, Kind.MULTILINE}


def _description(node: Node) -> str:
    field, chosen = node.field, node.chosen
    whole = one_line(field.description)
    option = field.options[chosen] if chosen is not None and field.kind is Kind.ENUM else None
    return _dotted(
        whole if len(whole) <= _LEAD_CHARACTERS else "",
        cut(one_line(option.description), _LEAD_CHARACTERS) if option else "",
    )


def _limits(node: Node) -> str:
    field = node.field
    found = [*field.hints, field.reason if node.is_raw else ""]
    if field.kind in STRUCTURED - {Kind.UNION} and node.may_omit:
        found.append(default_words(field))
    return _dotted(*(cut(one_line(words), _HINT_CHARACTERS) for words in found))


def _dotted(*parts: str) -> str:
    return " · ".join(filter(None, parts))

"""Log messages and notifications as lines: which are looked at, and how they look. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncmcp_nb.printable import cut, one_line, visible
from asyncmcp_nb.session import LEVELS, Session
from asyncmcp_nb.ui.answer.folding import Room, fold, measure, note
from asyncmcp_nb.ui.answer.tree import dimension, tree_html
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import Tone, labelled

SHOWN_COUNT: Final = 200
"""Lines that are shown at a time, the newest."""
LOOKED_COUNT: Final = 1_000
"""Lines that a filter is held against, the newest."""

_SHORT_CHARACTERS: Final = 300
_START_CHARACTERS: Final = 120
_TEXT_LINES: Final = 50
_TEXT_CHARACTERS: Final = 300

_MARKS: Final[dict[str, tuple[str, Tone]]] = {
    "debug": ("·", "quiet"),
    "info": ("i", "info"),
    "notice": ("i", "info"),
    "warning": ("!", "warn"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One log message or notification."""

    at: float
    """Unix seconds."""
    level: str
    source: str
    """The logger, or the kind of notification."""
    call_id: str | None
    data_json: str


@dataclass(frozen=True, slots=True)
class Lines:
    """What is looked at."""

    shown: Sequence[Line]
    """The newest that match, oldest first."""
    matching_count: int
    """Of those that the filter was held against."""
    total_count: int
    """Of this level and worse, altogether."""

    @property
    def left_out(self) -> str:
        """In words; empty where nothing is."""
        parts: list[str] = []
        if self.matching_count > len(self.shown):
            parts.append(f"{self.matching_count - len(self.shown):,} earlier ones are not shown")
        if self.total_count > LOOKED_COUNT:
            rest = self.total_count - LOOKED_COUNT
            parts.append(f"{rest:,} older ones were not looked through")
        return "; ".join(parts)


def lines_of(
    session: Session, call_id: str | None, *, level: str | None = None, words: str = ""
) -> Lines:
    """The lines of a call, or of a session and all its calls.

    Args:
        session: Whose.
        call_id: Only those of this call.
        level: The least severe.
        words: Each of them must occur, in any case.
    """
    log = session.log
    found = [
        Line(one.received_at, one.level, one.logger or "", one.call_id, one.data_json)
        for one in log.messages(call_id, level=level, limit=LOOKED_COUNT)
    ]
    total_count = log.message_count(call_id, level=level)
    if call_id is None:
        notices = log.notices(level=level)
        total_count += len(notices)
        found += [
            Line(one.received_at, one.level, one.logger or one.kind, None, one.data_json)
            for one in notices
        ]
        found.sort(key=lambda line: line.at)
    wanted = words.casefold().split()
    matching = [line for line in found[-LOOKED_COUNT:] if _matches(line, wanted)]
    return Lines(matching[-SHOWN_COUNT:], len(matching), total_count)


def lines_html(lines: Lines, *, with_calls: bool) -> Html:
    """The lines, newest last."""
    if not lines.shown:
        words = "No messages match." if lines.total_count else "No messages."
        return tag("p", words, class_="amcp-quiet")
    room = Room(text_characters=100_000)
    items = [_line_html(line, room, with_calls=with_calls) for line in lines.shown]
    rest = note(f"{lines.left_out}.") if lines.left_out else None
    return tag("div", rest, tag("ul", items, class_="amcp-messages"))


def lines_text(lines: Lines) -> str:
    """The newest lines without markup."""
    newest = lines.shown[-_TEXT_LINES:]
    rest_count = lines.matching_count - len(newest)
    more = [f"… {rest_count:,} earlier messages"] if rest_count else []
    return "\n".join([*more, *(_line_text(line) for line in newest)]) or "no messages"


def _matches(line: Line, wanted: Iterable[str]) -> bool:
    searched = f"{line.level} {line.source} {line.call_id} {line.data_json}".casefold()
    return all(word in searched for word in wanted)


def _line_html(line: Line, room: Room, *, with_calls: bool) -> Html:
    mark, tone = _MARKS.get(line.level, ("✗", "bad" if line.level in LEVELS else "quiet"))
    return tag(
        "li",
        tag("span", _clock(line.at), class_="amcp-quiet amcp-clock"),
        " ",
        labelled(mark, cut(one_line(line.level), 20), tone),
        " ",
        tag("b", cut(one_line(line.source), 80), " ") if line.source else None,
        tag("code", cut(line.call_id, 40), " ", class_="amcp-quiet")
        if with_calls and line.call_id
        else None,
        _data_html(line.data_json, room),
    )


def _data_html(data_json: str, room: Room) -> Html:
    data = _parsed(data_json)
    if not isinstance(data, dict | list):
        text = data if isinstance(data, str) else data_json
        return _text_html(text, room)
    if len(data_json) <= _SHORT_CHARACTERS:
        return tag("code", data_json[: room.take_text(len(data_json))])
    return fold(dimension(data), tree_html(data, room))


def _text_html(text: str, room: Room) -> Html:
    shown = text[: room.take_text(len(text))]
    if len(shown) <= _SHORT_CHARACTERS and "\n" not in shown:
        return tag("span", shown)
    start = one_line(text[:_START_CHARACTERS])
    rest_count = len(text) - len(shown)
    rest = note(f"{rest_count:,} more characters are not shown") if rest_count else None
    inside = [tag("pre", shown)] if rest is None else [tag("pre", shown), rest]
    return fold(f"{start}… ({measure(text)})", *inside)


def _line_text(line: Line) -> str:
    data = _parsed(line.data_json)
    words = one_line(data if isinstance(data, str) else line.data_json)
    source = f" {line.source}" if line.source else ""
    said = cut(words, _TEXT_CHARACTERS)
    return visible(cut(f"{_clock(line.at)} {line.level:<9}{source}: {said}", 1_000))


def _parsed(data_json: str) -> Any:
    try:
        return json.loads(data_json)
    except (ValueError, RecursionError):
        return data_json


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))

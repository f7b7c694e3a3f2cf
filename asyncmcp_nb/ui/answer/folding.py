"""Long text folded with its size, and how much of an answer there is room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import size

TEXT_CHARACTERS: Final = 20_000
_HEAD_CHARACTERS: Final = 3_000
_HEAD_LINES: Final = 40


@dataclass(slots=True)
class Room:
    """What one answer may still take of a page; each piece that is shown takes of it."""

    text_characters: int = 200_000
    markdown_characters: int = 40_000
    """Of text that may be parsed as Markdown, which takes longest."""
    media_bytes: int = 16_000_000

    def take_text(self, wanted_characters: int) -> int:
        """How many characters may be shown, of so many."""
        granted = min(wanted_characters, TEXT_CHARACTERS, self.text_characters)
        self.text_characters -= granted
        return granted

    def take_media(self, wanted_bytes: int) -> bool:
        """Whether a picture or sound of this size may be shown."""
        if wanted_bytes > self.media_bytes:
            return False
        self.media_bytes -= wanted_bytes
        return True


def long_text(text: str, room: Room | None = None, *, kind: str = "text") -> Html:
    """Text as it is, its later part folded where it is long; what is left out is said.

    Args:
        text: Of any length.
        room: What the answer has left.
        kind: What it is called, such as ``text`` or ``JSON``.
    """
    shown = text[: (room or Room()).take_text(len(text))]
    head = _head(shown)
    left_count = len(text) - len(shown)
    whole = f"{measure(text)}" if len(head) < len(text) else ""
    parts: list[Html] = [tag("pre", head)]
    if len(head) < len(shown):
        words = f"The rest of this {kind}: {whole} in all"
        parts.append(fold(words, tag("pre", shown[len(head) :])))
    if left_count:
        parts.append(note(f"{left_count:,} more characters are not shown, of {whole}"))
    return parts[0] if len(parts) == 1 else tag("div", *parts, class_="amcp-long")


def fold(words: str, *inside: Html, is_open: bool = False) -> Html:
    """Something that is opened by its words."""
    return tag("details", tag("summary", words), *inside, class_="amcp-fold", open=is_open)


def note(words: str) -> Html:
    """A line about what is shown: what was left out, and why."""
    return tag("div", words, class_="amcp-quiet amcp-note")


def left_out(counts: Mapping[str, int]) -> str:
    """Such as ``10 more rows, 5 more columns``; empty where every count is zero.

    Args:
        counts: How many are left out by what they are called, in the plural.
    """
    return ", ".join(f"{count:,} more {name}" for name, count in counts.items() if count)


def measure(text: str) -> str:
    """The size of a text, such as ``12.3 KB in 40 lines``."""
    line_count = text.count("\n") + 1
    lines = f" in {line_count:,} lines" if line_count > 1 else ""
    return f"{size(len(text.encode('utf-8', 'surrogatepass')))}{lines}"


def _head(text: str) -> str:
    """The part that is shown unfolded: whole lines where that is possible."""
    if len(text) <= _HEAD_CHARACTERS and text.count("\n") < _HEAD_LINES:
        return text
    lines = text[:_HEAD_CHARACTERS].splitlines(keepends=True)[:_HEAD_LINES]
    if len(lines) > 1 and not lines[-1].endswith("\n"):
        lines.pop()
    return "".join(lines)

"""Pictures and sound of kinds that browsers show without running anything; others are told."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.ui.answer.folding import Room
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import size

IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SOUNDS: Final = frozenset({"audio/wav", "audio/mpeg", "audio/ogg", "audio/webm", "audio/mp4"})
_MEDIA_BYTES: Final = 8_000_000


def media_html(kind: str, data: str, room: Room) -> Html:
    """A picture, a player, or what it is and how large.

    Args:
        kind: The MIME type, as the server wrote it.
        data: Base64.
        room: What the answer has left.
    """
    count = media_bytes(data)
    named = cut(kind, 80)
    if count is None:
        return _told(f"{named}: not base64, not shown")
    words = f"{named}, {size(count)}"
    if kind not in IMAGES | SOUNDS:
        return _told(f"{words}, not shown")
    if count > _MEDIA_BYTES or not room.take_media(count):
        return _told(f"{words}, too large to be shown")
    source = f"data:{kind};base64,{data}"
    caption = tag("div", words, class_="amcp-quiet amcp-note")
    if kind in IMAGES:
        return tag("div", tag("img", src=source, alt=words), caption, class_="amcp-media")
    player = tag("audio", words, src=source, controls=True, aria_label=words)
    return tag("div", player, caption, class_="amcp-media")


def decoded(data: str) -> bytes | None:
    """The bytes that a base64 text stands for; None where it is none."""
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def media_bytes(data: str) -> int | None:
    """How many bytes a base64 text stands for; None where it is none."""
    found = decoded(data)
    return None if found is None else len(found)


def _told(words: str) -> Html:
    return tag("div", tag("em", f"({words})"), class_="amcp-media")

"""The only place where HTML is put together: a builder that escapes all it is given.

``tag("p", text, class_="x")`` is an ``Html``; anything that is not one is text and gets escaped, so
forgetting something here makes text look odd and never makes it run. What servers and users wrote
comes in as text alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from asyncmcp_nb.printable import visible

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_VOID: Final = frozenset({"br", "hr", "img"})
_FORBIDDEN_TAGS: Final = frozenset({"script", "iframe", "object", "embed", "link", "base", "meta"})
_LINK_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_MEDIA: Final = re.compile(
    r"data:(image/(png|jpeg|gif|webp)|audio/(wav|mpeg|ogg|webm|mp4));base64,[A-Za-z0-9+/=]*"
)


class Html(str):
    """Markup that this module made. Adding to it gives plain text again, which is escaped."""

    __slots__ = ()


Child = Html | str | int | float | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element.

    Args:
        name: Such as ``div``.
        *children: Markup, text (escaped), None (left out), or iterables of these.
        **attributes: A trailing underscore is dropped (``class_``), others become dashes; None and
            False leave it out, True gives it without a value. A link that is not http, https or
            mailto, and media that are not of a known kind, are left out.

    Raises:
        ValueError: A tag or attribute that can run code; the caller's mistake.
    """
    if _NAME.fullmatch(name) is None or name in _FORBIDDEN_TAGS:
        raise ValueError(f"no <{name}> here")
    opened = "".join([name, *(_attribute(key, value) for key, value in attributes.items())])
    if name in _VOID:
        return Html(f"<{opened}>")
    return Html(f"<{opened}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Html:
    """Markup and text one after the other."""
    return Html("".join(_child(child) for child in children))


def style(css: str) -> Html:
    """A style sheet of ours.

    Raises:
        ValueError: It holds markup, so it cannot be ours.
    """
    if "<" in css:
        raise ValueError("markup in a style sheet")
    return Html(f"<style>{css}</style>")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int | float):
        return html.escape(visible(str(child)))
    return joined(*child)


def _attribute(key: str, value: str | int | bool | None) -> str:
    name = key.rstrip("_").replace("_", "-")
    if _NAME.fullmatch(name) is None or name.startswith("on") or name == "srcdoc":
        raise ValueError(f"no attribute {name!r} here")
    if (
        value is None
        or value is False
        or (name in {"href", "src"} and not _is_safe(name, str(value)))
    ):
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(visible(str(value)))}"'


def _is_safe(name: str, url: str) -> bool:
    if name == "src":
        return _MEDIA.fullmatch(url) is not None
    try:
        return urlsplit(url).scheme in _LINK_SCHEMES and visible(url) == url
    except ValueError:
        return False

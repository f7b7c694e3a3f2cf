"""A JSON value as a tree that folds, with types and sizes beside the names.

There is room for so many nodes: upper levels come first, and what is left out is said where it
would stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, cast

from asyncmcp_nb.printable import cut
from asyncmcp_nb.ui.answer.folding import Room
from asyncmcp_nb.ui.escape import Html, tag

_NODES: Final = 600
_CHILDREN: Final = 100
_DEPTH: Final = 24
_OPEN_NODES: Final = 40
_KEY_CHARACTERS: Final = 120
_VALUE_CHARACTERS: Final = 2_000

Nested = Mapping[str, Any] | list[Any]


def tree_html(value: Any, room: Room | None = None) -> Html:
    """A value as a tree; a single value as itself.

    Args:
        value: As JSON has it.
        room: What the answer has left; a tree takes text of it.
    """
    if not isinstance(value, dict | list):
        return tag("div", _leaf(value, room or Room()), class_="amcp-tree")
    nested = cast("Nested", value)
    depth, node_count = _reach(nested)
    painter = _Painter(room or Room(), depth, is_open=node_count <= _OPEN_NODES)
    return tag("div", painter.branch(None, nested, 0), class_="amcp-tree")


def dimension(value: Any) -> str:
    """Such as ``{3 fields}`` or ``[1,000 items]``."""
    if isinstance(value, dict):
        count = len(cast("dict[str, Any]", value))
        return f"{{{count:,} field{'' if count == 1 else 's'}}}"
    count = len(cast("list[Any]", value))
    return f"[{count:,} item{'' if count == 1 else 's'}]"


def _reach(value: Nested) -> tuple[int, int]:
    """How many levels there is room for, at least one, and how many nodes these have."""
    level, total_count = [value], 1
    for depth in range(_DEPTH):
        below = [child for nested in level for _, child in _children(nested)]
        if depth and total_count + len(below) > _NODES:
            return depth, total_count
        total_count += len(below)
        level = [cast("Nested", child) for child in below if isinstance(child, dict | list)]
        if not level:
            break
    return _DEPTH, total_count


def _children(value: Nested) -> Iterable[tuple[str | int, Any]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    return islice(cast("Iterable[tuple[str | int, Any]]", items), _CHILDREN)


class _Painter:
    """Draws one tree."""

    def __init__(self, room: Room, depth: int, *, is_open: bool) -> None:
        self._room = room
        self._depth = depth
        self._is_open = is_open

    def branch(self, key: str | int | None, value: Nested, level: int) -> Html:
        """A nested value with what is in it."""
        name = None if key is None else _key(key)
        sizes = tag("span", dimension(value), class_="amcp-quiet")
        if not value:
            return tag("div", name, sizes, class_="amcp-leaf")
        if level >= self._depth:
            return tag("div", name, sizes, _missing("deeper than is shown"), class_="amcp-leaf")
        shown = [self._child(key, child, level + 1) for key, child in _children(value)]
        rest_count = len(value) - len(shown)
        if rest_count:
            shown.append(tag("div", _missing(f"{rest_count:,} more not shown"), class_="amcp-leaf"))
        summary = tag("summary", name, sizes)
        # The first level is always open; a short tree is open as a whole.
        return tag("details", summary, *shown, open=self._is_open or level == 0)

    def _child(self, key: str | int, value: Any, level: int) -> Html:
        if isinstance(value, dict | list):
            return self.branch(key, cast("Nested", value), level)
        return tag("div", _key(key), _leaf(value, self._room), class_="amcp-leaf")


def _key(key: str | int) -> Html:
    return tag("span", cut(str(key), _KEY_CHARACTERS), ": ", class_="amcp-key")


def _leaf(value: Any, room: Room) -> Html:
    """A single value; its kind is to be seen from how it is written, as in JSON."""
    words = json.dumps(value, ensure_ascii=False, default=str)
    limit_count = room.take_text(min(len(words), _VALUE_CHARACTERS))
    kind = "string" if isinstance(value, str) else "scalar"
    return tag("code", cut(words, limit_count), class_=f"amcp-{kind}")


def _missing(words: str) -> Html:
    return tag("span", f" … {words}", class_="amcp-quiet")

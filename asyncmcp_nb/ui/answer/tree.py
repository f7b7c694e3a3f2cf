"""A JSON value as a tree that folds, with types and sizes beside the names.

There is room for so many nodes: upper levels come first, and of a level for which there is not
enough, what stands first. What is left out is said where it would stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    root = _Branch(nested)
    node_count = _spread(root)
    painter = _Painter(room or Room(), is_open=node_count <= _OPEN_NODES)
    return tag("div", painter.branch(None, root, 0), class_="amcp-tree")


def dimension(value: Any) -> str:
    """Such as ``{3 fields}`` or ``[1,000 items]``."""
    if isinstance(value, dict):
        count = len(cast("dict[str, Any]", value))
        return f"{{{count:,} field{'' if count == 1 else 's'}}}"
    count = len(cast("list[Any]", value))
    return f"[{count:,} item{'' if count == 1 else 's'}]"


@dataclass(slots=True)
class _Branch:
    """A list or an object, and whether there is room for what is in it."""

    value: Nested
    is_shown: bool = False
    below: dict[str | int, _Branch] = field(default_factory=dict["str | int", "_Branch"])

    @property
    def child_count(self) -> int:
        """How many children it shows where there is room."""
        return min(len(self.value), _CHILDREN)

    def grow(self) -> Iterable[_Branch]:
        """Show what is in it; gives the branches among that."""
        self.is_shown = True
        for key, child in _children(self.value):
            if isinstance(child, dict | list):
                self.below[key] = _Branch(cast("Nested", child))
        return self.below.values()


def _spread(root: _Branch) -> int:
    """Give branches the room there is, the first level in any case; how many nodes are shown."""
    level, node_count = list(root.grow()), 1 + root.child_count
    for _ in range(_DEPTH - 1):
        left_count = _NODES - node_count
        if sum(branch.child_count for branch in level) > left_count and _is_deep(level):
            # The rest is for what is within the first ones, or nobody could see into any.
            left_count //= 2
        below: list[_Branch] = []
        for branch in level:
            if branch.child_count <= left_count:
                left_count -= branch.child_count
                node_count += branch.child_count
                below += branch.grow()
        level = below
    return node_count


def _is_deep(level: list[_Branch]) -> bool:
    """Whether anything in these branches has something in it too."""
    return any(
        isinstance(child, dict | list) and len(cast("Nested", child)) > 0
        for branch in level
        for _, child in _children(branch.value)
    )


def _children(value: Nested) -> Iterable[tuple[str | int, Any]]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    return islice(cast("Iterable[tuple[str | int, Any]]", items), _CHILDREN)


class _Painter:
    """Draws one tree."""

    def __init__(self, room: Room, *, is_open: bool) -> None:
        self._room = room
        self._is_open = is_open

    def branch(self, key: str | int | None, branch: _Branch, level: int) -> Html:
        """A nested value with what is in it."""
        name = None if key is None else _key(key)
        value = branch.value
        sizes = tag("span", dimension(value), class_="amcp-quiet")
        if not value:
            return tag("div", name, sizes, class_="amcp-leaf")
        if not branch.is_shown:
            words = "deeper than is shown" if level >= _DEPTH else "not shown, for want of room"
            return tag("div", name, sizes, _missing(words), class_="amcp-leaf")
        shown = [
            self._child(key, branch.below.get(key, child), level + 1)
            for key, child in _children(value)
        ]
        rest_count = len(value) - len(shown)
        if rest_count:
            shown.append(tag("div", _missing(f"{rest_count:,} more not shown"), class_="amcp-leaf"))
        summary = tag("summary", name, sizes)
        # The first level is always open; a short tree is open as a whole.
        return tag("details", summary, *shown, open=self._is_open or level == 0)

    def _child(self, key: str | int, value: Any, level: int) -> Html:
        if isinstance(value, _Branch):
            return self.branch(key, value, level)
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

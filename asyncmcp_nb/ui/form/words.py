"""What a form says about its places, as text: labels, placeholders, states, problems. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.form.field import OMITTED, Field, Kind, Path, State
from asyncmcp_nb.ui.form.node import Node

_DEFAULT_CHARACTERS: Final = 60
_MESSAGE_CHARACTERS: Final = 300
_LABEL_CHARACTERS: Final = 60
_NAMED_COUNT: Final = 5
"""Fields without a value that are named; of the others it is said how many."""

VALUE_WORDS: Final[Mapping[Kind, str]] = {
    Kind.STRING: "text",
    Kind.MULTILINE: "text",
    Kind.NUMBER: "number",
    Kind.INTEGER: "number",
    Kind.ARRAY: "list",
    Kind.OBJECT: "object",
    Kind.MAP: "object",
}
"""What a value of this kind is called where one chooses between it, null and nothing."""

_SHAPES: Final[Mapping[Kind, str]] = {
    Kind.INTEGER: "whole number",
    Kind.NUMBER: "number",
    Kind.DATE: "YYYY-MM-DD",
    Kind.TIME: "hh:mm:ssZ",
    Kind.DATETIME: "YYYY-MM-DDThh:mm:ssZ",
    Kind.EMAIL: "name@example.org",
    Kind.URI: "https://…",
    Kind.JSON: "JSON",
}


def label(field: Field) -> str:
    """The label of a field, with a mark where it is required."""
    words = one_line(field.title or field.name) or "value"
    return f"{words} *" if field.is_required else words


def placeholder(node: Node) -> str:
    """What an empty input says: its state, and what would be there."""
    if node.state is State.NULL:
        return "null"
    if node.state is State.VALUE:
        return "empty text" if node.field.kind in {Kind.STRING, Kind.MULTILINE} else ""
    shape = _SHAPES.get(node.field.kind, "")
    if node.field.kind is Kind.ENUM:
        shape = f"type to search {len(node.field.options):,} values"
    if not may_omit(node):
        return shape
    default = default_words(node.field)
    return " · ".join(part for part in ("not sent", default or shape) if part)


def default_words(field: Field) -> str:
    """Such as ``default 10``; empty where there is none, or it is null."""
    if field.default is OMITTED or field.default is None:
        return ""
    return f"default {cut(one_line(compact(field.default)), _DEFAULT_CHARACTERS)}"


def compact(value: Any) -> str:
    """A value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def may_omit(node: Node) -> bool:
    """Whether it is a choice to leave a place out; an entry that is there has been added."""
    return node.may_omit and not node.is_extra


def states(node: Node) -> list[tuple[str, State]]:
    """The states to choose from, in words."""
    found: list[tuple[str, State]] = []
    if may_omit(node):
        found.append(("not sent", State.OMITTED))
    if node.may_be_null and node.field.kind is not Kind.JSON:
        found.append(("null", State.NULL))
    found.append((VALUE_WORDS.get(node.field.kind, "value"), State.VALUE))
    return found


def summary(problems: Mapping[Path, str], root: Node) -> str:
    """What is missing, or how many problems there are and the first; empty where there are none."""
    if not problems:
        return ""
    found = in_order(problems, root)
    names = [place_words(path, root) or "the form" for path, _ in found]
    wanting = [node is not None and is_wanting(node) for _, node in found]
    if all(wanting):
        return cut(_wanting(names), _MESSAGE_CHARACTERS)
    path, _ = found[0]
    words = f"{names[0]}: {problems[path]}" if path else problems[path]
    words = _wanting(names[:1]) if wanting[0] else words
    words = cut(one_line(words), _MESSAGE_CHARACTERS)
    return words if len(found) == 1 else f"{len(found)} problems; first {words}"


def is_wanting(node: Node) -> bool:
    """Whether what is wrong with a place can only be that nothing was entered or chosen there."""
    has_options = node.field.kind in {Kind.ENUM, Kind.UNION}
    return node.state is State.OMITTED or (has_options and node.chosen is None and not node.text)


def in_order(problems: Mapping[Path, str], root: Node) -> list[tuple[Path, Node | None]]:
    """The places that have a problem, as they stand on the page; then those that do not."""
    found: dict[Path, Node | None] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.path in problems:
            found.setdefault(node.path, node)
        waiting.extend(reversed(node.children))
    return list((found | {path: None for path in problems if path not in found}).items())


def _wanting(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} needs a value"
    more = len(names) - _NAMED_COUNT
    listed = ", ".join(names[:_NAMED_COUNT])
    return f"{len(names)} fields need a value: {listed}{f' and {more:,} more' if more > 0 else ''}"


def place_words(path: Path, root: Node) -> str:
    """A place by the titles on the way to it, such as ``Address / City``."""
    words: list[str] = []
    node: Node | None = root
    for at in range(1, len(path) + 1):
        node = None if node is None else _below(node, path[:at])
        step = path[at - 1]
        if isinstance(step, int):
            words.append(f"item {step + 1}")
        else:
            title = step if node is None else node.field.title or step
            words.append(cut(one_line(title), _LABEL_CHARACTERS))
    return " / ".join(words)


def _below(node: Node, path: Path) -> Node | None:
    for child in node.children:
        if child.path == path:
            return child
        if child.path == node.path:  # a union's, which stands where the union does
            return _below(child, path)
    return None

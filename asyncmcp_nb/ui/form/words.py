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
    """How many problems there are, and the first one; empty where there are none."""
    if not problems:
        return ""
    path, message = first_problem(problems, root)
    where = place_words(path, root)
    words = f"{where}: {message}" if where else message
    words = cut(one_line(words), _MESSAGE_CHARACTERS)
    count = len(problems)
    return words if count == 1 else f"{count} problems; first {words}"


def first_problem(problems: Mapping[Path, str], root: Node) -> tuple[Path, str]:
    """The problem that stands first on the page; there must be one."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.path in problems:
            return node.path, problems[node.path]
        waiting.extend(reversed(node.children))
    return next(iter(problems.items()))


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

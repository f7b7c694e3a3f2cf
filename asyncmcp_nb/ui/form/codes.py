"""A call as the text of a cell: in Python, and as ``%mcp``. Exact for all of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from asyncmcp_nb.ui.form.merge import types

LINE_LENGTH: Final = 88
"""Characters of a line of code that is kept whole."""

_WORD: Final = re.compile(r"[A-Za-z0-9_./@][A-Za-z0-9_./@:+,-]*", re.ASCII)
"""What needs no quotes in a magic's line."""

_KEY: Final = re.compile(r"[A-Za-z0-9_.@/$][A-Za-z0-9_.@/$-]*|[^\W\d]\w*")
"""A name that a line of ``key=value`` can hold, whatever surrounds it."""

_BRACES: Final = re.compile(r"\{(?=\{)")
_PLAIN_WORDS: Final = frozenset({"title", "description", "default", "type", "examples"})
"""Keywords beside which a value's type says how a word is read."""


def as_python(tool: str, arguments: Mapping[str, Any]) -> str:
    """A cell that submits a call: ``call = session.submit("add", {"a": 1, "b": 2})``."""
    return f"call = session.submit({_text(tool)}, {_literal(dict(arguments), 0, 24 + len(tool))})"


def as_magic(
    tool: str, arguments: Mapping[str, Any], schema: Mapping[str, Any] | bool | None = None
) -> str:
    """A cell that makes a call with ``%mcp``, or ``%%mcp`` where a line would be too long.

    Args:
        tool: Its name.
        arguments: JSON values.
        schema: The tool's input schema, by which plain words are read; without it, values are
            written as JSON.
    """
    if "\n" in tool or "\r" in tool or not tool.isprintable():
        return as_python(tool, arguments)  # No line of a magic can hold the name.
    declared: Any = schema.get("properties") if isinstance(schema, Mapping) else None
    known: dict[str, Any] = cast("Any", declared) if isinstance(declared, dict) else {}
    line = " ".join(
        [
            f"%mcp call {_quoted(tool)}",
            *(_pair(name, value, known.get(name)) for name, value in arguments.items()),
        ]
    )
    fits = all(_KEY.fullmatch(name) for name in arguments)
    if fits and len(line) <= LINE_LENGTH and not line.endswith(("?", ";", "\\")):
        return line
    return f"%%mcp call {_quoted(tool)}\n{_json(dict(arguments), indent=2)}"


def _pair(name: str, value: Any, schema: Any) -> str:
    if isinstance(schema, dict) and schema.keys() <= _PLAIN_WORDS:
        kinds = types(cast("Mapping[str, Any]", schema).get("type"))
        if kinds == ["string"] and _is_plain(value):
            return f"{name}={_quoted(value)}"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if (is_number and kinds in (["number"], [_integer_of(value)])) or (
            isinstance(value, bool) and kinds == ["boolean"]
        ):
            return f"{name}={json.dumps(value)}"
    return f"{name}:={_json(value)}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and "{{" not in value


def _integer_of(value: float) -> str:
    # A float in an integer's place would be read as an int.
    return "integer" if isinstance(value, int) else ""


def _quoted(text: str) -> str:
    if _WORD.fullmatch(text):
        return text
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _json(value: Any, *, indent: int | None = None) -> str:
    """JSON on one line or several, without what a magic takes for a placeholder."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Outside strings two braces never meet: there they are spelled out.
    text = _BRACES.sub(r"\\u007b", text)
    return "".join(c if c.isprintable() or c == "\n" else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _literal(value: Any, indent: int, used: int) -> str:
    """A Python literal, over several lines where one would be too long."""
    whole = _flat(value)
    if len(whole) + used <= LINE_LENGTH or not value or not isinstance(value, dict | list):
        return whole
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, dict):
        lines = [
            f"{inner}{_text(name)}: {_literal(item, indent + 4, indent + 8 + len(name))},\n"
            for name, item in cast("dict[str, Any]", value).items()
        ]
        return f"{{\n{''.join(lines)}{outer}}}"
    items = cast("list[Any]", value)
    lines = [f"{inner}{_literal(item, indent + 4, indent + 5)},\n" for item in items]
    return f"[\n{''.join(lines)}{outer}]"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return f"{{{', '.join(f'{_text(name)}: {_flat(item)}' for name, item in pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, cast('list[Any]', value)))}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A string literal in double quotes where that needs no escapes, all on one line."""
    return (
        f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else repr(text)
    )

"""What stands above a tool's form: its name, what it does, and what the server says of it."""

from __future__ import annotations

from inspect import cleandoc
from typing import Final

from mcp_types import Tool

from asyncmcp_nb.printable import cut, one_line, visible
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.still.tools import hints_html, hints_of, is_destructive, title_of

_NAME_CHARACTERS: Final = 120
_LEAD_CHARACTERS: Final = 280
_LEAD_LINES: Final = 5
_DESCRIPTION_CHARACTERS: Final = 20_000


def head_html(tool: Tool) -> Html:
    """Name, title, effects and description; a long description is folded."""
    title = title_of(tool)
    return tag(
        "div",
        tag(
            "div",
            tag("b", cut(title or tool.name, _NAME_CHARACTERS)),
            [" ", tag("code", cut(tool.name, _NAME_CHARACTERS), class_="amcp-quiet")]
            if title
            else None,
            class_="amcp-form-title",
        ),
        hints_html(tool),
        _description(tool),
        class_="amcp-form-head",
    )


def head_text(tool: Tool) -> str:
    """The same without markup."""
    effects = ", ".join(words for _, words in hints_of(tool))
    first = (tool.description or "").strip().partition("\n")[0]
    lines = [title_of(tool) or tool.name, f"({effects})" if effects else "", first]
    return visible("\n".join(cut(line, _LEAD_CHARACTERS) for line in lines if line))


def question(tool: Tool) -> str:
    """What is asked before the tool is called; empty where there is no need."""
    if not is_destructive(tool):
        return ""
    name = cut(one_line(title_of(tool) or tool.name), 80)
    return f"Really send {name}? The server says that it is destructive."


def _description(tool: Tool) -> Html | None:
    words = cleandoc(tool.description or "").strip()
    if not words:
        return None
    whole = tag("div", cut(words, _DESCRIPTION_CHARACTERS), class_="amcp-words")
    if len(words) <= _LEAD_CHARACTERS and words.count("\n") < _LEAD_LINES:
        return whole
    line = one_line(words.split("\n\n")[0])
    lead = line if len(line) <= _LEAD_CHARACTERS else line[:_LEAD_CHARACTERS].rstrip()
    return tag("details", tag("summary", f"{lead} …"), whole, class_="amcp-more")

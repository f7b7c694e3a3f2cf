"""Tools as HTML that stands alone: a table of many, all that is known of one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_types import Tool

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session.validation import signature
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.statuses import size
from asyncmcp_nb.ui.theme import framed

Hint = tuple[str, str]
"""An icon, and the words beside it."""

_NAME_CHARACTERS: Final = 120
_SIGNATURE_CHARACTERS: Final = 400
_DESCRIPTION_CHARACTERS: Final = 600
_LEAD_CHARACTERS: Final = 280
"""Of a description, before the rest of it is folded."""
_SCHEMA_CHARACTERS: Final = 20_000
_ROWS: Final = 100
"""Of a table; one that is not searched is no use beyond that."""

_WHEN_TRUE: Final[Sequence[tuple[str, Hint]]] = (
    ("read_only_hint", ("⊙", "read-only")),
    ("destructive_hint", ("⚠", "destructive")),
    ("idempotent_hint", ("↻", "idempotent")),
    ("open_world_hint", ("⌁", "open world")),
)
_WHEN_FALSE: Final[Sequence[tuple[str, Hint]]] = (
    ("read_only_hint", ("✎", "makes changes")),
    ("destructive_hint", ("⊕", "adds only")),
    ("open_world_hint", ("⌂", "closed world")),
)


def tools_html(tools: Sequence[Tool]) -> Html:
    """One row a tool."""
    return framed(tools_table(tools))


def tool_html(tool: Tool) -> Html:
    """A single tool, with its schemas."""
    return framed(tool_details(tool))


def tools_table(tools: Sequence[Tool]) -> Html:
    """The table without its frame."""
    if not tools:
        return tag("span", "no tools", class_="amcp-quiet")
    shown = tools[:_ROWS]
    count = f"{len(tools):,} tool{'' if len(tools) == 1 else 's'}"
    left = len(tools) - len(shown)
    table = tag(
        "table",
        tag("caption", f"{count}; not shown: {left:,} more tools" if left else count),
        tag("thead", tag("tr", [tag("th", name, scope="col") for name in ("Tool", "Description")])),
        tag("tbody", [_tool_row(tool) for tool in shown]),
        class_="amcp-table",
    )
    return tag("div", table, class_="amcp-scroll")


def tool_details(tool: Tool) -> Html:
    """All that is known of a tool: name and title, hints, description, schemas."""
    title = title_of(tool)
    return joined(
        tag(
            "div",
            tag("code", tag("b", cut(tool.name, _NAME_CHARACTERS))),
            f" {cut(title, _NAME_CHARACTERS)}" if title else None,
            class_="amcp-tool-name",
        ),
        hints_html(tool),
        _description(tool),
        schemas_html(tool),
    )


def schemas_html(tool: Tool) -> Html:
    """A tool's signature, and its schemas folded with their sizes."""
    return tag(
        "div",
        tag("div", tag("code", cut(signature(tool), _SIGNATURE_CHARACTERS))),
        _schema("Input", tool.input_schema),
        None if tool.output_schema is None else _schema("Output", tool.output_schema),
        class_="amcp-tool",
    )


def title_of(tool: Tool) -> str:
    """A tool's title on one line; empty where it has none, or it is only its name."""
    notes = tool.annotations
    title = one_line(tool.title or (None if notes is None else notes.title) or "")
    return "" if title == tool.name else title


def hints_of(tool: Tool) -> list[Hint]:
    """What a server says of a tool's effects; nothing where it says nothing."""
    notes = tool.annotations
    if notes is None:
        return []
    said = [hint for name, hint in _WHEN_TRUE if getattr(notes, name) is True]
    if notes.read_only_hint is True:
        # Of a tool that changes nothing, the other two say nothing.
        return [hint for hint in said if hint[1] not in ("destructive", "idempotent")]
    denied = [hint for name, hint in _WHEN_FALSE if getattr(notes, name) is False]
    return [*said, *denied]


def is_destructive(tool: Tool) -> bool:
    """Whether the server says that a tool destroys something."""
    return any(words == "destructive" for _, words in hints_of(tool))


def hints_html(tool: Tool) -> Html | None:
    """What a server says of a tool's effects, as words with an icon."""
    made: list[Html] = []
    for mark, words in hints_of(tool):
        tone = "warn" if words == "destructive" else "quiet"
        icon = tag("span", mark, class_="amcp-icon", aria_hidden="true")
        made.append(tag("span", icon, " ", words, class_=f"amcp-hint amcp-status amcp-{tone}"))
    spaced = [joined(" " if index else None, hint) for index, hint in enumerate(made)]
    return tag("div", spaced, class_="amcp-hints") if made else None


def _description(tool: Tool) -> Html:
    words = (tool.description or "").strip()
    if not words:
        return tag("p", "no description", class_="amcp-quiet")
    lead, rest = _split(words)
    whole = tag("div", cut(words, _SCHEMA_CHARACTERS), class_="amcp-words")
    if not rest:
        return whole
    more = tag("summary", f"{lead} … ", tag("span", "(all of it)", class_="amcp-quiet"))
    return tag("details", more, whole, class_="amcp-long")


def _split(words: str) -> tuple[str, str]:
    """What of a description stands before the fold, and what behind it."""
    if len(words) <= _LEAD_CHARACTERS and words.count("\n") < 6:
        return words, ""
    paragraph = words.split("\n\n", maxsplit=1)[0]
    lead = paragraph if len(paragraph) <= _LEAD_CHARACTERS else words[:_LEAD_CHARACTERS]
    return one_line(lead), words[len(lead) :]


def _schema(name: str, schema: Mapping[str, Any]) -> Html:
    text = json.dumps(schema, ensure_ascii=False, indent=2)
    count = size(len(text.encode("utf-8", "surrogatepass")))
    return tag(
        "details",
        tag("summary", f"{name} schema ", tag("span", f"({count})", class_="amcp-quiet")),
        tag("pre", cut(text, _SCHEMA_CHARACTERS), tabindex=0),
    )


def _tool_row(tool: Tool) -> Html:
    title = title_of(tool)
    return tag(
        "tr",
        tag("td", tag("code", cut(signature(tool), _SIGNATURE_CHARACTERS))),
        tag(
            "td",
            tag("div", tag("b", cut(title, _NAME_CHARACTERS))) if title else None,
            cut((tool.description or "").strip(), _DESCRIPTION_CHARACTERS),
            hints_html(tool),
        ),
    )

"""A ``CallToolResult`` as HTML: text, pictures, sound, links, structured content, JSON."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from mcp_types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import Status
from asyncmcp_nb.ui.escape import Html, joined, tag
from asyncmcp_nb.ui.statuses import chip, size
from asyncmcp_nb.ui.theme import framed

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SOUNDS: Final = frozenset({"audio/wav", "audio/mpeg", "audio/ogg", "audio/webm", "audio/mp4"})
_MEDIA_BYTES: Final = 8_000_000
_TEXT_CHARACTERS: Final = 20_000
_CELL_CHARACTERS: Final = 300
_ROWS: Final = 50
_COLUMNS: Final = 20


def result_html(result: CallToolResult) -> Html:
    """A tool's answer; what is cut says so."""
    return framed(result_body(result))


def result_body(result: CallToolResult) -> Html:
    """The answer without its frame."""
    if result.is_error:
        blocks = [block_html(block) for block in result.content]
        where = "amcp-block amcp-bad"
        return tag("div", chip(Status.TOOL_ERROR), *blocks, class_=where, role="alert")
    structured = shown_structured(result)
    blocks: list[Html] = []
    if structured is None or not _says_the_same(result):
        blocks = [block_html(block) for block in result.content]
    if structured is not None:
        blocks.append(structured_html(structured))
    return joined(*blocks) if blocks else tag("span", "(empty answer)", class_="amcp-quiet")


def shown_structured(result: CallToolResult) -> Any:
    """The structured content, where it says more than the text does: no single wrapped value."""
    structured: Any = result.structured_content
    if not isinstance(structured, dict):
        return structured
    found = cast("dict[str, Any]", structured)
    if set(found) == {"result"}:
        inner: Any = found["result"]
        return cast("Any", inner) if isinstance(inner, dict | list) and inner else None
    return found or None


def block_html(block: ContentBlock | Any) -> Html:
    """One piece of content."""
    match block:
        case TextContent(text=text):
            return tag("pre", cut(text, _TEXT_CHARACTERS))
        case ImageContent(data=data, mime_type=kind):
            return _media("img", kind, data=data, allowed=_IMAGES)
        case AudioContent(data=data, mime_type=kind):
            return _media("audio", kind, data=data, allowed=_SOUNDS)
        case ResourceLink(uri=uri, name=name):
            return tag("div", "→ ", link(str(uri), block.title or name))
        case EmbeddedResource(resource=TextResourceContents(uri=uri, text=text)):
            return tag("div", link(str(uri), str(uri)), tag("pre", cut(text, _TEXT_CHARACTERS)))
        case EmbeddedResource(resource=resource):
            what = f" ({resource.mime_type or 'binary'})"
            return tag("div", link(str(resource.uri), str(resource.uri)), what)
        case _:
            return json_html(plain_value(block))


def link(url: str, words: str) -> Html:
    """A link, which is no link where its scheme is not one for pages."""
    opened = tag("a", cut(words, 200), href=url, rel="noopener noreferrer", target="_blank")
    return opened if " href=" in opened else tag("code", cut(f"{words} ({url})", 400))


def structured_html(value: Any) -> Html:
    """A table where the value is a list of flat objects, JSON otherwise."""
    rows = rows_of(value)
    return json_html(value) if rows is None else _table(rows)


def rows_of(value: Any) -> list[dict[str, Any]] | None:
    """The rows, where a value is a list of objects (or an object with such a list and no more)."""
    if isinstance(value, dict) and len(cast("dict[str, Any]", value)) == 1:
        value = next(iter(cast("dict[str, Any]", value).values()))
    if not isinstance(value, list) or not value:
        return None
    rows = cast("list[Any]", value)
    if not all(isinstance(row, dict) for row in rows):
        return None
    flat = cast("list[dict[str, Any]]", rows)
    nested = any(isinstance(cell, dict | list) for row in flat for cell in row.values())
    return None if nested else flat


def json_html(value: Any) -> Html:
    """A value as indented JSON."""
    return tag("pre", cut(pretty(value), _TEXT_CHARACTERS))


def pretty(value: Any) -> str:
    """A value as indented JSON, whatever it is."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def plain_value(block: Any) -> Any:
    """A model as JSON has it."""
    if isinstance(block, BaseModel):
        return block.model_dump(by_alias=True, mode="json", exclude_none=True)
    return block


def media_bytes(data: str) -> int | None:
    """How many bytes a base64 text stands for; None where it is none."""
    try:
        return len(b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return None


def _media(element: str, kind: str, *, data: str, allowed: frozenset[str]) -> Html:
    count = media_bytes(data)
    if count is None:
        return tag("em", f"({cut(kind, 80)}: not base64, not shown)")
    if kind not in allowed or count > _MEDIA_BYTES:
        return tag("em", f"({cut(kind, 80)}, {size(count)}, not shown)")
    source = f"data:{kind};base64,{data}"
    words = f"{kind}, {size(count)}"
    if element == "img":
        return tag("div", tag("img", src=source, alt=words))
    return tag("div", tag("audio", words, src=source, controls=True))


def _table(rows: Sequence[Mapping[str, Any]]) -> Html:
    names = list(dict.fromkeys(name for row in rows for name in row))
    shown, columns = rows[:_ROWS], names[:_COLUMNS]
    left_out = [
        f"{len(rows) - len(shown):,} more rows" if len(rows) > len(shown) else "",
        f"{len(names) - len(columns):,} more columns" if len(names) > len(columns) else "",
    ]
    note = ", ".join(part for part in left_out if part)
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}, {len(names)} columns"
    table = tag(
        "table",
        tag("caption", f"{count}; not shown: {note}" if note else count),
        tag("thead", tag("tr", [tag("th", cut(name, 80), scope="col") for name in columns])),
        tag("tbody", [tag("tr", [_cell(row.get(name)) for name in columns]) for row in shown]),
        class_="amcp-table amcp-narrow",
    )
    return tag("div", table, class_="amcp-scroll")


def _cell(value: Any) -> Html:
    if value is None:
        return tag("td")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return tag("td", cut(words, _CELL_CHARACTERS), class_="amcp-number" if is_number else None)


def _says_the_same(result: CallToolResult) -> bool:
    """Whether the text is the structured content once more, as older clients need it."""
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if len(texts) < len(result.content):
        return False
    structured: Any = result.structured_content
    wrapped: Any = (
        cast("dict[str, Any]", structured).get("result") if isinstance(structured, dict) else None
    )
    try:
        values = [json.loads(text) for text in texts]
    except ValueError:
        return False
    return any(value in (structured, wrapped) for value in (values, *values[:1]))

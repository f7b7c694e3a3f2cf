"""A tool's answer as HTML: text, Markdown, pictures, sound, resources, tables, trees, JSON.

Everything is bounded, and says what it leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, TypeAdapter, ValidationError

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import Status
from asyncmcp_nb.ui.answer import markdown
from asyncmcp_nb.ui.answer.folding import (
    TEXT_CHARACTERS,
    Room,
    fold,
    left_out,
    long_text,
    measure,
    note,
)
from asyncmcp_nb.ui.answer.media import media_bytes, media_html
from asyncmcp_nb.ui.answer.tabular import Table, table_html, table_of
from asyncmcp_nb.ui.answer.tree import tree_html
from asyncmcp_nb.ui.escape import Child, Html, joined, tag
from asyncmcp_nb.ui.statuses import chip, size
from asyncmcp_nb.ui.theme import framed

SHEETS: Final = ("answers",)
"""The style sheets of what is made here."""

_BLOCKS: Final = 100
_JSON_CHARACTERS: Final = 4_000_000
_JSON_KINDS: Final = (None, "application/json")
_BLOCK_KINDS: Final[TypeAdapter[Any]] = TypeAdapter(ContentBlock)


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's answer, as far as it is known what its parts are."""

    blocks: list[Any]
    """Content: of a known kind, or as JSON has it."""
    structured: Any = None
    is_error: bool = False

    @classmethod
    def of(cls, result: CallToolResult) -> Answer:
        """What the SDK understood."""
        return cls(list(result.content), result.structured_content, result.is_error)

    @classmethod
    def of_json(cls, result: Mapping[str, Any]) -> Answer:
        """What a server sent, content of unknown kinds as it is."""
        content = result.get("content")
        blocks = cast("list[Any]", content) if isinstance(content, list) else [content]
        return cls(
            [_known(block) for block in blocks if block is not None],
            result.get("structuredContent"),
            result.get("isError") is True,
        )


def result_html(result: CallToolResult) -> Html:
    """A tool's answer that stands alone."""
    return framed(result_body(result), sheets=SHEETS)


def result_body(result: CallToolResult) -> Html:
    """The answer without its frame."""
    return answer_body(Answer.of(result))


def answer_body(answer: Answer, *, with_status: bool = True) -> Html:
    """The answer without its frame.

    Args:
        answer: What was answered.
        with_status: Whether an error is named as one here; it is seen as one in any case.
    """
    room = Room()
    structured = shown_structured(answer)
    more = answer.blocks if structured is None else says_more(answer)
    is_said = not more and bool(answer.blocks)
    blocks = answer.blocks if answer.is_error else more
    parts = blocks_html(blocks, room)
    if structured is not None and not (answer.is_error and is_said):
        parts.append(structured_html(structured, room))
    repeated_count = len(answer.blocks) - len(blocks)
    if repeated_count > 1:
        parts.append(note(f"{repeated_count:,} pieces of text say the same"))
    if answer.is_error:
        where = "amcp-block amcp-bad"
        status = chip(Status.TOOL_ERROR) if with_status else None
        return tag("div", status, *parts, class_=where, role="alert")
    return joined(*parts) if parts else tag("span", "(empty answer)", class_="amcp-quiet")


def blocks_html(blocks: list[Any], room: Room | None = None) -> list[Html]:
    """Pieces of content, one below the other."""
    left = room or Room()
    parts = [block_html(block, left) for block in blocks[:_BLOCKS]]
    rest = left_out({"pieces of content": len(blocks) - _BLOCKS}) if len(blocks) > _BLOCKS else ""
    return [*parts, note(f"{rest} not shown")] if rest else parts


def block_html(block: ContentBlock | Any, room: Room | None = None) -> Html:
    """One piece of content."""
    left = room or Room()
    match block:
        case TextContent(text=text):
            return _text(text, None, left)
        case ImageContent(data=data, mime_type=kind) | AudioContent(data=data, mime_type=kind):
            return media_html(kind, data, left)
        case ResourceLink():
            return _resource_link(block)
        case EmbeddedResource(resource=resource):
            return _embedded(resource, left)
        case _:
            return json_html(plain_value(block), left)


def link(url: str, words: str) -> Html:
    """A link, which is no link where its scheme is not one for pages."""
    opened = tag("a", cut(words, 200), href=url, rel="noopener noreferrer", target="_blank")
    return opened if " href=" in opened.partition(">")[0] else tag("code", cut(words, 400))


def structured_html(value: Any, room: Room | None = None) -> Html:
    """A table where the value is one; else a tree, and why it is no table.

    A table with JSON in its cells has the tree below it, folded.
    """
    found = table_of(value)
    if isinstance(found, Table):
        table = table_html(found)
        if not found.nested:
            return table
        return tag("div", table, fold("The same as a tree", tree_html(value, room)))
    why = note(f"no table: {found}") if isinstance(value, dict | list) else None
    return tag("div", tree_html(value, room), why)


def json_html(value: Any, room: Room | None = None) -> Html:
    """A value as indented JSON."""
    return long_text(pretty(value), room, kind="JSON")


def pretty(value: Any) -> str:
    """A value as indented JSON, whatever it is."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2, default=str)
    except RecursionError:
        return "(nested too deeply to be shown)"


def plain_value(block: Any) -> Any:
    """A model as JSON has it."""
    if isinstance(block, BaseModel):
        return block.model_dump(by_alias=True, mode="json", exclude_none=True)
    return block


def shown_structured(answer: Answer | CallToolResult) -> Any:
    """The structured content, where it says more than the text does: no single wrapped value."""
    whole = answer if isinstance(answer, Answer) else Answer.of(answer)
    structured: Any = whole.structured
    if not isinstance(structured, dict):
        return structured
    found = cast("dict[str, Any]", structured)
    if set(found) == {"result"}:
        inner: Any = found["result"]
        if isinstance(inner, dict | list):
            return cast("Any", inner) or None
        return None if whole.blocks else inner
    return found or None


def _known(block: Any) -> Any:
    """Content of a kind that MCP knows; any other as it is."""
    try:
        return _BLOCK_KINDS.validate_python(block, by_name=False)
    except (ValidationError, RecursionError):
        return block


def _text(text: str, kind: str | None, room: Room) -> Html:
    has_room = room.markdown_characters >= min(len(text), TEXT_CHARACTERS)
    if has_room and (kind in markdown.KINDS or (kind is None and markdown.is_markdown(text))):
        return markdown.markdown_html(text, room)
    value = json_in(text) if kind in _JSON_KINDS else None
    if value is None:
        return long_text(text, room)
    source = long_text(text, room, kind="JSON")
    return tag("div", structured_html(value, room), fold(f"As sent, {measure(text)}", source))


def json_in(text: str) -> Any:
    """The object or list that a text is in JSON; None where it is anything else."""
    if text.lstrip()[:1] not in {"{", "["} or len(text) > _JSON_CHARACTERS:
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value or None


def _resource_link(block: ResourceLink) -> Html:
    title = block.title or block.name
    about = [block.mime_type or "", "" if block.size is None else size(max(0, block.size))]
    words = ", ".join(word for word in about if word)
    return _resource(
        str(block.uri),
        cut(words, 120),
        tag("b", cut(title, 200)),
        tag("div", cut(block.description, 600)) if block.description else None,
    )


def _embedded(resource: TextResourceContents | BlobResourceContents, room: Room) -> Html:
    kind = resource.mime_type
    if isinstance(resource, TextResourceContents):
        body = _text(resource.text, kind or "text/plain", room)
        return _resource(str(resource.uri), cut(kind or "", 120), body)
    shown = media_html(kind or "binary", resource.blob, room)
    return _resource(str(resource.uri), "" if media_bytes(resource.blob) else "empty", shown)


def _resource(url: str, about: str, *inside: Child) -> Html:
    """Where something is, and what."""
    words = tag("span", f" {about}", class_="amcp-quiet") if about else None
    return tag("div", tag("div", "→ ", link(url, url), words), *inside, class_="amcp-resource")


def says_the_same(answer: Answer) -> bool:
    """Whether the text is the structured content once more, as older clients need it."""
    return bool(answer.blocks) and not says_more(answer)


def says_more(answer: Answer) -> list[Any]:
    """The pieces of content but the text that is the structured content once more."""
    texts = {
        at: (block.text, _value_of(block.text))
        for at, block in enumerate(answer.blocks)
        if isinstance(block, TextContent)
    }
    structured = answer.structured
    same: list[Any] = [structured]
    if isinstance(structured, dict) and "result" in structured:
        same.append(cast("dict[str, Any]", structured)["result"])
    if any(_are_items(list(texts.values()), value) for value in same):
        return [block for at, block in enumerate(answer.blocks) if at not in texts]
    return [
        block
        for at, block in enumerate(answer.blocks)
        if at not in texts or not any(value in texts[at] for value in same)
    ]


def _are_items(texts: list[tuple[str, Any]], value: Any) -> bool:
    """Whether there is a text for each item of a list."""
    if not isinstance(value, list):
        return False
    items = cast("list[Any]", value)
    return any(
        len(texts) == len(pieces)
        and all(piece in either for piece, either in zip(pieces, texts, strict=True))
        for pieces in (items, list(_single_values(items)))
    )


def _single_values(value: Any) -> Iterator[Any]:
    """What the SDK makes pieces of: the items of lists within lists, without null."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list):
            waiting.extend(reversed(cast("list[Any]", found)))
        elif found is not None:
            yield found


def _value_of(text: str) -> Any:
    """What a text is in JSON; itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text

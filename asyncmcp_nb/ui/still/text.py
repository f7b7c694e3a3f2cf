"""The plain-text twin of every view: what terminals, GitHub's fallback and logs show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from mcp_types import AudioContent, CallToolResult, ImageContent, ResourceLink, TextContent, Tool

from asyncmcp_nb.printable import cut, visible
from asyncmcp_nb.session import CallRecord, Log, SessionStatus, Status
from asyncmcp_nb.session.validation import signature
from asyncmcp_nb.ui.answer.contents import (
    Answer,
    plain_value,
    pretty,
    says_the_same,
    shown_structured,
)
from asyncmcp_nb.ui.answer.media import media_bytes
from asyncmcp_nb.ui.answer.tabular import Table, cell_text, table_of, table_text
from asyncmcp_nb.ui.statuses import duration, elapsed_seconds, icon, size, word
from asyncmcp_nb.ui.still.status import (
    ServerStatusLike,
    rows_lines,
    server_rows,
    session_rows,
)

_TEXT_CHARACTERS: Final = 20_000
_ROWS: Final = 20
_BLOCKS: Final = 100


def result_text(result: CallToolResult) -> str:
    """A tool's answer."""
    return answer_text(Answer.of(result))


def answer_text(answer: Answer) -> str:
    """A tool's answer; structured content where it says more than the text."""
    parts = [_block_text(block) for block in answer.blocks[:_BLOCKS]]
    if len(answer.blocks) > _BLOCKS:
        parts.append(f"… and {len(answer.blocks) - _BLOCKS:,} more pieces of content")
    structured = shown_structured(answer)
    table = table_of(structured)
    is_said = not parts or says_the_same(answer)
    if isinstance(table, Table) and is_said:
        parts = [table_text(table)]
    elif is_said and _has_lists(structured):
        # As text each number of a matrix is a piece of its own.
        parts = [cell_text(item) for item in structured]
    elif structured is not None and not parts:
        parts.append(pretty(structured))
    words = "\n".join(parts) or "(empty answer)"
    return cut(visible(f"tool error: {words}" if answer.is_error else words), _TEXT_CHARACTERS)


def call_text(record: CallRecord) -> str:
    """A call, and its answer where there is one."""
    (head,) = rows_text([record])
    if record.status not in (Status.DONE, Status.TOOL_ERROR):
        return head
    return f"{head}\n{answer_text(Answer.of_json(record.result or {}))}"


def tools_text(tools: Sequence[Tool]) -> str:
    """Signatures, each with the first line of its description."""
    if not tools:
        return "no tools"
    return "\n".join(f"{visible(signature(tool))}\n    {_summary(tool)}" for tool in tools)


def tool_text(tool: Tool) -> str:
    """A single tool."""
    return tools_text([tool])


def repr_text(shown: object) -> str:
    """What Python shows, harmless in a terminal."""
    return visible(repr(shown))


def status_text(status: SessionStatus) -> str:
    """The status line, and all that it leaves out."""
    return visible("\n".join([str(status), *rows_lines(session_rows(status))]))


def server_status_text(status: ServerStatusLike) -> str:
    """The status line, and all that it leaves out."""
    return visible("\n".join([str(status), *rows_lines(server_rows(status))]))


def log_text(log: Log) -> str:
    """The counts, and the newest calls."""
    newest = log.ledger.rows(descending=True, limit=_ROWS)
    left = len(log) - len(newest)
    more = [f"… and {left:,} earlier calls"] if left > 0 else []
    return "\n".join([repr(log), *rows_text(newest), *more])


def rows_text(records: Iterable[CallRecord]) -> list[str]:
    """One line a call."""
    lines: list[str] = []
    for record in records:
        status = f"{icon(record.status)} {word(record.status)}"
        words = record.error_message or record.text or record.progress_message or ""
        arguments = cut(record.arguments_json, 60)
        took = duration(elapsed_seconds(record))
        answer = cut(" ".join(words.split()), 60)
        lines.append(
            visible(
                f"{record.call_id}  {status:<16} {took:>10}  {record.tool} {arguments}  {answer}"
            )
        )
    return lines


def _has_lists(value: Any) -> bool:
    return isinstance(value, list) and any(
        isinstance(item, list) for item in cast("list[Any]", value)
    )


def _summary(tool: Tool) -> str:
    lines = (tool.description or "").strip().splitlines()
    return visible(cut(lines[0], 200)) if lines else "(no description)"


def _block_text(block: object) -> str:
    match block:
        case TextContent(text=text):
            return text
        case ImageContent(data=data, mime_type=kind) | AudioContent(data=data, mime_type=kind):
            count = media_bytes(data)
            return f"[{kind}, {'not base64' if count is None else size(count)}]"
        case ResourceLink(uri=uri, name=name):
            return f"[{name}: {uri}]"
        case _:
            return pretty(plain_value(block))

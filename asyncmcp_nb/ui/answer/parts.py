"""What of an answer can be taken along: as a Python value, or as the bytes of a file. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
)
from pydantic import ValidationError

from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui.answer.contents import Answer, json_in, shown_structured
from asyncmcp_nb.ui.answer.markdown import is_markdown
from asyncmcp_nb.ui.answer.media import decoded
from asyncmcp_nb.ui.answer.tabular import ABSENT, Table, cell_text, table_of

_MEDIA_COUNT: Final = 50
_SUFFIXES: Final = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
    "audio/wav": ".wav",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/webm": ".webm",
    "audio/mp4": ".m4a",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "text/csv": ".csv",
    "text/plain": ".txt",
    "text/markdown": ".md",
}
"""Of kinds that open as what they are; a server could ask for one that runs."""
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """One thing to assign to a variable or to save."""

    words: str
    """What it is, such as ``table, 3 rows``."""
    suffix: str
    """Of a file that has it, such as ``.csv``."""
    value: Callable[[], Any]
    """Makes the Python value."""
    content: Callable[[], bytes]
    """Makes what a file has in it."""


def parts_of(record: CallRecord) -> list[AnswerPart]:
    """What an answer offers, the most useful first; nothing where there is no answer."""
    if record.status not in (Status.DONE, Status.TOOL_ERROR) or record.result_json is None:
        return []
    answer = Answer.of_json(record.result or {})
    return [
        *_structured(answer),
        *_text(answer),
        *_media(answer),
        AnswerPart(
            "the whole answer",
            ".json",
            partial(_result, record),
            lambda: json_bytes(json.loads(record.result_json or "{}")),
        ),
    ]


def json_bytes(value: Any) -> bytes:
    """A value as indented JSON in UTF-8; what cannot be written in that is escaped."""
    try:
        return f"{json.dumps(value, ensure_ascii=False, indent=2)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(value, indent=2)}\n".encode()


def csv_bytes(table: Table) -> bytes:
    """A table as CSV; text that a spreadsheet would run gets an apostrophe in front."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_harmless(name) for name in table.columns])
    for number in range(table.row_count):
        writer.writerow([_csv_cell(cells[number]) for cells in table.columns.values()])
    return out.getvalue().encode("utf-8", "replace")


def _structured(answer: Answer) -> list[AnswerPart]:
    value = shown_structured(answer)
    if value is None and len(answer.blocks) == 1 and isinstance(answer.blocks[0], TextContent):
        value = json_in(answer.blocks[0].text)
    if value is None:
        return []
    found: list[AnswerPart] = []
    table = table_of(value)
    if isinstance(table, Table):
        words = f"table, {table.row_count:,} row{'' if table.row_count == 1 else 's'}"
        found.append(AnswerPart(words, ".csv", partial(_frame, table), lambda: csv_bytes(table)))
    words = "structured content"
    return [*found, AnswerPart(words, ".json", lambda: value, lambda: json_bytes(value))]


def _text(answer: Answer) -> list[AnswerPart]:
    texts = [block.text for block in answer.blocks if isinstance(block, TextContent)]
    if not texts:
        return []
    text = "\n".join(texts)
    suffix = ".md" if is_markdown(text) else ".txt"
    return [AnswerPart("text", suffix, lambda: text, lambda: text.encode("utf-8", "replace"))]


def _media(answer: Answer) -> list[AnswerPart]:
    found: list[AnswerPart] = []
    for block in answer.blocks:
        match block:
            case ImageContent(data=data, mime_type=kind) | AudioContent(data=data, mime_type=kind):
                pass
            case EmbeddedResource(resource=BlobResourceContents(blob=data, mime_type=kind)):
                pass
            case _:
                continue
        content = decoded(data)
        if content is not None and len(found) < _MEDIA_COUNT:
            words = f"{cut(one_line(kind or 'binary'), 40)} no. {len(found) + 1}"
            give = partial(bytes, content)
            found.append(AnswerPart(words, _SUFFIXES.get(kind or "", ".bin"), give, give))
    return found


def _frame(table: Table) -> Any:
    # Deferred, since it loads pandas.
    from asyncmcp_nb.frame.answer import answer_frame

    columns = {
        name: [None if cell is ABSENT else cell for cell in cells]
        for name, cells in table.columns.items()
    }
    return answer_frame(columns, table.beside)


def _result(record: CallRecord) -> Any:
    """The SDK's result; the JSON itself where the SDK does not know all of it."""
    result = record.result
    try:
        return CallToolResult.model_validate(result, by_name=False)
    except ValidationError:
        return result


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return _harmless(value)
    return "" if value is None else cell_text(value)


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

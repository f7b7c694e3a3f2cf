"""Calls as the rows of a table."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from asyncmcp_nb.printable import one_line
from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import bar, chip, duration, elapsed_seconds, size

_HEADINGS: Final = ("Status", "Tool", "Arguments", "Answer", "Time", "Call")
_ARGUMENT_CHARACTERS: Final = 120
_ANSWER_CHARACTERS: Final = 160
TITLE_CHARACTERS: Final = 600
"""Of a value that is cut in its cell."""
_UNCUT_CHARACTERS: Final = 40
"""They have room in the lines of a cell, however narrow the page is."""
_PARSED_CHARACTERS: Final = 20_000
"""JSON of an answer that is longer is not parsed for the sake of a table's cell."""
_ODD: Final = re.compile(r"|true|false|null|[-\d.][-+.\deE]*|[\[{\"].*", re.DOTALL)
"""Text that could be taken for something else of JSON."""


def calls_table(records: Sequence[CallRecord], caption: str, *, now: float | None = None) -> Html:
    """A table with one row a call.

    Args:
        records: In the order of the rows.
        caption: What is shown and what is left out.
        now: Unix seconds that elapsed times run to; the present by default.
    """
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [_heading(name) for name in _HEADINGS])),
        tag("tbody", [_row(record, now) for record in records]),
        class_="amcp-table",
    )
    return tag("div", table, class_="amcp-scroll")


def progress_of(record: CallRecord) -> Html | None:
    """The bar and message of a call that runs."""
    words = start_of(record.progress_message or "")
    if record.progress is not None:
        return bar(record.progress, words)
    return tag("span", words) if words else None


def answer_of(record: CallRecord) -> Html | None:
    """The start of its answer or error, or how far it is."""
    if record.status is Status.RUNNING or (record.progress is not None and not record.is_finished):
        return progress_of(record)
    words = answer_words(record)
    return tag("span", words) if words else None


def answer_words(record: CallRecord) -> str:
    """The start of its answer, error or progress message in one line; empty where there is none."""
    match record.status:
        case Status.INPUT_REQUIRED:
            return "asks for input: open it to answer"
        case Status.DONE | Status.TOOL_ERROR:
            return start_of(record.text) if record.text else _of_no_text(record)
        case _ if record.is_finished:
            return start_of(record.error_message or record.text or "")
        case _:
            return start_of(record.progress_message or "")


def answer_whole(record: CallRecord) -> str:
    """What ``answer_words`` is the start of."""
    return record.error_message or record.text or answer_words(record)


def arguments_words(record: CallRecord, limit_count: int = _ARGUMENT_CHARACTERS) -> str:
    """The start of the arguments in one line, as ``city: Bern, days: 3``."""
    if len(record.arguments_json) > _PARSED_CHARACTERS:
        return start_of(record.arguments_json, limit_count)
    pairs = [f"{name}: {_value_words(value)}" for name, value in record.arguments.items()]
    return start_of(", ".join(pairs), limit_count)


def start_of(text: str, limit_count: int = _ANSWER_CHARACTERS) -> str:
    """The start of a text in one line, with an ellipsis where there is more."""
    # Texts may be megabytes: what is not shown is not looked at.
    return one_line(text[:limit_count]) + ("…" if len(text) > limit_count else "")


def _value_words(value: Any) -> str:
    # As JSON has it where it could be taken for something else, such as the text "3".
    is_plain = isinstance(value, str) and value.strip() == value and not _ODD.fullmatch(value)
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _of_no_text(record: CallRecord) -> str:
    json_text = record.result_json or ""
    if len(json_text) <= _PARSED_CHARACTERS and record.structured is not None:
        return start_of(json.dumps(record.structured, ensure_ascii=False))
    return f"(no text; {size(record.response_bytes or len(json_text))})"


def _row(record: CallRecord, now: float | None) -> Html:
    arguments = arguments_words(record)
    return tag(
        "tr",
        tag("td", chip(record.status), class_="amcp-tight"),
        tag("td", start_of(record.tool, 80), class_="amcp-name"),
        tag("td", _brief(tag("code", arguments), record.arguments_json)),
        tag("td", _brief(answer_of(record), answer_whole(record))),
        tag("td", duration(elapsed_seconds(record, now)), class_="amcp-tight amcp-number"),
        tag("td", tag("code", record.call_id), class_="amcp-tight"),
    )


def _brief(shown: Html | None, whole: str) -> Html:
    """A cell that the style sheet cuts to some lines; what it may cut is in its title too."""
    title = start_of(whole, TITLE_CHARACTERS) if len(whole) > _UNCUT_CHARACTERS else None
    return tag("div", shown, class_="amcp-brief", title=title)


def _heading(name: str) -> Html:
    place = "amcp-tight amcp-number" if name == "Time" else "amcp-tight"
    return tag("th", name, scope="col", class_=place)

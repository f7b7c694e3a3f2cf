"""What each object looks like, and that nothing in it runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from mcp_types import CallToolResult, TextContent

from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui import statuses
from asyncmcp_nb.ui.still import calls as rows
from asyncmcp_nb.ui.still import text
from tests.ui.conftest import HOSTILE


class Page(HTMLParser):
    """The elements, attributes and text of markup."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def is_harmless(self) -> bool:
        scripts = {"script", "iframe", "object", "embed", "svg", "base", "meta"} & set(self.tags)
        handlers = [name for name, _ in self.attributes if name.startswith("on")]
        links = [value or "" for name, value in self.attributes if name == "href"]
        media = [value or "" for name, value in self.attributes if name == "src"]
        return (
            not scripts
            and not handlers
            and all(link.startswith(("http://", "https://", "mailto:")) for link in links)
            and all(source.startswith(("data:image/", "data:audio/")) for source in media)
            and "\u202e" not in self.text
            and "\x1b" not in self.text
        )


def page(markup: str) -> Page:
    read = Page(str(markup))
    assert read.is_harmless()
    return read


def record(status: Status = Status.DONE, **changes: Any) -> CallRecord:
    values: dict[str, Any] = {
        "position": 1,
        "call_id": "c0ffee",
        "tool": "tool",
        "status": status,
        "submitted_at": 100.0,
        "sent_at": None,
        "responded_at": 102.5 if status is Status.DONE else None,
        "finished_at": None,
        "deadline": None,
        "progress": None,
        "progress_message": None,
        "error_code": None,
        "error_message": None,
        "request_bytes": None,
        "response_bytes": None,
        "deliveries": 1,
        "attempts": 1,
        "group": None,
        "session": "s",
        "retry_of": None,
        "arguments_json": "{}",
        "text": None,
        "error_data_json": None,
        "result_json": None,
    }
    return CallRecord(**(values | changes))


def result(*content: Any, structured: Any = None, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=list(content), structured_content=structured, is_error=is_error)


def said(words: str) -> TextContent:
    return TextContent(type="text", text=words)


# -- calls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_a_word_with_an_icon(status: Status) -> None:
    shown = page(statuses.chip(status, 3)).text

    assert shown.endswith(f"3 {status.value.replace('_', ' ')}")
    assert shown.startswith(statuses.icon(status))


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (record(text="one\n two"), "one two"),
        (record(), "(no text; 0 bytes)"),
        (record(Status.TOOL_ERROR, text=HOSTILE), "<script>"),
        (record(Status.FAILED, error_message="no"), "no"),
        (record(Status.CANCELLED), ""),
        (record(Status.RUNNING, progress=0.4, progress_message="step"), "40 % step"),
        (record(Status.RUNNING, progress=7.0), "100 %"),
        (record(Status.RUNNING, progress_message="step"), "step"),
        (record(Status.SENT), ""),
    ],
)
def test_a_row_shows_the_answer_the_error_or_how_far_it_is(call: CallRecord, answer: str) -> None:
    shown = page(rows.calls_table([call], "one", now=107.0))

    assert answer in shown.text
    assert ("2.5 s" if call.status is Status.DONE else "7.0 s") in shown.text
    assert "c0ffee" in "\n".join(text.rows_text([call]))


def test_what_a_narrow_page_cuts_is_in_the_title_of_its_cell() -> None:
    long, short = {"text": "x" * 700}, {"text": "x"}
    calls = [record(text="word " * 200, arguments_json=json.dumps(long))]
    calls += [record(text="word", arguments_json=json.dumps(short))]

    shown = page(rows.calls_table(calls, "two", now=107.0))

    titles = [value for name, value in shown.attributes if name == "title"]
    assert titles == [json.dumps(long)[:600] + "…", ("word " * 200)[:600].strip() + "…"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.6, "1 h 00 min"),
        (4800, "1 h 20 min"),
    ],
)
def test_durations_are_as_people_read_them(seconds: float, words: str) -> None:
    assert statuses.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 byte"), (15, "15 bytes"), (1234, "1.2 KB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_as_people_read_them(count: int, words: str) -> None:
    assert statuses.size(count) == words

"""What each object looks like, and that nothing in it runs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui import contents, rows, statuses, text
from tests.ui.conftest import HOSTILE

PIXEL = base64.b64encode(b"\x89PNG not really").decode()


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
        scripts = {"script", "iframe", "object"} & set(self.tags)
        handlers = [name for name, _ in self.attributes if name.startswith("on")]
        return (
            not scripts and not handlers and "\u202e" not in self.text and "\x1b" not in self.text
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


# -- answers --------------------------------------------------------------------------------------


def test_text_is_shown_as_text() -> None:
    assert page(contents.result_html(result(said("a <b>\nc")))).text == "a <b>\nc"
    assert text.result_text(result(said("a <b>\nc"))) == "a <b>\nc"


def test_a_tool_error_shows_the_tools_words() -> None:
    failed = result(said("no such city"), is_error=True)

    assert "tool error" in page(contents.result_html(failed)).text
    assert "no such city" in page(contents.result_html(failed)).text
    assert text.result_text(failed) == "tool error: no such city"


def test_an_empty_answer_says_so() -> None:
    assert page(contents.result_html(result())).text == "(empty answer)"
    assert text.result_text(result()) == "(empty answer)"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (result(said("6"), structured={"result": 6}), "6"),
        (result(said('{"a": 1}'), structured={"a": 1}), '{\n  "a": 1\n}'),
        (result(said("hello"), structured={"a": 1}), 'hello{\n  "a": 1\n}'),
        (result(structured={"a": {"b": None}}), '{\n  "a": {\n    "b": null\n  }\n}'),
    ],
)
def test_text_and_structured_content_that_say_the_same_are_shown_once(
    answer: CallToolResult, shown: str
) -> None:
    assert page(contents.result_html(answer)).text == shown


def test_flat_objects_are_a_table() -> None:
    data = [{"city": HOSTILE, "t": 1.5}, {"city": None, "t": 2, "extra": True}]
    shown = page(contents.result_html(result(said("x"), structured={"result": data})))

    assert shown.tags.count("tr") == 3
    assert shown.tags.count("th") == 3
    assert "2 rows, 3 columns" in shown.text


def test_a_table_says_what_it_leaves_out() -> None:
    data = [{f"c{i}": i for i in range(25)}] * 60

    shown = page(contents.structured_html(data))

    assert shown.tags.count("tr") == 51
    assert "60 rows, 25 columns; not shown: 10 more rows, 5 more columns" in shown.text


def test_pictures_of_known_kinds_are_shown() -> None:
    picture = ImageContent(type="image", data=PIXEL, mime_type="image/png")

    shown = page(contents.result_html(result(picture)))

    assert ("src", f"data:image/png;base64,{PIXEL}") in shown.attributes
    assert ("alt", "image/png, 15 bytes") in shown.attributes
    assert text.result_text(result(picture)) == "[image/png, 15 bytes]"


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("image/svg+xml", PIXEL, "(image/svg+xml, 15 bytes, not shown)"),
        ('image/png" onerror="x', PIXEL, '(image/png" onerror="x, 15 bytes, not shown)'),
        ("image/png", '"><script>', "(image/png: not base64, not shown)"),
    ],
)
def test_other_pictures_are_told_and_not_shown(kind: str, data: str, words: str) -> None:
    shown = page(contents.block_html(ImageContent(type="image", data=data, mime_type=kind)))

    assert shown.text == words
    assert "img" not in shown.tags


def test_sound_can_be_played() -> None:
    shown = page(contents.block_html(AudioContent(type="audio", data=PIXEL, mime_type="audio/wav")))

    assert "audio" in shown.tags


def test_resources_are_linked_embedded_or_told() -> None:
    link = ResourceLink(type="resource_link", uri="https://a.b/c", name="C")
    script = ResourceLink(type="resource_link", uri="javascript:alert(1)", name="C")
    words = TextResourceContents(uri="file:///x", text=HOSTILE)
    blob = BlobResourceContents(uri="file:///y", blob="AAAA", mime_type="a/b")

    assert ("href", "https://a.b/c") in page(contents.block_html(link)).attributes
    assert page(contents.block_html(script)).text == "→ C (javascript:alert(1))"
    assert (
        "alert" in page(contents.block_html(EmbeddedResource(type="resource", resource=words))).text
    )
    assert (
        "(a/b)" in page(contents.block_html(EmbeddedResource(type="resource", resource=blob))).text
    )
    assert text.result_text(result(link)) == "[C: https://a.b/c]"


def test_unknown_content_shows_its_json() -> None:
    unknown = SimpleNamespace(type="hologram")

    assert "hologram" in page(contents.block_html(unknown)).text


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = page(contents.result_html(result(said("x" * 1_000_000))))

    assert len(shown.text) < 25_000
    assert "980,000 more characters" in shown.text
    assert "980,000 more characters" in text.result_text(result(said("x" * 1_000_000)))


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
        (record(), "(no text)"),
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


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "12 ms"), (1, "1.0 s"), (59.94, "59.9 s"), (125, "2 min 05 s"), (4800, "1 h 20 min")],
)
def test_durations_are_as_people_read_them(seconds: float, words: str) -> None:
    assert statuses.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(15, "15 bytes"), (1234, "1.2 KB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_as_people_read_them(count: int, words: str) -> None:
    assert statuses.size(count) == words

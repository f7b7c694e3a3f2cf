"""What each object looks like, and that nothing in it runs."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import replace
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
    Tool,
    ToolAnnotations,
)

from asyncmcp_nb.bus import QueueDepth
from asyncmcp_nb.server.status import ServerStatus, WorkerStatus
from asyncmcp_nb.session import CallRecord, SessionStatus, Status
from asyncmcp_nb.sns_sqs.depths import Measured
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.ui import contents, rows, server_html, status_bar, statuses, text, tool_html
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


# -- tools, sessions ------------------------------------------------------------------------------


def test_tools_are_a_table_with_signature_description_and_hints() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    notes = ToolAnnotations(read_only_hint=True, destructive_hint=False)
    tools = [
        Tool(name="t", description="Line.\nMore.", input_schema=schema, annotations=notes),
        Tool(
            name=HOSTILE,
            description=HOSTILE,
            title=HOSTILE,
            input_schema={"properties": {HOSTILE: {"enum": [HOSTILE]}}},
        ),
    ]

    shown = page(tool_html.tools_html(tools)).text

    assert "t(a: integer)" in shown
    assert "read-only" in shown
    assert "destructive" not in shown
    assert text.tools_text(tools[:1]) == "t(a: integer)\n    Line."
    assert "\u202e" not in text.tools_text(tools)


def test_no_tools_are_no_tools() -> None:
    assert page(tool_html.tools_html([])).text == "no tools"
    assert text.tools_text([]) == "no tools"


def test_a_status_line_says_who_is_where_and_what_it_cost() -> None:
    status = SessionStatus(
        name="alice",
        deployment="local",
        endpoint="http://127.0.0.1:1",
        era="2026-07-28",
        server=HOSTILE,
        state="broker unreachable",
        counts={Status.SENT: 2, Status.DONE: 8, Status.FAILED: 0},
        oldest_outstanding_at=0.0,
        waiting_count=1,
        unsolicited_count=0,
        requests={"Publish": 20},
        ended_count=8,
        error=HOSTILE,
    )

    shown = page(status_bar.status_html(status))

    for words in ("broker unreachable", "alice @ local", "2 in flight", "8 done", "20 AWS requests"):
        assert words in shown.text
    assert "0 failed" not in shown.text
    assert "2.50 per call" in shown.text
    assert ("role", "alert") in shown.attributes
    assert "alice@local" in text.status_text(status)


def test_a_session_status_shows_all_that_its_line_leaves_out() -> None:
    status = SessionStatus(
        name="alice",
        deployment="local",
        endpoint="eu-west-1",
        era="2026-07-28",
        server=None,
        state="connected",
        counts={Status.QUEUED: 3, Status.RUNNING: 2, Status.DONE: 1_000},
        oldest_outstanding_at=time.time() - 125,
        waiting_count=4,
        unsolicited_count=5,
        requests={"ReceiveMessage": 30, "PublishBatch": 20},
        ended_count=100,
        duplicate_count=6,
        refused_count=7,
        held_count=8,
        server_queue=Measured(QueueDepth(12, 3), 2.0),
        queue=Measured(error=HOSTILE, age_seconds=1.0),
    )

    plain = text.status_text(status)
    rows = page(status_bar.status_html(status)).text

    expected = {
        "Servers' queue": "12 waiting, 3 in flight, 2.0 s ago",
        "Dead-letter queue": "not measured yet",
        "Calls": "3 queued, 2 in flight, 1,000 ended",
        "Oldest outstanding": "2 min 05 s",
        "Waiting to be published": "4",
        "Unsolicited": "5",
        "Duplicates dropped": "6",
        "Refused": "7",
        "Held to keep the order": "8",
        "AWS requests": "50, 0.50 for each call (20 PublishBatch, 30 ReceiveMessage)",
    }
    assert {name for name, value in expected.items() if name + value not in rows} == set()
    lines = dict(line.strip().split("  ", 1) for line in plain.splitlines()[1:])
    assert {name: lines[name].strip() for name in expected} == expected
    assert "unknown (" in rows


def test_a_server_status_shows_all_that_its_line_leaves_out() -> None:
    counts = replace(
        COUNTS,
        oldest_in_flight_at=time.time() - 125,
        duplicate_count=5,
        unsolicited_count=6,
        handed_back_count=7,
        lost_lease_count=8,
    )
    status = replace(
        server_of().status,
        statistics=counts,
        requests={"PublishBatch": 3},
        queue=Measured(QueueDepth(12, 3), 2.0),
    )

    plain = text.server_status_text(status)
    rows = page(server_html.server_status_html(status)).text

    expected = {
        "Servers' queue": "12 waiting, 3 in flight, 2.0 s ago",
        "In flight": "1, the oldest for 2 min 05 s",
        "Redelivered": "3",
        "Duplicates dropped": "5",
        "Unsolicited": "6",
        "Dead letters": "4 put aside by this server",
        "Handed back": "7",
        "Leases lost": "8",
        "AWS requests": "3, 1.50 for each answer (3 PublishBatch)",
    }
    assert {name for name, value in expected.items() if name + value not in rows} == set()
    lines = dict(line.strip().split("  ", 1) for line in plain.splitlines()[1:])
    assert {name: lines[name].strip() for name in expected} == expected


COUNTS = ServerStatistics(in_flight_count=1, answered_count=2, redelivered_count=3, parked_count=4)


def server_of(*workers: WorkerStatus) -> Any:
    status = ServerStatus(
        name=HOSTILE,
        deployment="d",
        state="serving",
        up_seconds=61,
        statistics=COUNTS,
        requests={},
        workers=workers,
    )
    return SimpleNamespace(status=status)


def test_a_server_shows_its_counts() -> None:
    shown = page(server_html.server_html(server_of())).text

    assert "1 in flight · 2 answered · 3 redelivered · 4 dead letters" in shown
    assert "up 1 min 01 s" in shown


def test_a_server_shows_its_worker_processes() -> None:
    well = WorkerStatus(
        slot=0,
        worker_id="0a1b2c3d",
        pid=1234,
        state="serving",
        restart_count=0,
        up_seconds=61,
        statistics=COUNTS,
        requests={},
        error=None,
        last_end=None,
    )
    away = replace(well, slot=1, pid=None, state="restarting", restart_count=5, error=HOSTILE)

    shown = page(server_html.server_html(server_of(well, away)))

    assert "2 workers" in shown.text
    assert "0 0a1b2c3d1234● serving1201 min 01 s" in shown.text
    assert "1 0a1b2c3d◌ restarting125" in shown.text
    assert "<script>alert('x')</script>" in shown.text
    assert "script" not in shown.tags


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

from __future__ import annotations

import json
from typing import Any

import pytest

from asyncmcp_nb.ledger import Status
from asyncmcp_nb.ledger.answers import (
    Answer,
    LogLine,
    Progress,
    dump_json,
    read_error,
    read_log,
    read_progress,
    read_result,
    storable,
)

UNREADABLE = ["", "nonsense", "[1]", "null", "9" * 5_000, "[" * 100_000]


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"content": []}, Status.DONE),
        ({"content": [], "isError": False}, Status.DONE),
        ({"content": [], "isError": True}, Status.TOOL_ERROR),
        ({"content": [], "resultType": "complete"}, Status.DONE),
        ({"resultType": "input_required", "requestState": "s"}, Status.INPUT_REQUIRED),
        ({}, Status.DONE),
    ],
)
def test_a_result_says_whether_the_tool_answered_failed_or_asks(
    result: dict[str, Any], status: Status
) -> None:
    assert read_result(json.dumps(result)).status is status


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], "one\ntwo"),
        ([{"type": "image", "data": "…"}, {"type": "text", "text": "größer"}], "größer"),
        ([{"type": "text", "text": ""}], ""),
        ([{"type": "image", "data": "…"}], None),
        ([{"type": "text"}, {"type": "text", "text": 7}, "text", None], None),
        ([], None),
        ("text", None),
        (None, None),
    ],
)
def test_text_blocks_are_joined_and_others_left_out(content: Any, text: str | None) -> None:
    assert read_result(json.dumps({"content": content})).text == text


@pytest.mark.parametrize("payload", UNREADABLE)
def test_an_unreadable_answer_ends_its_call_as_failed(payload: str) -> None:
    result, error = read_result(payload), read_error(payload)

    assert result.status is error.status is Status.FAILED
    assert result.error_message == "the result is not a readable JSON object"
    assert error.error_message == "the error is not a readable JSON object"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": -32602, "message": "bad"}, Answer(Status.FAILED, None, -32602, "bad")),
        (
            {"code": 1, "message": "bad", "data": {"n": 2**70, "é": None}},
            Answer(Status.FAILED, None, 1, "bad", '{"n":1180591620717411303424,"é":null}'),
        ),
        ({"code": 1, "message": "x", "data": None}, Answer(Status.FAILED, None, 1, "x", "null")),
        ({"code": 2**70, "message": "x"}, Answer(Status.FAILED, None, None, "x")),
        ({"code": True, "message": "x"}, Answer(Status.FAILED, None, None, "x")),
        ({"code": "1"}, Answer(Status.FAILED, None, None, "the error has no message")),
    ],
)
def test_an_error_is_taken_apart(error: dict[str, Any], expected: Answer) -> None:
    assert read_error(json.dumps(error)) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ('{"progress": 1, "total": 4}', Progress(0.25, None)),
        ('{"progress": 1.5, "total": 3, "message": "half"}', Progress(0.5, "half")),
        ('{"progress": 5, "total": 4}', Progress(1.0, None)),
        ('{"progress": -1, "total": 4}', Progress(0.0, None)),
        ('{"progress": 3}', Progress(None, None)),
        ('{"progress": 3, "total": 0, "message": "on"}', Progress(None, "on")),
        ('{"progress": true, "total": 4}', Progress(None, None)),
        ('{"progress": "1", "total": "4"}', Progress(None, None)),
        ('{"progress": NaN, "total": 4}', Progress(None, None)),
        ('{"progress": 1e999, "total": 4}', Progress(None, None)),
        (f'{{"progress": 1{"0" * 400}, "total": 4}}', Progress(None, None)),
        ('{"message": 7}', Progress(None, None)),
        *[(payload, Progress(None, None)) for payload in UNREADABLE],
    ],
)
def test_progress_is_a_share_where_both_numbers_are_usable(params: str, expected: Progress) -> None:
    assert read_progress(params) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            '{"level": "error", "logger": "db", "data": {"n": 1}}',
            LogLine("error", 4, "db", '{"n":1}'),
        ),
        ('{"level": "debug", "data": "é"}', LogLine("debug", 0, None, '"é"')),
        ('{"level": "loud", "data": null}', LogLine("loud", 1, None, "null")),
        ("{}", LogLine("info", 1, None, "null")),
        ("nonsense", LogLine("info", 1, None, '"nonsense"')),
    ],
)
def test_a_log_line_keeps_its_data_whatever_it_is(params: str, expected: LogLine) -> None:
    assert read_log(params) == expected


def test_lone_surrogates_are_escaped_so_that_json_means_the_same() -> None:
    value = {"name": "a\udc80b", "é": "ü"}

    written = dump_json(value)

    assert written == r'{"name":"a\udc80b","é":"ü"}'
    assert json.loads(written) == value
    assert storable("plain") == "plain"

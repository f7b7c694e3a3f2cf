"""What can be taken of an answer, as a value and as the bytes of a file."""

from __future__ import annotations

import base64
import json
from typing import Any

import pandas as pd
import pytest
from mcp_types import CallToolResult

from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui.answer.parts import AnswerPart, parts_of
from tests.ui.still.test_still import record


def answered(result: Any, status: Status = Status.DONE) -> CallRecord:
    return record(status, result_json=json.dumps(result))


def parts(result: Any) -> dict[str, AnswerPart]:
    return {part.words: part for part in parts_of(answered(result))}


def test_the_most_useful_part_comes_first() -> None:
    text = {"type": "text", "text": "2 rows"}
    found = parts({"content": [text], "structuredContent": {"rows": [{"a": 1}, {"a": None}]}})

    assert list(found) == ["table, 2 rows", "structured content", "text", "the whole answer"]
    assert [part.suffix for part in found.values()] == [".csv", ".json", ".txt", ".json"]


def test_a_table_is_a_frame_with_exact_values_and_csv() -> None:
    rows = [{"n": 2**60 + 1, "s": "=1+1"}, {"s": None}]
    table = parts({"content": [], "structuredContent": {"total": 2, "rows": rows}})["table, 2 rows"]

    frame: pd.DataFrame = table.value()

    assert frame["n"].tolist()[0] == 2**60 + 1
    assert str(frame["n"].dtype) == "Int64"
    assert frame.attrs == {"total": 2}
    assert table.content() == b"n,s\r\n1152921504606846977,'=1+1\r\n,\r\n"


def test_structured_content_is_its_value_and_json() -> None:
    part = parts({"content": [], "structuredContent": {"a": {"b": "ü"}}})["structured content"]

    assert part.value() == {"a": {"b": "ü"}}
    assert json.loads(part.content()) == {"a": {"b": "ü"}}


def test_nested_cells_stay_whole_in_a_frame_and_are_json_in_csv() -> None:
    rows = [{"n": 1, "of": {"a": [1]}}, {"n": 2, "of": None}]
    table = parts({"content": [], "structuredContent": {"rows": rows}})["table, 2 rows"]

    assert table.value()["of"].tolist() == [{"a": [1]}, None]
    assert table.content() == b'n,of\r\n1,"{""a"": [1]}"\r\n2,\r\n'


def test_text_that_is_json_is_offered_as_a_table_too() -> None:
    found = parts({"content": [{"type": "text", "text": '[{"a": 1}]'}]})

    assert found["table, 1 row"].value()["a"].tolist() == [1]
    assert found["text"].value() == '[{"a": 1}]'


def test_pictures_and_sound_are_their_bytes_with_a_suffix_that_fits() -> None:
    data = base64.b64encode(b"bytes").decode()
    content = [
        {"type": "image", "data": data, "mimeType": "image/png"},
        {"type": "audio", "data": data, "mimeType": "audio/mpeg"},
        {"type": "image", "data": data, "mimeType": "application/x-msdownload; ../../a.exe"},
        {"type": "resource", "resource": {"uri": "file:///../../evil.sh", "blob": data}},
        {"type": "image", "data": "not base64", "mimeType": "image/png"},
    ]
    found = parts({"content": content})

    assert {words: part.suffix for words, part in found.items()} == {
        "image/png no. 1": ".png",
        "audio/mpeg no. 2": ".mp3",
        "application/x-msdownload; ../../a.exe no. 3": ".bin",
        "binary no. 4": ".bin",
        "the whole answer": ".json",
    }
    assert found["image/png no. 1"].content() == b"bytes"


def test_the_whole_answer_is_the_result_or_what_the_sdk_does_not_know() -> None:
    known = parts({"content": [{"type": "text", "text": "x"}]})["the whole answer"]
    unknown = parts({"content": [{"type": "hologram"}]})["the whole answer"]

    assert isinstance(known.value(), CallToolResult)
    assert unknown.value() == {"content": [{"type": "hologram"}]}
    assert json.loads(unknown.content()) == {"content": [{"type": "hologram"}]}


@pytest.mark.parametrize(
    "call",
    [
        record(Status.RUNNING),
        record(Status.FAILED, error_message="no"),
        record(Status.CANCELLED),
        answered({"resultType": "input_required"}, Status.INPUT_REQUIRED),
    ],
)
def test_a_call_without_an_answer_offers_nothing(call: CallRecord) -> None:
    assert parts_of(call) == []


def test_what_is_no_utf_8_is_written_all_the_same() -> None:
    part = parts({"content": [], "structuredContent": {"a": {"b": "\ud800"}}})["structured content"]

    assert json.loads(part.content()) == {"a": {"b": "\ud800"}}

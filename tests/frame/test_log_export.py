from __future__ import annotations

import csv
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from asyncmcp_nb.errors import ConfigError, MissingDependency
from asyncmcp_nb.frame import COLUMNS, Redaction, export, to_frame

if TYPE_CHECKING:
    from tests.frame.conftest import Book

SUFFIXES = [".csv", ".parquet", ".jsonl", ".html"]


class Page(HTMLParser):
    """Cells of the table and every tag of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def fill(book: Book) -> None:
    book.structure({"score": 0.5, "big": 2**70}, {"city": "Zürich", "n": 2**70, "x": None})
    book.fail("<b>boom</b> & more\nsecond line")
    book.submit(sent=False)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_replaces_the_file_and_leaves_nothing_beside_it(
    book: Book, tmp_path: Path, suffix: str
) -> None:
    fill(book)
    path = tmp_path / f"calls{suffix}"
    path.write_text("old")

    written = export(book.records, str(path))

    assert written == path
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() != b"old"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_of_no_calls_is_a_file_all_the_same(
    book: Book, tmp_path: Path, suffix: str
) -> None:
    path = export(book.records, tmp_path / f"calls{suffix.upper()}")

    assert path.exists()


def test_a_home_folder_is_understood(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert export(book.records, "~/calls.csv") == tmp_path / "calls.csv"


def test_an_unknown_suffix_is_refused_with_those_known(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'calls\.xlsx'; known: \.csv, \.parquet, \.jsonl, \."):
        export(book.records, tmp_path / "calls.xlsx")


def test_a_folder_that_is_not_there_is_named(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="new does not exist; make it first"):
        export(book.records, tmp_path / "new" / "calls.csv")


def test_an_export_that_fails_leaves_the_old_file(book: Book, tmp_path: Path) -> None:
    fill(book)
    path = tmp_path / "calls.jsonl"
    path.write_text("old")

    with pytest.raises(TypeError):
        export(book.records, path, redact=lambda _name, _value: object())

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("calls.jsonl", "old")
    ]


def test_csv_has_iso_times_seconds_and_json(book: Book, tmp_path: Path) -> None:
    fill(book)

    first, second, third = read_csv(export(book.records, tmp_path / "calls.csv"))

    assert list(first) == [column.name for column in COLUMNS]
    assert first["submitted_at"] == "2023-11-14T22:13:20.000000Z"
    assert (first["latency"], first["deliveries"]) == ("2.5", "1")
    assert json.loads(first["arguments"]) == {"city": "Zürich", "n": 2**70, "x": None}
    assert json.loads(first["structured"]) == {"score": 0.5, "big": 2**70}
    assert second["error_message"] == "<b>boom</b> & more\nsecond line"
    assert (third["sent_at"], third["text"], third["structured"]) == ("", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(
    book: Book, tmp_path: Path, start: str
) -> None:
    book.answer({"x": -1}, text=f"{start}cmd()", tool=f"{start}tool")
    book.fail(f"{start}cmd()")

    answer, error = read_csv(export(book.records, tmp_path / "calls.csv"))

    assert answer["text"] == error["error_message"] == f"'{start}cmd()"
    assert answer["tool"] == f"'{start}tool"
    assert (answer["arguments"], error["error_code"]) == ('{"x":-1}', "-32000")


def test_json_lines_are_exact_and_strict(book: Book, tmp_path: Path) -> None:
    fill(book)
    book.submit({"nan": float("nan"), "list": [float("inf"), 1.5], "lone": "\ud800"})

    path = export(book.records, tmp_path / "calls.jsonl")
    rows = read_lines(path)

    assert list(rows[0]) == [column.name for column in COLUMNS]
    assert rows[0]["arguments"] == {"city": "Zürich", "n": 2**70, "x": None}
    assert rows[0]["structured"] == {"score": 0.5, "big": 2**70}
    assert rows[0]["responded_at"] == "2023-11-14T22:13:22.500000Z"
    assert (rows[1]["structured"], rows[2]["sent_at"]) == (None, None)
    assert rows[3]["arguments"] == {"nan": None, "list": [None, 1.5], "lone": "\ud800"}
    assert "Zürich" in path.read_text("utf-8")


def test_parquet_reads_back_as_the_frame_with_json_for_objects(book: Book, tmp_path: Path) -> None:
    fill(book)
    expected = to_frame(book.records)

    frame = pd.read_parquet(export(book.records, tmp_path / "calls.parquet"))

    plain = [column.name for column in COLUMNS if column.dtype != "object"]
    pd.testing.assert_frame_equal(frame[plain], expected[plain])
    assert json.loads(frame["arguments"][0]) == {"city": "Zürich", "n": 2**70, "x": None}
    assert json.loads(frame["structured"][0]) == {"score": 0.5, "big": 2**70}
    assert frame["structured"].isna().tolist() == [False, True, True]


def test_parquet_says_unit_and_meaning_of_each_column(book: Book, tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet")

    schema = parquet.read_schema(export(book.records, tmp_path / "calls.parquet"))

    for column in COLUMNS:
        metadata = schema.field(column.name).metadata
        assert metadata[b"meaning"].decode() == column.meaning
        assert metadata.get(b"unit") == (column.unit and column.unit.encode())


def test_parquet_without_pyarrow_names_the_install_command(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingDependency, match=r'pip install "asyncmcp-nb\[lab\]"'):
        export(book.records, tmp_path / "calls.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_page_shows_everything_and_runs_nothing(book: Book, tmp_path: Path) -> None:
    fill(book)
    book.answer({"html": "<script>alert(1)</script>"}, text="</td><img src=x onerror=alert(1)>")

    path = export(book.records, tmp_path / "calls.html")
    page = Page(path)

    assert {"script", "img", "b"} & set(page.tags) == set()
    assert page.rows[0] == [column.name for column in COLUMNS]
    assert [row[0] for row in page.rows[1:]] == ["call0", "call1", "call2", "call3"]
    cell = dict(zip(page.rows[0], page.rows[4], strict=True))
    assert cell["text"] == "</td><img src=x onerror=alert(1)>"
    assert json.loads(cell["arguments"]) == {"html": "<script>alert(1)</script>"}
    assert "4 calls: 1 queued, 2 done, 1 failed" in path.read_text("utf-8")
    assert "http" not in path.read_text("utf-8")


def test_a_page_of_one_call_and_of_none_says_so(book: Book, tmp_path: Path) -> None:
    empty = export(book.records, tmp_path / "empty.html").read_text("utf-8")
    book.submit()
    one = export(book.records, tmp_path / "one.html").read_text("utf-8")

    assert "<p>0 calls</p>" in empty
    assert "<p>1 call: 1 sent</p>" in one


SECRET = {"user": "ann", "auth": {"token": 'p"ä$$', "pin": 4711, "live": True, "old": [""]}}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".html", ".parquet"])
def test_named_arguments_are_redacted_wherever_their_values_show(
    book: Book, tmp_path: Path, suffix: str
) -> None:
    echo = {"echo": ['is p"ä$$ now', 4711, 4712, True], "auth": "other", "user": "ann"}
    book.structure(echo, {"login": [SECRET]})
    book.fail('bad token p"ä$$', SECRET)
    book.answer(SECRET, text="pin 4711")

    path = export(book.records, tmp_path / f"calls{suffix}", redact=["auth"])

    content = path.read_bytes().decode("utf-8", "replace")
    assert "ä$$" not in content
    assert "4711" not in content
    assert "4712" in content
    assert "ann" in content


def test_what_is_redacted_says_so_and_the_rest_stays(book: Book, tmp_path: Path) -> None:
    book.structure({"echo": ["ann", 4711, None, 1.5], "token": 1}, {"token": "ann", "n": 4711})
    book.answer({"n": 1}, text="fine")
    book.progress(1, 2, "half")

    rows = read_lines(export(book.records, tmp_path / "calls.jsonl", redact="token"))

    assert rows[0]["arguments"] == {"token": "[redacted]", "n": 4711}
    assert rows[0]["structured"] == {
        "echo": ["[redacted]", 4711, None, 1.5],
        "token": "[redacted]",
    }
    assert json.loads(rows[0]["text"]) == rows[0]["structured"]
    assert (rows[1]["text"], rows[2]["progress_message"]) == ("fine", "half")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_values_that_only_the_answer_has_are_redacted_in_its_text_too(
    book: Book, tmp_path: Path, suffix: str
) -> None:
    answer = {"user": "ann", "token": "s3cr3t-ann", "n": 1, "live": True}
    book.structure(answer, {"user": "ann"})
    book.answer({"user": "ann"}, text=json.dumps(answer, indent=2))

    path = export(book.records, tmp_path / f"calls{suffix}", redact=["token", "n", "live"])

    content = path.read_bytes().decode("utf-8", "replace")
    assert "s3cr3t" not in content
    assert "ann" in content


def test_names_that_no_call_has_are_warned_of(book: Book, tmp_path: Path) -> None:
    book.structure({"pin": 4711}, {"user": "ann"})
    book.answer({"user": "ann"}, text='cut off: {"token": "s3cr3t')
    names = ["pni", "user", "pin", "token", "passwrod"]

    with pytest.warns(UserWarning, match="no call has anything under 'pni' or 'passwrod'") as told:
        export(book.records, tmp_path / "calls.jsonl", redact=names)
    redaction = Redaction(names)
    export(book.records, tmp_path / "calls.jsonl", redact=redaction)

    assert len(told) == 1
    assert redaction.unmet == ["pni", "passwrod"]
    assert Redaction("user").unmet == ["user"]
    assert Redaction(True).unmet == []


def test_names_may_come_one_by_one_and_nothing_else_is_taken_for_names(
    book: Book, tmp_path: Path
) -> None:
    book.answer({"user": "ann", "token": "s3cr3t"})
    untyped: Any = [iter(["token", "user"]), 5]

    (row,) = read_lines(export(book.records, tmp_path / "calls.jsonl", redact=untyped[0]))

    assert row["arguments"] == {"user": "[redacted]", "token": "[redacted]"}
    with pytest.raises(TypeError):
        export(book.records, tmp_path / "calls.jsonl", redact=untyped[1])


def test_everything_that_users_and_servers_wrote_can_be_redacted(
    book: Book, tmp_path: Path
) -> None:
    fill(book)
    book.progress(1, 2, "half")

    rows = read_lines(export(book.records, tmp_path / "calls.jsonl", redact=True))

    assert [row["arguments"] for row in rows] == ["[redacted]"] * 4
    assert [row["structured"] for row in rows] == ["[redacted]", None, None, None]
    assert [row["text"] for row in rows] == ["[redacted]", None, None, None]
    assert rows[1]["error_message"] == rows[3]["progress_message"] == "[redacted]"
    assert (rows[0]["tool"], rows[0]["status"]) == ("score", "done")


def test_a_function_decides_what_is_written(book: Book, tmp_path: Path) -> None:
    fill(book)

    def redact(name: str, value: Any) -> Any:
        match name:
            case "arguments":
                return {"city": value.get("city")}
            case "text":
                return None
            case "error_message":
                return {"length": len(value)}
            case _:
                return value

    first, second, _ = read_lines(export(book.records, tmp_path / "c.jsonl", redact=redact))

    assert (first["arguments"], first["text"]) == ({"city": "Zürich"}, None)
    assert first["structured"] == {"score": 0.5, "big": 2**70}
    assert second["error_message"] == '{"length":30}'


def test_nothing_is_redacted_unless_asked(book: Book, tmp_path: Path) -> None:
    fill(book)

    asked = export(book.records, tmp_path / "asked.jsonl", redact=False).read_text("utf-8")

    assert asked == export(book.records, tmp_path / "plain.jsonl").read_text("utf-8")

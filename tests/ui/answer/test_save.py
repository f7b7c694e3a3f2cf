"""Files that answers are saved in: named by the person, whole, and never overwritten unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncmcp_nb.ui.answer.save import NotSaved, save, suggested_name, target_of, with_suffix
from tests.ui.conftest import HOSTILE


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("add", "answer-add-c0ffee.json"),
        ("../../etc/passwd", "answer-etc-passwd-c0ffee.json"),
        (HOSTILE, "answer-script-alert-x-script-img-src-x-onerror-c0ffee.json"),
        ("con", "answer-con-c0ffee.json"),
        ("", "answer-c0ffee.json"),
        ("\u202e.exe", "answer-exe-c0ffee.json"),
    ],
)
def test_a_suggested_name_is_never_a_path(tool: str, name: str) -> None:
    assert suggested_name(tool, "c0ffee", ".json") == name


def test_a_suffix_follows_the_choice_and_one_that_was_typed_stays() -> None:
    known = frozenset({".csv", ".json"})

    assert with_suffix("a.csv", ".json", known) == "a.json"
    assert with_suffix("a.table", ".json", known) == "a.table"
    assert with_suffix("a", ".json", known) == "a"


def test_a_file_is_written_in_the_folder_of_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = save(target_of(" data ", ".json"), b"{}")

    assert said == "saved 2 bytes in data.json"
    assert (tmp_path / "data.json").read_bytes() == b"{}"
    assert [path.name for path in tmp_path.iterdir()] == ["data.json"]


def test_a_file_that_is_there_is_replaced_only_when_it_is_said_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    with pytest.raises(NotSaved, match="is there already; press Save again to replace it"):
        save(path, b"new")
    kept = path.read_text()
    save(path, b"new", may_replace=True)

    assert kept == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "type the file's name"),
        (" ", "type the file's name"),
        ("a\0b", "type the file's name"),
        ("missing/a.json", "the folder missing is not there; make it first"),
        (".", ". is a folder; type the file's name as well"),
        ("~nobody-of-that-name/a", "no file can have this name"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_line(
    text: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotSaved) as refused:
        target_of(text, ".json")

    assert str(refused.value).startswith(why)
    assert "\n" not in str(refused.value)


def test_a_file_that_could_not_be_written_takes_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)

    with pytest.raises(NotSaved, match="cannot be written: No space left on device"):
        save(tmp_path / "a.json", b"x")

    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300 + ".json")

    with pytest.raises(NotSaved, match="cannot be written: File name too long"):
        save(path, b"x")

    assert list(tmp_path.iterdir()) == []

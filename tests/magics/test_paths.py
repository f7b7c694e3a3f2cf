"""What a path that is being typed could become."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncmcp_nb.magics.paths import export_paths


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", ".hidden", "with space"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)


def test_folders_come_first_and_then_a_file_of_each_kind() -> None:
    assert export_paths("") == [
        "data/",
        "calls.csv",
        "calls.parquet",
        "calls.jsonl",
        "calls.html",
    ]


def test_a_name_that_was_begun_is_kept() -> None:
    assert export_paths("da") == ["data/", "da.csv", "da.parquet", "da.jsonl", "da.html"]
    assert export_paths("data/x.c")[0] == "data/x.csv"
    assert export_paths(".h")[0] == ".hidden/"


def test_a_folder_that_is_not_there_offers_files_alone() -> None:
    assert export_paths("nowhere/x") == [
        f"nowhere/x{suffix}" for suffix in (".csv", ".parquet", ".jsonl", ".html")
    ]

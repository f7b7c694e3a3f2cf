"""Signing keys, which a deployment names and does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncmcp_nb.config import read_key
from asyncmcp_nb.errors import ConfigError

KEY = "0123456789abcdef" * 2


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_and_a_variable_of_one_text_are_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(f"{KEY}{end}".encode())
    monkeypatch.setenv("THE_KEY", KEY)

    assert read_key(f"file:{path}") == read_key("env:THE_KEY") == KEY.encode()


def test_a_key_that_is_not_there_or_too_short_is_refused_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_KEY", raising=False)
    monkeypatch.setenv("SHORT_KEY", KEY[:31] + "\n")

    with pytest.raises(ConfigError, match="env:NO_KEY: KeyError"):
        read_key("env:NO_KEY")
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        read_key(f"file:{tmp_path / 'none'}")
    with pytest.raises(ConfigError, match="at least 32 bytes") as refused:
        read_key("env:SHORT_KEY")
    assert KEY[:31] not in str(refused.value)

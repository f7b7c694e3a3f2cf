from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.errors import ConfigError, LedgerError, LedgerInUse, NameInUse
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session.seat import NOTEBOOK_VARIABLE, default_name, take_seat

PLACE = Deployment(
    name="d",
    region="eu-west-1",
    request_topic_arn="arn:aws:sns:eu-west-1:1:d-requests",
    response_topic_arn="arn:aws:sns:eu-west-1:1:d-responses",
    server_queue_url="https://sqs/1/d-server",
    dead_letter_queue_url="https://sqs/1/d-server-dlq",
)

HOLDER = """
import sys
from tests.session.test_seat import PLACE
from asyncmcp_nb.session.seat import take_seat
seat = take_seat(PLACE, "alice", None)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv(NOTEBOOK_VARIABLE, raising=False)


def test_a_name_that_another_process_holds_is_refused_until_it_dies() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(NameInUse, match=f"'alice' is in use by process {holder.pid}"):
            take_seat(PLACE, "alice", None)
        holder.kill()
        holder.wait(10)

    take_seat(PLACE, "alice", None).release()


def test_the_default_name_moves_aside_where_it_is_in_use() -> None:
    first = take_seat(PLACE, None, None)
    second = take_seat(PLACE, None, None)

    assert (first.name, second.name) == ("default", "default-2")
    first.release()
    second.release()
    assert take_seat(PLACE, None, None).name == "default"


def test_a_notebook_keeps_its_name_over_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NOTEBOOK_VARIABLE, "/home/me/My études (2).ipynb")

    assert default_name() == default_name()
    assert default_name().startswith("My-tudes-2-")
    monkeypatch.setenv(NOTEBOOK_VARIABLE, "/elsewhere/My études (2).ipynb")
    assert not default_name().endswith(take_seat(PLACE, "x", None).name)


def test_ledgers_of_equal_names_in_two_regions_are_two_files() -> None:
    from dataclasses import replace

    other = replace(PLACE, request_topic_arn="arn:aws:sns:us-east-1:1:d-requests")

    here = take_seat(PLACE, "alice", None)
    there = take_seat(other, "alice", None)

    assert here.ledger_path != there.ledger_path


def test_an_unusable_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="client name 'a/b' is not usable"):
        take_seat(PLACE, "a/b", None)


def test_nobody_else_can_read_what_a_name_keeps(tmp_path: Path) -> None:
    seat = take_seat(PLACE, "alice", None)

    made = [path for path in tmp_path.rglob("*") if path != tmp_path]
    assert made != []
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    seat.release()


# -- ledger files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["calls.sqlite", "calls.db", "calls"])
def test_two_names_cannot_have_one_ledger_file(tmp_path: Path, file: str) -> None:
    alice = take_seat(PLACE, "alice", tmp_path / "made" / file)
    (tmp_path / "link").symlink_to(tmp_path / "made")

    with pytest.raises(LedgerInUse, match=f"{file} is in use by .* process {os.getpid()}; close"):
        take_seat(PLACE, "bob", tmp_path / "link" / file)

    # What was refused holds nothing, and what is closed holds nothing any more.
    take_seat(PLACE, "bob", None).release()
    alice.release()
    take_seat(PLACE, "bob", tmp_path / "made" / file).release()


def test_files_side_by_side_are_two_ledgers(tmp_path: Path) -> None:
    seats = [
        take_seat(PLACE, f"client{number}", tmp_path / file)
        for number, file in enumerate(["calls.sqlite", "calls.db", "calls", "other.sqlite"])
    ]

    assert len({seat.ledger_path for seat in seats}) == len(seats)
    for seat in seats:
        seat.release()


def test_the_own_file_of_a_name_cannot_be_taken_under_another(tmp_path: Path) -> None:
    alice = take_seat(PLACE, "alice", None)

    with pytest.raises(LedgerInUse):
        take_seat(PLACE, "bob", alice.ledger_path)
    alice.release()
    again = take_seat(PLACE, "alice", alice.ledger_path)
    assert again.ledger_path == alice.ledger_path
    again.release()


def test_ledgers_in_memory_are_never_shared() -> None:
    seats = [take_seat(PLACE, name, ":memory:") for name in ("alice", "bob")]

    assert [seat.ledger_path for seat in seats] == [":memory:"] * 2
    for seat in seats:
        seat.release()


def test_a_ledger_that_a_session_has_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    seat = take_seat(PLACE, "alice", path)

    with Ledger.open(path) as writing, Ledger.open(path) as looking:
        assert (writing.count(), looking.count()) == (0, 0)
    seat.release()


def test_a_ledger_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerError, match=r"cannot be locked .*; check the permissions"):
        take_seat(PLACE, "alice", tmp_path / "file" / "calls.sqlite")
    take_seat(PLACE, "alice", None).release()


def test_a_home_that_cannot_be_written_is_told_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file"))

    for ledger in (None, ":memory:"):
        with pytest.raises(LedgerError, match=r"cannot be made \(Not a directory\).*_HOME"):
            take_seat(PLACE, "alice", ledger)

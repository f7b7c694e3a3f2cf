"""The file under the ledger: who may read it, what survives, what is refused."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger import Arrival, Binding, Ledger, NewCall, Outcome, Refused, Status
from asyncmcp_nb.ledger.schema import APPLICATION_ID, MIGRATIONS
from asyncmcp_nb.ledger.store import Store

if TYPE_CHECKING:
    from tests.ledger.conftest import Desk

CONNECTION = "c" * 32


@contextlib.contextmanager
def plain_sqlite(path: Path) -> Generator[sqlite3.Connection, None, None]:
    """The file as another program sees it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def new_calls(names: list[str]) -> list[NewCall]:
    return [NewCall(name, "t", {}, 100.0, None, CONNECTION) for name in names]


def answer(request_id: str) -> Arrival:
    return Arrival(CONNECTION, request_id, "result", '{"content": []}', 105.0, 100)


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_nobody_else_can_read_the_file_or_the_folders_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "er" / "calls.sqlite"
    before = mode(tmp_path)

    with Ledger.open(path) as ledger:
        ledger.add(new_calls(["a"]))
        modes = {file.name: mode(file) for file in path.parent.iterdir()}

    assert modes["calls.sqlite"] == 0o600
    assert set(modes.values()) == {0o600}
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert mode(tmp_path) == before


def test_a_closed_ledger_leaves_one_file_and_opens_again_with_all_calls(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path) as ledger:
        ledger.add(new_calls(["a", "b"]))

    assert [file.name for file in tmp_path.iterdir()] == ["calls.sqlite"]
    with Ledger.open(str(path)) as again:
        assert (again.count(), again.path) == (2, str(path))


def test_a_ledger_in_memory_has_no_file_and_does_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Ledger.open(":memory:") as ledger:
        ledger.add(new_calls(["a"]))
        ledger.bind([Binding(CONNECTION, "1", "a")])
        [recorded] = ledger.record([answer("1")])

        assert (recorded.outcome, ledger.count()) == (Outcome.COMPLETED, 1)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["file", ":memory:"])
def test_a_closed_ledger_refuses_everything(tmp_path: Path, where: str) -> None:
    path = tmp_path / "calls.sqlite" if where == "file" else where
    ledger = Ledger.open(path)
    ledger.close()
    ledger.close()

    with pytest.raises(LedgerError, match="is closed; connect again"):
        ledger.add(new_calls(["a"]))
    with pytest.raises(LedgerError, match="is closed; connect again"):
        ledger.count()


def test_closing_lets_a_read_under_way_end(tmp_path: Path) -> None:
    store = Store(tmp_path / "calls.sqlite")

    with store.reading() as db:
        store.close()
        assert db.execute("SELECT count(*) FROM calls").fetchone() == (0,)

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_a_damaged_file_is_refused_with_the_way_out_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "calls.sqlite"
    damaged = b"not a database " * 1_000
    path.write_bytes(damaged)

    with pytest.raises(LedgerError) as caught:
        Ledger.open(path)

    assert f"mv '{path}' '{path}.damaged'" in str(caught.value)
    assert "connect again" in str(caught.value)
    assert path.read_bytes() == damaged


def test_damage_that_shows_later_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path) as ledger:
        ledger.add(new_calls([f"call{n}" for n in range(2_000)]))
    content = bytearray(path.read_bytes())
    content[8_192:] = b"\xff" * (len(content) - 8_192)
    path.write_bytes(content)

    with Ledger.open(path) as ledger, pytest.raises(LedgerError, match=r"\.damaged'"):
        ledger.rows()


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "recipes.sqlite"
    with plain_sqlite(path) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(LedgerError, match="is a database of another program; name another file"):
        Ledger.open(path)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    Ledger.open(path).close()
    with plain_sqlite(path) as db:
        db.execute("PRAGMA user_version = 99")

    known = f"ledger version 99, this one knows {len(MIGRATIONS)}"
    with pytest.raises(LedgerError, match=known):
        Ledger.open(path)


def test_a_ledger_of_the_first_version_keeps_its_calls_and_takes_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with plain_sqlite(path) as db:
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO calls (call_id, tool, submitted_at, session, arguments) "
            "VALUES ('old', 't', 1.0, 's', '{}')"
        )
        db.execute("INSERT INTO unsolicited VALUES (1, 'c', 'r', 'result', '{}', 1.0, 2)")
    traced = NewCall("new", "t", {}, 2.0, None, "s", trace_context={"traceparent": "00-a-b-01"})

    with Ledger.open(path) as ledger:
        ledger.add([traced])
        ledger.refuse([Refused("c", "r", "text", "not signed", 1.0, 4)])
        rows, strange = ledger.rows(), ledger.unsolicited()

    assert [(entry.kind, entry.reason) for entry in strange] == [
        ("result", None),
        ("refused", "not signed"),
    ]
    assert [(row.call_id, row.trace_context, row.running_at) for row in rows] == [
        ("old", {}, None),
        ("new", {"traceparent": "00-a-b-01"}, None),
    ]


def test_a_call_of_a_ledger_without_running_times_gets_one_when_it_shows_life(
    tmp_path: Path,
) -> None:
    path = tmp_path / "calls.sqlite"
    with plain_sqlite(path) as db:
        for statement in (one for version in MIGRATIONS[:3] for one in version):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 3")
        db.execute(
            "INSERT INTO calls (call_id, tool, submitted_at, session, arguments, status) "
            "VALUES ('old', 't', 1.0, 's', '{}', 2)"
        )
        db.execute("INSERT INTO requests VALUES (1, 'c', 'r', 1, 0)")

    with Ledger.open(path) as ledger:
        ledger.record([Arrival("c", "r", "progress", '{"progress": 1}', 7.0, 2)])
        (row,) = ledger.rows()

    assert row.running_at == 7.0


def test_a_ledger_that_lost_its_tables_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with plain_sqlite(path) as db:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    with Ledger.open(path) as ledger, pytest.raises(LedgerError, match=r"calls\.sqlite: no such"):
        ledger.count()


def test_a_place_that_cannot_hold_a_file_is_told_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path, tmp_path / "file" / "calls.sqlite"):
        with pytest.raises(LedgerError, match=r"cannot be made .* name another file"):
            Ledger.open(path)


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "calls.sqlite")
    ledger = Ledger(store)
    ledger.add(new_calls(["a"]))
    with store.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(LedgerError, match="the disk is full; free some space"):
        ledger.add(new_calls([f"call{n}" for n in range(2_000)]))

    assert ledger.count() == 1
    ledger.close()


def test_a_file_locked_by_another_process_is_told_after_a_bounded_wait(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path, busy_seconds=0.05) as ledger, plain_sqlite(path) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(LedgerError, match="another process keeps it locked"):
            ledger.add(new_calls(["a"]))
        assert ledger.count() == 0
        other.execute("ROLLBACK")

        ledger.add(new_calls(["a"]))


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    store = Store(tmp_path / "calls.sqlite")
    ledger = Ledger(store)
    ledger.add(new_calls(["a"]))

    with store.writing() as db:
        db.execute("DELETE FROM calls")
        with ThreadPoolExecutor(1) as pool:
            seen = pool.submit(ledger.count).result(timeout=5)

    assert (seen, ledger.count()) == (1, 0)
    ledger.close()


def test_two_ledgers_on_one_file_see_what_the_other_wrote(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path) as one, Ledger.open(path) as two:
        one.add(new_calls(["a"]))
        two.add(new_calls(["b"]))

        assert (one.count(), two.count()) == (2, 2)


def test_many_threads_record_the_same_answers_once_each(desk: Desk) -> None:
    names = [f"call{number}" for number in range(200)]
    desk.submit(*names)
    ledger = desk.ledger
    start = threading.Barrier(8)

    def poll(worker: int) -> int:
        start.wait(timeout=10)
        completed = 0
        for first in range(0, len(names), 10):
            batch = [answer(name) for name in names[first : first + 10]]
            outcomes = ledger.record(batch[::-1] if worker % 2 else batch)
            completed += sum(one.outcome is Outcome.COMPLETED for one in outcomes)
            ledger.mark_sent((name, 101.0, 10) for name in names[first : first + 5])
            assert sum(ledger.counts().values()) == len(names)
        return completed

    with ThreadPoolExecutor(8) as pool:
        completed = list(pool.map(poll, range(8)))

    assert sum(completed) == len(names)
    assert {row.status for row in ledger.rows()} == {Status.DONE}
    assert {row.deliveries for row in ledger.rows()} == {8}


POLLER = """
import sys
from asyncmcp_nb.ledger import Arrival, Binding, Ledger, NewCall

ledger = Ledger.open(sys.argv[1])
names = [f"call{n}" for n in range(50)]
ledger.add([NewCall(name, "t", {}, 100.0, None, "c" * 32) for name in names])
ledger.bind([Binding("c" * 32, name, name) for name in names])
for name in names[:40]:
    ledger.record([Arrival("c" * 32, name, "result", '{"content": []}', 105.0, 100)])
sys.stdout.write("recorded\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_process_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", POLLER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=10) == -signal.SIGKILL

    with Ledger.open(path) as ledger:
        again = ledger.record([answer("call0"), answer("call45")])

        assert ledger.counts()[Status.DONE] == 41
        assert len(ledger.outstanding()) == 9
        assert [one.outcome for one in again] == [Outcome.DUPLICATE, Outcome.COMPLETED]


LOOKER = """
import sys
from asyncmcp_nb.ledger import Ledger

Ledger.open(sys.argv[1]).close()
"""


def test_a_file_that_is_opened_twice_in_a_process_stays_whole_when_another_looks_at_it(
    tmp_path: Path,
) -> None:
    """Who closes a file loses the locks that its process has on it, and others take it for free."""
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path) as ledger:
        ledger.add(new_calls(["a"]))
        Ledger.open(path).close()
        subprocess.run([sys.executable, "-c", LOOKER, str(path)], check=True, timeout=30)

        ledger.add(new_calls(["b"]))

        assert ledger.count() == 2


def test_importing_the_ledger_loads_nothing_heavy() -> None:
    code = (
        "import sys, asyncmcp_nb.ledger;"
        "print(sorted({'pandas', 'numpy', 'altair', 'mcp', 'boto3'} & set(sys.modules)))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert loaded.stdout == "[]\n"


# -- Ctrl-C ----------------------------------------------------------------------------------------


def test_a_write_that_is_interrupted_as_it_begins_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python raises KeyboardInterrupt when SQLite has returned: the transaction has begun."""
    interrupts: list[KeyboardInterrupt] = []

    class Interrupted(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            cursor = super().execute(sql, *args)
            if interrupts and sql.startswith("BEGIN"):
                raise interrupts.pop()
            return cursor

    connect = partial(sqlite3.connect, factory=Interrupted)
    monkeypatch.setattr("asyncmcp_nb.ledger.store.sqlite3.connect", connect)
    path = tmp_path / "calls.sqlite"
    with Ledger.open(path) as ledger, Ledger.open(path) as other:
        interrupts.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            ledger.add(new_calls(["a"]))
        ledger.add(new_calls(["b"]))
        other.add(new_calls(["c"]))

        assert sorted(row.call_id for row in ledger.rows()) == ["b", "c"]


def test_a_read_that_is_interrupted_leaves_no_old_reading_behind(desk: Desk) -> None:
    """IPython keeps the traceback of the last error, and with it the statement that was read."""
    desk.submit(*[str(number) for number in range(2_000)])
    reading = desk.ledger.parts()
    next(reading)
    with pytest.raises(KeyboardInterrupt) as kept:
        reading.throw(KeyboardInterrupt())

    desk.answer("5")

    assert desk.call("5").status is Status.DONE
    del kept

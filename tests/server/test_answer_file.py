"""The file that the workers of one host share: who may read it, what survives, what is set aside.

What it remembers is tested with every other store of answers, in ``tests/sns_sqs/test_answers.py``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from asyncmcp_nb.config import HOME_VARIABLE, Deployment
from asyncmcp_nb.errors import AnswerStoreError
from asyncmcp_nb.server.answer_file import SqliteAnswers, open_answers
from asyncmcp_nb.server.shared_file import APPLICATION_ID, MIGRATIONS
from asyncmcp_nb.sns_sqs.answers import Claim, Elsewhere, Kept, Standing
from asyncmcp_nb.wire import Outgoing
from tests.helpers import PATIENCE_SECONDS

ANSWER = Outgoing('{"result":1}', {"ClientId": "alice"})

Open = Callable[..., SqliteAnswers]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers" / "answers.sqlite"


@pytest.fixture
def open_file(path: Path) -> Generator[Open]:
    """Opens the file once more, as another process would."""
    opened: list[SqliteAnswers] = []

    def one_more(**settings: float) -> SqliteAnswers:
        opened.append(SqliteAnswers(path, **{"busy_seconds": 0.1, **settings}))  # type: ignore[arg-type] # only that one
        return opened[-1]

    yield one_more
    for store in opened:
        store.close()


@contextlib.contextmanager
def plain_sqlite(path: Path) -> Generator[sqlite3.Connection]:
    """The file as another program sees it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def keep(store: SqliteAnswers, key: str = "key") -> None:
    store.keep({key: ANSWER}, now=0, until=50)


def ask(store: SqliteAnswers, key: str = "key") -> Standing:
    [standing] = store.claim("asker", [Claim(key, "message")], 1)
    return standing


def set_aside(path: Path) -> list[Path]:
    return list(path.parent.glob("answers.sqlite.aside-????????"))


def keep_many(store: SqliteAnswers) -> None:
    for number in range(1000):
        keep(store, f"many {number}")


# -- where it is, and whose ------------------------------------------------------------------------


def test_each_deployment_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))

    def deployment(name: str, account: str) -> Deployment:
        return Deployment(
            name=name,
            region="eu-west-1",
            request_topic_arn=f"arn:aws:sns:eu-west-1:{account}:{name}-requests",
            response_topic_arn="arn",
            server_queue_url="url",
            dead_letter_queue_url="url",
        )

    made = [deployment("dep", "1"), deployment("dep", "2"), deployment("other", "1")]
    for one in [*made, made[0]]:
        with contextlib.closing(open_answers(one)) as store:
            keep(store)

    digests = [sha256(one.request_topic_arn.encode()).hexdigest()[:8] for one in made]
    names = [f"{one.name}-{digest}.sqlite" for one, digest in zip(made, digests, strict=True)]
    assert sorted(file.name for file in (tmp_path / "answers").glob("*.sqlite")) == sorted(names)


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_nobody_else_can_read_the_file_or_the_folders_made_for_it(
    tmp_path: Path,
) -> None:
    def mode(file: Path) -> int:
        return stat.S_IMODE(file.stat().st_mode)

    path, before = tmp_path / "new" / "er" / "answers.sqlite", mode(tmp_path)
    with contextlib.closing(SqliteAnswers(path)) as store:
        keep(store)
        modes = {file.name: mode(file) for file in path.parent.iterdir()}

    names = {f"answers.sqlite{suffix}" for suffix in ("", "-wal", "-shm", ".lock")}
    assert modes == dict.fromkeys(names, 0o600)
    assert mode(path.parent) == mode(path.parent.parent) == 0o700
    assert mode(tmp_path) == before


def test_nothing_is_made_before_it_is_used(open_file: Open, path: Path) -> None:
    open_file()

    assert not path.parent.exists()


def test_who_opens_the_file_later_knows_what_was_kept(open_file: Open) -> None:
    first = open_file()
    keep(first)
    first.live("first", 100)
    first.claim("first", [Claim("runs", "m1")], 0)

    assert ask(open_file()) == Kept(ANSWER)
    first.close()
    assert ask(open_file()) == Kept(ANSWER)
    assert ask(open_file(), "runs") == Elsewhere("first")


def test_a_closed_store_refuses_everything(open_file: Open) -> None:
    store = open_file()
    keep(store)
    store.close()
    store.close()

    for use in (
        lambda: keep(store),
        lambda: ask(store),
        lambda: store.release("w", ["key"]),
        lambda: store.live("w", 9),
    ):
        with pytest.raises(AnswerStoreError, match="it is closed, since its server has stopped"):
            use()


# -- many at once ----------------------------------------------------------------------------------

CLAIM_ALL = """
import sys
from pathlib import Path
from asyncmcp_nb.server.answer_file import SqliteAnswers
from asyncmcp_nb.sns_sqs.answers import Claim

path, worker = Path(sys.argv[1]), sys.argv[2]
store = SqliteAnswers(path, busy_seconds=20)
store.live(worker, 100)
sys.stdin.readline()
for batch in range(20):
    claims = [Claim(f"{batch}-{number}", worker) for number in range(10)]
    for claim, standing in zip(claims, store.claim(worker, claims, 0)):
        if standing is None:
            print(claim.key)
print("done", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def process(script: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def lines_until_done(running: subprocess.Popen[str]) -> list[str]:
    assert running.stdout is not None
    return [line.strip() for line in iter(running.stdout.readline, "done\n")]


def test_of_many_processes_that_make_the_file_and_claim_at_once_one_is_granted(path: Path) -> None:
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(process(CLAIM_ALL, str(path), w)) for w in ("a", "b", "c")]
        for one in running:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        granted = [key for one in running for key in lines_until_done(one)]

    assert sorted(granted) == sorted(f"{b}-{n}" for b in range(20) for n in range(10))


KEEP = """
import sys
from pathlib import Path
from asyncmcp_nb.server.answer_file import SqliteAnswers
from asyncmcp_nb.sns_sqs.answers import Claim
from asyncmcp_nb.wire import Outgoing

store = SqliteAnswers(Path(sys.argv[1]))
store.live("dead", 100)
store.claim("dead", [Claim("runs", "m1")], 0)
store.keep({"key": Outgoing('{"result":1}', {"ClientId": "alice"})}, now=0, until=50)
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_a_killed_process_loses_nothing_that_it_kept(path: Path, open_file: Open) -> None:
    with process(KEEP, str(path)) as running:
        lines_until_done(running)
        running.send_signal(signal.SIGKILL)
        assert running.wait(PATIENCE_SECONDS) == -signal.SIGKILL

    assert ask(open_file()) == Kept(ANSWER)
    assert ask(open_file(), "runs") == Elsewhere("dead")


def test_threads_use_it_side_by_side(open_file: Open) -> None:
    store = open_file(busy_seconds=PATIENCE_SECONDS)

    def work(number: int) -> Standing:
        key = f"key {number}"
        store.live(f"w{number % 5}", 100)
        store.claim(f"w{number % 5}", [Claim(key, "m")], 0)
        keep(store, key)
        return ask(store, key)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [Kept(ANSWER)] * 200


def test_a_file_that_is_locked_for_too_long_is_an_error_that_passes(
    open_file: Open, path: Path
) -> None:
    store = open_file(busy_seconds=0.05)
    keep(store)
    with plain_sqlite(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AnswerStoreError, match="another process keeps it locked"):
            ask(store)
        other.execute("ROLLBACK")

    assert ask(store) == Kept(ANSWER)


def test_threads_wait_side_by_side_and_not_one_after_the_other(open_file: Open, path: Path) -> None:
    store = open_file(busy_seconds=0.2)
    keep(store)
    with plain_sqlite(path) as other:
        other.execute("BEGIN IMMEDIATE")
        failed: list[str] = []

        def fail() -> None:
            with pytest.raises(AnswerStoreError) as caught:
                ask(store)
            failed.append(str(caught.value))

        threads = [threading.Thread(target=fail) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        other.execute("ROLLBACK")

    assert len(failed) == 20
    assert sum("in use by other threads" in text for text in failed) > 0


LOOKER = """
import sys
from pathlib import Path
from asyncmcp_nb.server.answer_file import SqliteAnswers

store = SqliteAnswers(Path(sys.argv[1]))
store.live("looker", 100)
store.close()
"""


def test_a_file_that_is_opened_twice_in_a_process_stays_whole_when_another_looks_at_it(
    open_file: Open, path: Path
) -> None:
    store, second = open_file(), open_file()
    keep(store)
    keep(second, "second")
    second.close()
    subprocess.run([sys.executable, "-c", LOOKER, str(path)], check=True, timeout=30)

    keep(store, "new")

    third = open_file()
    assert [ask(third, key) for key in ("key", "second", "new")] == [Kept(ANSWER)] * 3


def test_an_error_in_the_middle_writes_nothing(open_file: Open) -> None:
    store = open_file()
    bad = Outgoing("half a pair: \ud800", {})

    with pytest.raises(UnicodeEncodeError):
        store.keep({"key": ANSWER, "bad": bad}, now=0, until=50)

    assert ask(store) is None
    keep(store, "other")
    assert ask(store, "other") == Kept(ANSWER)


# -- files of no use -------------------------------------------------------------------------------


def test_a_damaged_file_is_set_aside_and_a_new_one_made(
    open_file: Open, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database " * 1000)
    store = open_file()

    keep(store)

    [aside] = set_aside(path)
    assert aside.read_bytes() == b"not a database " * 1000
    assert ask(open_file()) == Kept(ANSWER)
    assert caplog.messages == [
        f"{path}: file is not a database; it is now {aside}, and a new one is made"
    ]


def test_a_file_of_another_program_is_set_aside_unchanged(open_file: Open, path: Path) -> None:
    path.parent.mkdir()
    with plain_sqlite(path) as other:
        other.execute("CREATE TABLE treasure (gold)")
        other.execute("INSERT INTO treasure VALUES (7)")

    keep(open_file())

    [aside] = set_aside(path)
    with plain_sqlite(aside) as other:
        assert other.execute("SELECT gold FROM treasure").fetchall() == [(7,)]


def damage(path: Path) -> None:
    """Overwrite every page but the first, as the process that has it open will soon see."""
    with plain_sqlite(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def test_a_file_that_is_damaged_while_it_is_open_is_set_aside_and_others_follow(
    open_file: Open, path: Path
) -> None:
    store, other = open_file(), open_file()
    keep(store)
    keep(other, "other")
    damage(path)

    with pytest.raises(AnswerStoreError, match="it is set aside and made anew when it is used"):
        keep_many(store)
    keep(store, "new")
    other.live("other", 100)

    assert len(set_aside(path)) == 1
    assert ask(other, "new") == Kept(ANSWER)


def test_a_file_is_set_aside_once_and_then_left_alone(open_file: Open, path: Path) -> None:
    store = open_file()
    path.parent.mkdir()
    path.write_bytes(b"not a database " * 1000)
    keep(store)
    for file in path.parent.glob("answers.sqlite*"):
        file.unlink()
    path.write_bytes(b"not a database " * 1000)

    for _ in range(2):
        with pytest.raises(AnswerStoreError, match="though it was made anew before; check the"):
            store.live("w", 100)
    assert set_aside(path) == []


def test_who_finds_the_file_removed_makes_it_anew(open_file: Open, path: Path) -> None:
    store, other = open_file(), open_file()
    keep(store)
    for file in path.parent.glob("answers.sqlite*"):
        file.unlink()

    keep(other, "new")
    store.live("w", 100)

    assert ask(store, "new") == Kept(ANSWER)


def test_a_file_that_lost_what_stood_beside_it_is_made_anew_and_others_follow(
    open_file: Open, path: Path
) -> None:
    store, other = open_file(), open_file()
    keep(store)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()

    keep(other, "new")
    store.live("w", 100)

    assert ask(store, "new") == Kept(ANSWER)
    assert len(set_aside(path)) == 1


def test_a_file_of_a_newer_version_is_left_to_the_newer(open_file: Open, path: Path) -> None:
    newer = open_file()
    keep(newer)
    with plain_sqlite(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(AnswerStoreError, match=r"newer asyncmcp-nb made it .* upgrade this one"):
        keep(open_file())
    assert set_aside(path) == []


def test_the_file_says_whose_it_is_and_of_which_version(open_file: Open, path: Path) -> None:
    keep(open_file())

    with plain_sqlite(path) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_with_the_next_step(
    open_file: Open, path: Path
) -> None:
    path.parent.mkdir(mode=0o500)

    with pytest.raises(AnswerStoreError, match="check the permissions of the folder"):
        keep(open_file())


def test_a_folder_in_the_place_of_the_file_is_an_error_with_the_next_step(
    open_file: Open, path: Path
) -> None:
    path.mkdir(parents=True)

    with pytest.raises(AnswerStoreError, match=r"it cannot be opened; check its permissions"):
        keep(open_file())


def test_a_file_in_the_place_of_the_folder_is_an_error_with_the_next_step(
    open_file: Open, path: Path
) -> None:
    path.parent.write_text("no folder")

    with pytest.raises(AnswerStoreError, match=r"check the permissions of the folder"):
        keep(open_file())


# -- room ------------------------------------------------------------------------------------------


def test_claims_of_the_dead_take_no_room(open_file: Open, path: Path) -> None:
    store = open_file()
    for number in range(50):
        store.live(f"w{number}", 10)
        store.claim(f"w{number}", [Claim(f"key {number}", "m")], 0)

    store.live("living", 2000)
    store.claim("living", [Claim("its", "m")], 1000)

    with plain_sqlite(path) as db:
        assert db.execute("SELECT worker FROM claims").fetchall() == [("living",)]
        assert db.execute("SELECT worker FROM workers").fetchall() == [("living",)]


def test_the_totals_are_those_of_the_answers(open_file: Open, path: Path) -> None:
    store = open_file()
    for number in range(300):
        key, size = f"key {number % 70}", number * 7 % 50
        answer = None if number % 3 == 0 else Outgoing("x" * size, {})
        store.keep({key: answer}, now=number, until=number + 40)

    with plain_sqlite(path) as db:
        counted = db.execute("SELECT count(*), sum(weight_bytes) FROM answers").fetchone()
        assert db.execute("SELECT * FROM totals").fetchall() == [counted]

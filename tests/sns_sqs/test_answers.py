"""What workers share: one contract, held by the store in memory and by the one in a file."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from asyncmcp_nb.server.answer_file import SqliteAnswers
from asyncmcp_nb.sns_sqs.answers import (
    FORGET_SECONDS,
    AnswerStore,
    Claim,
    Elsewhere,
    Kept,
    MemoryAnswers,
    Standing,
)
from asyncmcp_nb.wire import Ordering, Outgoing

ANSWER = Outgoing('{"result":"日本 🚀"}', {"ClientId": "alice", "Delivery": "c=1;q=0"})
OTHER = Outgoing('{"result":"another"}', {"ClientId": "alice"})
FOR_FIFO = Outgoing("{}", {}, ordering=Ordering("group", "once"))

Make = Callable[..., AnswerStore]


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Make]:
    """Makes a store with the bounds that it is given."""
    made: list[AnswerStore] = []

    def new(**bounds: int) -> AnswerStore:
        path = tmp_path / f"{len(made)}.sqlite"
        is_file = request.param == "file"
        made.append(SqliteAnswers(path, **bounds) if is_file else MemoryAnswers(**bounds))
        return made[-1]

    yield new
    for store in made:
        store.close()


@pytest.fixture
def store(make: Make) -> AnswerStore:
    """One whose workers, ``one`` and ``two``, live until 100."""
    made = make()
    made.live("one", 100)
    made.live("two", 100)
    return made


def claim(
    store: AnswerStore, worker: str, message_id: str, *, key: str = "key", now: float = 0
) -> Standing:
    [standing] = store.claim(worker, [Claim(key, message_id)], now)
    return standing


# -- claims ----------------------------------------------------------------------------------------


def test_a_request_that_nobody_has_is_granted(store: AnswerStore) -> None:
    assert claim(store, "one", "m1") is None


def test_a_duplicate_of_what_another_worker_runs_is_refused(store: AnswerStore) -> None:
    claim(store, "one", "m1")

    assert claim(store, "two", "m2") == Elsewhere("one")
    assert claim(store, "two", "m2", now=99.9) == Elsewhere("one")


def test_a_message_that_the_queue_gives_to_another_worker_is_that_workers(
    store: AnswerStore,
) -> None:
    claim(store, "one", "m1")

    assert claim(store, "two", "m1") is None
    assert claim(store, "one", "m2") == Elsewhere("two")


def test_a_worker_may_claim_again_what_it_has(store: AnswerStore) -> None:
    claim(store, "one", "m1")

    assert claim(store, "one", "m2") is None
    assert claim(store, "two", "m1") == Elsewhere("one")


def test_what_a_worker_claimed_that_lives_no_longer_is_granted_to_others(
    store: AnswerStore,
) -> None:
    claim(store, "one", "m1")
    store.live("two", 200)

    assert claim(store, "two", "m2", now=100) is None
    store.live("one", 200)
    assert claim(store, "one", "m3", now=101) == Elsewhere("two")


def test_what_a_worker_claimed_that_never_said_it_lives_is_granted_to_others(
    store: AnswerStore,
) -> None:
    claim(store, "nobody", "m1")

    assert claim(store, "two", "m2") is None


def test_a_worker_that_says_it_is_gone_holds_nothing(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.live("one", 0)

    assert claim(store, "two", "m2") is None


def test_a_worker_that_comes_back_soon_has_what_it_claimed(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    later = 100 + FORGET_SECONDS - 1
    claim(store, "two", "m9", key="other", now=later)
    store.live("one", later + 100)

    assert claim(store, "two", "m2", now=later) == Elsewhere("one")


def test_a_worker_that_comes_back_late_has_nothing(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    later = 100 + FORGET_SECONDS
    claim(store, "two", "m9", key="other", now=later)
    store.live("one", later + 100)

    assert claim(store, "two", "m2", now=later) is None


def test_a_released_claim_is_nobodys(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.release("one", ["key", "unknown"])

    assert claim(store, "two", "m2") is None


def test_nobody_releases_what_another_has(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.release("two", ["key"])

    assert claim(store, "two", "m2") == Elsewhere("one")


def test_claims_of_a_batch_are_told_one_by_one_and_in_order(store: AnswerStore) -> None:
    store.claim("one", [Claim("runs", "m1"), Claim("moved", "m2")], 0)
    store.keep({"has run": ANSWER, "has ended": None}, now=0, until=50)
    names = ["runs", "new", "has run", "moved", "has ended"]

    standings = store.claim(
        "two", [Claim(name, "m2" if name == "moved" else "m3") for name in names], 1
    )

    assert list(standings) == [Elsewhere("one"), None, Kept(ANSWER), None, Kept(None)]
    assert list(store.claim("two", [], 1)) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "a c"),
        ("a 1", "a 1 "),
        ("a \x00", "a \x00\x00"),
        ("a \ud800", "a \ud801"),
        ("a " + "x" * 5000, "a " + "x" * 4999 + "y"),
        ("a 日本", "a 日木"),
    ],
)
def test_requests_are_told_apart_by_every_character(
    store: AnswerStore, one: str, other: str
) -> None:
    store.keep({one: ANSWER}, now=0, until=50)

    assert claim(store, "one", "m1", key=one) == Kept(ANSWER)
    assert claim(store, "one", "m2", key=other) is None


def test_of_many_that_claim_at_once_one_is_granted(store: AnswerStore) -> None:
    workers = [f"w{number}" for number in range(8)]
    keys = [f"key {number}" for number in range(40)]
    for worker in workers:
        store.live(worker, 100)
    start = threading.Barrier(len(workers))

    def claim_all(worker: str) -> list[str]:
        start.wait(10)
        return [key for key in keys if claim(store, worker, f"{worker} {key}", key=key) is None]

    with ThreadPoolExecutor(len(workers)) as pool:
        granted = [key for found in pool.map(claim_all, workers) for key in found]

    assert sorted(granted) == sorted(keys)


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [ANSWER, FOR_FIFO, Outgoing("", {})])
def test_a_kept_answer_is_given_to_every_worker_as_it_was(
    store: AnswerStore, answer: Outgoing
) -> None:
    claim(store, "one", "m1")
    store.keep({"key": answer}, now=0, until=50)

    assert claim(store, "one", "m1", now=1) == Kept(answer)
    assert claim(store, "two", "m2", now=49.9) == Kept(answer)


def test_that_a_request_ended_without_an_answer_is_kept_as_well(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.keep({"key": None}, now=0, until=50)

    assert claim(store, "two", "m2") == Kept(None)


def test_the_first_answer_stays(store: AnswerStore) -> None:
    store.keep({"key": ANSWER}, now=0, until=50)
    store.keep({"key": OTHER}, now=1, until=50)
    store.keep({"key": None}, now=1, until=50)

    assert claim(store, "two", "m2") == Kept(ANSWER)


def test_an_answer_takes_the_place_of_none(store: AnswerStore) -> None:
    store.keep({"key": None}, now=0, until=50)
    store.keep({"key": ANSWER}, now=1, until=50)

    assert claim(store, "two", "m2") == Kept(ANSWER)


def test_an_answer_that_is_kept_again_is_kept_for_longer_and_never_for_less(
    store: AnswerStore,
) -> None:
    store.keep({"key": ANSWER, "other": ANSWER}, now=0, until=50)
    store.keep({"key": ANSWER, "other": ANSWER}, now=10, until=60)
    store.keep({"other": ANSWER}, now=11, until=20)

    assert claim(store, "two", "m2", now=59) == Kept(ANSWER)
    assert claim(store, "two", "m2", key="other", now=59) == Kept(ANSWER)


def test_an_answer_is_kept_for_its_time_and_no_longer(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.keep({"key": ANSWER}, now=0, until=50)

    assert claim(store, "two", "m2", now=50) is None


def test_what_was_kept_for_its_time_makes_room_for_another_answer(store: AnswerStore) -> None:
    store.keep({"key": ANSWER}, now=0, until=50)
    store.keep({"key": OTHER}, now=50, until=90)

    assert claim(store, "two", "m2", now=51) == Kept(OTHER)


def test_an_answer_that_takes_the_place_of_none_is_kept_no_shorter(store: AnswerStore) -> None:
    store.keep({"key": None}, now=0, until=50)
    store.keep({"key": ANSWER}, now=1, until=10)

    assert claim(store, "two", "m2", now=49) == Kept(ANSWER)


def test_each_answer_of_a_batch_has_its_own_time(store: AnswerStore) -> None:
    store.keep({"old": ANSWER}, now=0, until=80)
    store.keep({"old": ANSWER, "new": OTHER}, now=1, until=50)

    assert claim(store, "two", "m2", key="old", now=60) == Kept(ANSWER)
    assert claim(store, "two", "m2", key="new", now=60) is None


def test_releasing_forgets_no_answer(store: AnswerStore) -> None:
    claim(store, "one", "m1")
    store.keep({"key": ANSWER}, now=0, until=50)
    store.release("one", ["key"])

    assert claim(store, "two", "m2") == Kept(ANSWER)


def known(store: AnswerStore, count: int, now: float = 1) -> list[int]:
    """Which of the first requests have an answer."""
    claims = [Claim(str(number), "m") for number in range(count)]
    standings = store.claim("one", claims, now)
    return [number for number, standing in enumerate(standings) if standing is not None]


def test_of_too_many_answers_the_oldest_go_first(make: Make) -> None:
    store = make(limit_count=3)

    for number in range(5):
        store.keep({str(number): ANSWER}, now=0, until=50 + number)

    assert known(store, 5) == [2, 3, 4]


def test_of_too_large_answers_the_oldest_go_first(make: Make) -> None:
    store = make(limit_bytes=1000)

    for number in range(5):
        store.keep({str(number): Outgoing("x" * 300, {})}, now=0, until=50 + number)

    assert known(store, 5) == [2, 3, 4]


def test_an_answer_that_is_too_large_by_itself_is_kept_until_the_next(make: Make) -> None:
    store = make(limit_bytes=1000)
    large = Outgoing("x" * 2000, {})

    store.keep({"0": ANSWER}, now=0, until=50)
    store.keep({"1": large}, now=0, until=51)
    assert known(store, 2) == [1]

    store.keep({"2": ANSWER}, now=0, until=52)
    assert known(store, 3) == [2]


def test_an_answer_that_is_kept_twice_counts_once(make: Make) -> None:
    store = make(limit_bytes=1000, limit_count=2)

    for _ in range(10):
        store.keep({"0": None}, now=0, until=50)
        store.keep({"0": Outgoing("x" * 300, {})}, now=0, until=50)
    store.keep({"1": Outgoing("x" * 300, {})}, now=0, until=51)

    assert known(store, 2) == [0, 1]


def test_answers_whose_time_is_over_take_no_room(make: Make) -> None:
    store = make(limit_count=200)
    store.keep({str(number): ANSWER for number in range(150)}, now=0, until=10)

    for number in range(150, 300):
        store.keep({str(number): ANSWER}, now=20, until=50)

    assert known(store, 300, now=21) == list(range(150, 300))


# -- any order -------------------------------------------------------------------------------------

WORKERS = st.sampled_from(["one", "two", "three"])
KEYS = st.sampled_from(["a", "b", "c"])
MESSAGES = st.sampled_from(["m1", "m2", "m3"])
SECONDS = st.sampled_from([0, 1, 5, 30, FORGET_SECONDS, 2 * FORGET_SECONDS])


class Sharing(RuleBasedStateMachine):
    """Workers claim, keep, release and die in any order, and the clock goes on.

    What must hold is told by whom the store said yes to, and not by how it finds its answers: a
    request is refused only where a living worker was granted another message of it, an answer is
    the first one that was kept, and what is neither answered nor held is always granted.
    """

    def new_store(self) -> AnswerStore:
        return MemoryAnswers()

    @initialize()
    def open(self) -> None:
        self.store = self.new_store()
        self.now = 1000.0
        self.lives_until: dict[str, float] = {}
        self.granted: dict[str, tuple[str, str]] = {}
        self.kept: dict[str, tuple[Outgoing | None, float]] = {}

    def teardown(self) -> None:
        self.store.close()

    @rule(worker=WORKERS, wanted=st.dictionaries(KEYS, MESSAGES, min_size=1))
    def claim(self, worker: str, wanted: dict[str, str]) -> None:
        self.forget_the_dead()
        claims = [Claim(key, message) for key, message in wanted.items()]
        for one, standing in zip(claims, self.store.claim(worker, claims, self.now), strict=True):
            assert standing == self.expected(worker, one)
            if standing is None:
                self.granted[one.key] = (worker, one.message_id)

    def expected(self, worker: str, one: Claim) -> Standing:
        answer, until = self.kept.get(one.key, (None, 0.0))
        if until > self.now:
            return Kept(answer)
        holder, message = self.granted.get(one.key, (worker, ""))
        is_alive = self.lives_until.get(holder, 0) > self.now
        is_refused = holder != worker and message != one.message_id and is_alive
        return Elsewhere(holder) if is_refused else None

    @rule(
        answers=st.dictionaries(KEYS, st.sampled_from([ANSWER, OTHER, None]), min_size=1),
        seconds=st.sampled_from([1, 30, 900]),
    )
    def keep(self, answers: dict[str, Outgoing | None], seconds: float) -> None:
        self.store.keep(answers, now=self.now, until=self.now + seconds)
        for key, answer in answers.items():
            first, until = self.kept.get(key, (None, 0.0))
            if until <= self.now:
                first, until = answer, 0.0
            self.kept[key] = (first or answer, max(until, self.now + seconds))
            self.granted.pop(key, None)

    @rule(worker=WORKERS, keys=st.lists(KEYS, max_size=3))
    def release(self, worker: str, keys: list[str]) -> None:
        self.store.release(worker, keys)
        for key in keys:
            if self.granted.get(key, ("", ""))[0] == worker:
                del self.granted[key]

    @rule(worker=WORKERS, seconds=st.sampled_from([-10_000, 0, 10, 30]))
    def live(self, worker: str, seconds: float) -> None:
        self.store.live(worker, self.now + seconds)
        self.lives_until[worker] = self.now + seconds

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def forget_the_dead(self) -> None:
        """Who has been dead for long has nothing when it comes back."""
        dead = {
            worker
            for worker in ("one", "two", "three")
            if self.lives_until.get(worker, 0) <= self.now - FORGET_SECONDS
        }
        self.granted = {key: held for key, held in self.granted.items() if held[0] not in dead}


class SharingAFile(Sharing):
    def new_store(self) -> AnswerStore:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteAnswers(Path(self.folder.name) / "answers.sqlite")

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


Sharing.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
SharingAFile.TestCase.settings = settings(max_examples=100, stateful_step_count=40)

TestAnyOrderInMemory = Sharing.TestCase
TestAnyOrderInAFile = SharingAFile.TestCase

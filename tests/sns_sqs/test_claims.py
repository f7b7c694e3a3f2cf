"""One worker's side of what workers share: saying that it lives, and bearing a store that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence

import pytest

from asyncmcp_nb.errors import AnswerStoreError
from asyncmcp_nb.sns_sqs.answers import Claim, Elsewhere, Kept, MemoryAnswers, Standing
from asyncmcp_nb.sns_sqs.claims import Claims
from asyncmcp_nb.wire import Outgoing, Payload
from tests.helpers import PATIENCE_SECONDS

ANSWER = Outgoing("answer", {})
FOR_LONG = 3600.0


class Shelf(MemoryAnswers):
    """A store whose calls are counted, and that fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self.failing: str | None = None
        """The only call that fails; None where all do."""
        self.calls: list[str] = []
        self.released: list[list[str]] = []
        self.is_closed = False
        self._noted = threading.Condition()

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        self._begin("claim")
        return super().claim(worker, claims, now)

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        self._begin("keep")
        super().keep(answers, now=now, until=until)
        self._note("kept")

    def release(self, worker: str, keys: Sequence[str]) -> None:
        self._begin("release")
        super().release(worker, keys)
        self.released.append(list(keys))
        self._note("released")

    def live(self, worker: str, until: float) -> None:
        self._begin("live")
        super().live(worker, until)
        self._note("lives")

    def close(self) -> None:
        self.is_closed = True

    def await_count(self, call: str, count: int) -> None:
        with self._noted:
            assert self._noted.wait_for(lambda: self.calls.count(call) >= count, PATIENCE_SECONDS)

    def _begin(self, call: str) -> None:
        self._note(call)
        if self.failure is not None and self.failing in {None, call}:
            raise self.failure

    def _note(self, call: str) -> None:
        with self._noted:
            self.calls.append(call)
            self._noted.notify_all()


Hire = Callable[..., Claims]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def hire(shelf: Shelf) -> Generator[Hire]:
    """Makes one more worker's side of the shelf."""
    hired: list[Claims] = []

    def one(lease_seconds: float = FOR_LONG, keep_seconds: float = FOR_LONG) -> Claims:
        hired.append(Claims(shelf, lease_seconds=lease_seconds, keep_seconds=keep_seconds))
        return hired[-1]

    yield one
    shelf.failure = None
    for claims in hired:
        claims.close()


def take(claims: Claims, message_id: str, key: str = "key") -> Standing:
    [standing] = claims.take([Claim(key, message_id)])
    return standing


def test_what_one_worker_runs_another_does_not(hire: Hire) -> None:
    one, two = hire(), hire()

    assert take(one, "m1") is None
    assert isinstance(take(two, "m2"), Elsewhere)


def test_a_worker_lives_from_its_first_claim_on(hire: Hire) -> None:
    """Its first request may come before its thread has said so."""
    one, two = hire(), hire()

    take(one, "m1")

    assert isinstance(take(two, "m2"), Elsewhere)


def test_a_worker_says_that_it_lives_well_before_its_life_is_over(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(lease_seconds=0.6), hire()
    one.start()
    take(one, "m1")

    shelf.await_count("live", 8)

    assert isinstance(take(two, "m2"), Elsewhere)


def test_a_worker_that_says_no_longer_that_it_lives_has_nothing(hire: Hire) -> None:
    one, two = hire(lease_seconds=0.1), hire()
    take(one, "m1")

    deadline = time.monotonic() + PATIENCE_SECONDS
    while take(two, "m2") is not None:
        assert time.monotonic() < deadline


def test_a_worker_that_is_closed_has_nothing_and_closes_its_store(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(), hire()
    one.start()
    take(one, "m1")

    one.close()

    assert shelf.is_closed
    assert take(two, "m2") is None


def test_a_worker_that_is_closed_asks_the_store_for_nothing(
    hire: Hire, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    one = hire()
    one.start()
    one.close()
    one.close()
    shelf.calls.clear()

    assert take(one, "m1") is None
    one.keep({"key": ANSWER})
    one.release("key")
    one.note_ended("key")
    one.start()

    assert (shelf.calls, caplog.messages, one.last_error) == ([], [], None)


def test_an_answer_is_kept_without_what_is_in_s3(hire: Hire) -> None:
    pointer = Outgoing("pointer", {}, Payload("key", b"large"))
    hire().keep({"key": pointer})

    assert take(hire(), "m2") == Kept(Outgoing("pointer", {}))


def test_an_answer_is_kept_for_its_time(hire: Hire) -> None:
    hire(keep_seconds=0.0).keep({"key": ANSWER})

    assert take(hire(), "m2") is None


def test_a_request_that_is_handed_back_is_anybodys_at_once(hire: Hire) -> None:
    one, two = hire(), hire()
    take(one, "m1")
    one.release("key")

    assert take(two, "m2") is None


def test_that_a_request_ended_without_an_answer_is_noted_soon(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(), hire()
    one.start()
    shelf.await_count("lives", 1)
    take(one, "m1")

    one.note_ended("key")
    shelf.await_count("kept", 1)

    assert take(two, "m2") == Kept(None)


def test_what_ended_without_an_answer_is_noted_at_the_latest_when_the_worker_closes(
    hire: Hire,
) -> None:
    one = hire()
    take(one, "m1")
    one.note_ended("key")

    one.close()

    assert take(hire(), "m2") == Kept(None)


def test_without_a_store_everything_is_granted() -> None:
    claims = Claims(None, lease_seconds=FOR_LONG, keep_seconds=FOR_LONG)
    claims.start()
    claims.keep({"key": ANSWER})
    claims.note_ended("key")
    claims.release("key")

    assert list(claims.take([Claim("key", "m1"), Claim("other", "m2")])) == [None, None]
    claims.close()


# -- a store that fails ----------------------------------------------------------------------------

FAILURE = AnswerStoreError("the disk is full")


def test_while_the_store_fails_everything_is_granted_and_the_failure_is_told_once(
    hire: Hire, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    one = hire(lease_seconds=0.3)
    shelf.failure = FAILURE
    one.start()

    assert take(one, "m1") is None
    one.keep({"key": ANSWER})
    one.release("key")
    shelf.await_count("live", 4)

    assert one.last_error is FAILURE
    assert caplog.messages == ["the answers that workers share cannot be reached: the disk is full"]


def test_a_store_that_works_again_is_used_again(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(lease_seconds=0.3), hire()
    one.start()
    shelf.await_count("lives", 1)
    shelf.failure = FAILURE
    shelf.await_count("live", 3)

    shelf.failure = None
    lived = shelf.calls.count("lives")
    shelf.await_count("lives", lived + 1)

    assert one.last_error is None
    assert take(one, "m1") is None
    assert isinstance(take(two, "m2"), Elsewhere)


def test_a_store_that_has_failed_is_left_alone_for_a_moment(hire: Hire, shelf: Shelf) -> None:
    """One that another process keeps locked makes each of its callers wait."""
    one = hire()
    shelf.failure = FAILURE
    take(one, "m1")
    shelf.calls.clear()

    for number in range(100):
        take(one, f"m{number}")
        one.keep({f"key {number}": ANSWER})

    assert shelf.calls == []


def test_an_error_that_no_store_should_raise_is_borne_as_well(
    hire: Hire, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    one = hire()
    shelf.failure = KeyError("a bug")

    assert take(one, "m1") is None
    assert str(one.last_error) == "KeyError: 'a bug'"
    assert caplog.messages[0] == "the answers that workers share: an unexpected failure"


def test_a_store_that_answers_for_too_few_claims_is_not_believed(hire: Hire, shelf: Shelf) -> None:
    class Short(Shelf):
        def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
            return [Elsewhere("nobody")]

    claims = Claims(Short(), lease_seconds=FOR_LONG, keep_seconds=FOR_LONG)

    assert list(claims.take([Claim("key", "m1"), Claim("other", "m2")])) == [None, None]
    claims.close()


def test_what_ended_while_the_store_failed_is_noted_later(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(lease_seconds=0.3), hire()
    take(one, "m1")
    take(one, "m1", key="other")
    shelf.failure = FAILURE
    one.note_ended("key")
    shelf.await_count("live", 3)
    one.note_ended("other")

    shelf.failure = None
    shelf.await_count("kept", 1)
    shelf.await_count("lives", 3)

    assert take(two, "m2") == Kept(None)
    assert take(two, "m2", key="other") == Kept(None)


def test_a_store_that_keeps_nothing_does_not_make_its_worker_count_as_dead(
    hire: Hire, shelf: Shelf
) -> None:
    one, two = hire(lease_seconds=0.6), hire()
    one.start()
    take(one, "m1")
    shelf.failing, shelf.failure = "keep", FAILURE

    one.note_ended("other")
    shelf.await_count("keep", 8)

    assert isinstance(take(two, "m2"), Elsewhere)


def test_a_claim_that_could_not_be_given_up_is_given_up_later(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(lease_seconds=0.6), hire()
    one.start()
    take(one, "m1")
    shelf.failing, shelf.failure = "release", FAILURE
    one.release("key")

    shelf.await_count("release", 2)
    shelf.failure = None
    shelf.await_count("released", 1)

    assert take(two, "m2") is None
    assert shelf.released == [["key"]]


def test_a_claim_that_was_made_anew_is_not_given_up(hire: Hire, shelf: Shelf) -> None:
    one, two = hire(lease_seconds=3.0), hire()
    one.start()
    take(one, "m1")
    shelf.failing, shelf.failure = "release", FAILURE
    one.release("key", "other")

    take(one, "m1")
    shelf.failure = None
    shelf.await_count("released", 1)

    assert shelf.released == [["other"]]
    assert isinstance(take(two, "m2"), Elsewhere)


def test_only_so_many_claims_wait_to_be_given_up(hire: Hire, shelf: Shelf) -> None:
    one = hire(lease_seconds=0.6)
    one.start()
    shelf.await_count("lives", 1)
    shelf.failing, shelf.failure = "release", FAILURE
    one.release(*[f"key {number}" for number in range(10_001)])

    shelf.failure = None
    shelf.await_count("released", 1)

    assert (len(shelf.released[0]), shelf.released[0][0]) == (10_000, "key 1")

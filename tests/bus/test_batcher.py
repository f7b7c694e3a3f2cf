"""Gathering many small sends into few full requests."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from asyncmcp_nb.bus.batcher import Batcher
from asyncmcp_nb.errors import (
    BusClosed,
    BusDenied,
    BusError,
    BusNotFound,
    BusThrottled,
    BusUnavailable,
)

PATIENCE_SECONDS = 30.0

Outcome = Sequence[BusError | None] | Exception


def no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


class Line:
    """The far end of a batcher: takes batches, holds them up on demand, fails as told."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.outcomes: deque[Outcome] = deque()
        """What the next requests come to; success where there is nothing."""
        self._changed = threading.Condition()
        self._held = False

    def send(self, values: Sequence[Any]) -> Sequence[BusError | None]:
        with self._changed:
            self.batches.append(list(values))
            outcome = self.outcomes.popleft() if self.outcomes else [None] * len(values)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: not self._held, PATIENCE_SECONDS)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def hold(self) -> None:
        with self._changed:
            self._held = True

    def let_go(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def await_batches(self, count: int) -> list[list[Any]]:
        """Wait until this many requests have begun."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.batches) >= count, PATIENCE_SECONDS)
            return list(self.batches)


class Outcomes:
    """What became of each value."""

    def __init__(self) -> None:
        self.errors: dict[Any, BusError | None] = {}
        self.order: list[Any] = []
        self._changed = threading.Condition()

    def of(self, value: Any) -> Callable[[BusError | None], None]:
        def done(error: BusError | None) -> None:
            with self._changed:
                assert value not in self.errors, "settled twice"
                self.errors[value] = error
                self.order.append(value)
                self._changed.notify_all()

        return done

    def wait(self, count: int) -> dict[Any, BusError | None]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.errors) >= count, PATIENCE_SECONDS)
            return dict(self.errors)


class Bench:
    """A batcher between its line and its listeners."""

    def __init__(self) -> None:
        self.line = Line()
        self.outcomes = Outcomes()
        self._open: list[Batcher[Any]] = []

    def make(self, **settings: Any) -> Batcher[Any]:
        batcher: Batcher[Any] = Batcher(self.line.send, name="bench", **settings)
        self._open.append(batcher)
        return batcher

    def submit(self, batcher: Batcher[Any], *values: Any, weight_bytes: int = 0) -> None:
        for value in values:
            batcher.submit(value, self.outcomes.of(value), weight_bytes=weight_bytes)

    def close(self) -> None:
        self.line.let_go()
        for batcher in self._open:
            batcher.close(PATIENCE_SECONDS)


@pytest.fixture
def bench() -> Generator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def thread_count() -> int:
    return sum(thread.name.startswith("bench-") for thread in threading.enumerate())


# -- gathering -------------------------------------------------------------------------------------


def test_the_first_value_goes_at_once_and_alone(bench: Bench) -> None:
    batcher = bench.make()

    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: None}
    assert bench.line.batches == [[1]]


def test_what_arrives_while_a_request_is_in_flight_shares_the_next(bench: Bench) -> None:
    batcher = bench.make(thread_count=3)
    bench.line.hold()
    bench.submit(batcher, 1)
    bench.line.await_batches(1)

    bench.submit(batcher, 2, 3, 4)
    assert batcher.pending_count == 3
    bench.line.let_go()

    bench.outcomes.wait(4)
    assert bench.line.batches == [[1], [2, 3, 4]]
    assert batcher.pending_count == 0


def test_one_request_takes_at_most_ten_values(bench: Bench) -> None:
    batcher = bench.make()
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, *range(1, 26))
    bench.line.let_go()

    bench.outcomes.wait(26)
    assert [len(batch) for batch in bench.line.batches] == [1, 10, 10, 5]
    assert [value for batch in bench.line.batches for value in batch] == list(range(26))


def test_a_second_thread_joins_only_when_a_whole_batch_waits(bench: Bench) -> None:
    batcher = bench.make(thread_count=3)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, *range(1, 10))
    assert thread_count() == 1

    bench.submit(batcher, 10)
    assert bench.line.await_batches(2) == [[0], list(range(1, 11))]
    assert thread_count() == 2


def test_there_are_never_more_requests_in_flight_than_threads(bench: Bench) -> None:
    batcher = bench.make(thread_count=2)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, *range(1, 60))
    bench.line.await_batches(2)

    assert (thread_count(), len(bench.line.batches)) == (2, 2)
    bench.line.let_go()
    assert set(bench.outcomes.wait(60)) == set(range(60))


def test_what_is_submitted_together_goes_in_full_batches_and_the_rest_at_the_end(
    bench: Bench,
) -> None:
    batcher = bench.make()

    with batcher.gathering():
        bench.submit(batcher, *range(12))
        bench.outcomes.wait(10)
        assert bench.line.batches == [list(range(10))]

    bench.outcomes.wait(12)
    assert bench.line.batches == [list(range(10)), [10, 11]]


def test_a_batcher_that_closes_sends_what_gathers(bench: Bench) -> None:
    batcher = bench.make()

    with batcher.gathering():
        bench.submit(batcher, 1, 2)
        batcher.close(PATIENCE_SECONDS)

    assert bench.outcomes.wait(2) == {1: None, 2: None}
    assert bench.line.batches == [[1, 2]]


def test_values_that_linger_share_one_request(bench: Bench) -> None:
    batcher = bench.make(linger_seconds=0.5)

    bench.submit(batcher, 1, 2, 3)

    bench.outcomes.wait(3)
    assert bench.line.batches == [[1, 2, 3]]


def test_a_whole_batch_does_not_linger(bench: Bench) -> None:
    batcher = bench.make(linger_seconds=3600)

    bench.submit(batcher, *range(10))

    bench.outcomes.wait(10)
    assert bench.line.batches == [list(range(10))]


def test_values_that_came_while_a_request_was_in_flight_linger_too(bench: Bench) -> None:
    batcher = bench.make(linger_seconds=0.1)
    bench.line.hold()
    bench.submit(batcher, 1)
    bench.line.await_batches(1)

    bench.submit(batcher, 2)
    bench.line.let_go()

    bench.outcomes.wait(2)
    assert bench.line.batches == [[1], [2]]


# -- weight ----------------------------------------------------------------------------------------


def test_a_batch_weighs_no_more_than_the_limit(bench: Bench) -> None:
    batcher = bench.make(limit_bytes=100)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, 1, 2, 3, 4, 5, weight_bytes=40)
    bench.line.let_go()

    bench.outcomes.wait(6)
    assert bench.line.batches == [[0], [1, 2], [3, 4], [5]]


def test_a_value_above_the_limit_goes_alone(bench: Bench) -> None:
    batcher = bench.make(limit_bytes=100)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, 1, weight_bytes=101)
    bench.submit(batcher, 2, weight_bytes=1)
    bench.line.let_go()

    bench.outcomes.wait(3)
    assert bench.line.batches == [[0], [1], [2]]


def test_a_batch_that_is_full_by_weight_brings_in_a_second_thread(bench: Bench) -> None:
    batcher = bench.make(thread_count=2, limit_bytes=100)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)

    bench.submit(batcher, 1, 2, weight_bytes=50)

    assert bench.line.await_batches(2) == [[0], [1, 2]]


# -- failing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BusUnavailable, BusThrottled])
def test_a_value_is_tried_again_while_the_broker_is_away(
    bench: Bench, kind: type[BusError]
) -> None:
    batcher = bench.make(retry_seconds=30)
    bench.line.outcomes.extend([kind("down"), [kind("down")]])

    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: None}
    assert bench.line.batches == [[1], [1], [1]]


def test_trying_again_ends_after_the_time_given(bench: Bench) -> None:
    batcher = bench.make(retry_seconds=0.25)
    down = BusUnavailable("down")
    bench.line.outcomes.extend([down] * 50)

    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: down}
    assert bench.line.batches == [[1], [1]]


def test_without_time_to_try_again_the_first_failure_is_final(bench: Bench) -> None:
    batcher = bench.make(retry_seconds=0)
    down = BusUnavailable("down")
    bench.line.outcomes.append(down)

    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: down}


@pytest.mark.parametrize("error", [BusDenied("no"), BusNotFound("gone"), BusError("other")])
def test_other_errors_are_final(bench: Bench, error: BusError) -> None:
    batcher = bench.make(retry_seconds=30)
    bench.line.outcomes.append(error)

    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: error}
    assert bench.line.batches == [[1]]


def test_of_a_batch_that_partly_failed_only_what_may_succeed_goes_again(bench: Bench) -> None:
    batcher = bench.make(retry_seconds=30, linger_seconds=0.05)
    denied = BusDenied("no")
    bench.line.outcomes.append([None, BusThrottled("slow"), denied])

    bench.submit(batcher, 1, 2, 3)

    assert bench.outcomes.wait(3) == {1: None, 2: None, 3: denied}
    assert bench.line.batches == [[1, 2, 3], [2]]


def test_a_value_that_waits_to_be_tried_again_holds_up_no_other(bench: Bench) -> None:
    batcher = bench.make(thread_count=2, retry_seconds=30)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)
    bench.submit(batcher, *range(1, 11))
    bench.line.await_batches(2)
    bench.line.let_go()
    bench.outcomes.wait(11)
    bench.line.outcomes.extend([[BusThrottled("slow")]] * 4)

    bench.submit(batcher, "slow")
    bench.line.await_batches(6)  # four times it failed, and now it waits for most of a second
    bench.submit(batcher, "quick")

    bench.outcomes.wait(13)
    assert bench.outcomes.order[-2:] == ["quick", "slow"]


def test_while_all_threads_wait_to_try_again_another_one_sends_what_comes(bench: Bench) -> None:
    batcher = bench.make(thread_count=2, retry_seconds=30)
    bench.line.outcomes.extend([[BusThrottled("slow")]] * 4)

    bench.submit(batcher, "slow")
    bench.line.await_batches(4)  # and now it waits for most of a second
    bench.submit(batcher, "quick")

    bench.outcomes.wait(2)
    assert (bench.outcomes.order, thread_count()) == (["quick", "slow"], 2)


def test_what_waited_already_when_a_thread_begins_to_try_again_is_sent_by_another(
    bench: Bench,
) -> None:
    batcher = bench.make(thread_count=2, retry_seconds=30)
    bench.line.outcomes.extend([[BusThrottled("slow")], [None], *[[BusThrottled("slow")]] * 3])
    bench.line.hold()
    bench.submit(batcher, "slow")
    bench.line.await_batches(1)

    bench.submit(batcher, "quick")
    bench.line.let_go()

    bench.outcomes.wait(2)
    assert bench.outcomes.order == ["quick", "slow"]


def test_where_one_thread_keeps_the_order_none_overtakes_what_is_tried_again(bench: Bench) -> None:
    batcher = bench.make(thread_count=1, retry_seconds=30)
    bench.line.outcomes.extend([[BusThrottled("slow")]] * 2)

    bench.submit(batcher, "first")
    bench.line.await_batches(2)
    bench.submit(batcher, "second")

    bench.outcomes.wait(2)
    assert (bench.outcomes.order, thread_count()) == (["first", "second"], 1)


def test_a_bug_below_becomes_an_error_and_the_thread_goes_on(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    batcher = bench.make()
    bench.line.outcomes.append(ZeroDivisionError("oops"))

    bench.submit(batcher, 1)
    error = bench.outcomes.wait(1)[1]
    bench.submit(batcher, 2)

    assert bench.outcomes.wait(2)[2] is None
    assert (type(error), str(error)) == (BusError, "bench: oops")
    assert [record.message for record in caplog.records] == ["bench: a request failed unexpectedly"]


def test_an_answer_that_fits_no_batch_fails_the_batch_and_the_thread_goes_on(bench: Bench) -> None:
    batcher = bench.make()
    bench.line.outcomes.append([None, None])

    bench.submit(batcher, 1)
    error = bench.outcomes.wait(1)[1]
    bench.submit(batcher, 2)

    assert bench.outcomes.wait(2)[2] is None
    assert str(error) == "bench: 2 outcomes for 1 values"


def test_a_listener_that_raises_costs_the_others_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(error: BusError | None) -> None:
        raise ZeroDivisionError

    batcher = bench.make(linger_seconds=0.05)
    batcher.submit("bad", raising)
    bench.submit(batcher, 1)

    assert bench.outcomes.wait(1) == {1: None}
    bench.submit(batcher, 2)
    assert bench.outcomes.wait(2) == {1: None, 2: None}
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.ERROR, "bench: a listener raised")
    ]


# -- closing ---------------------------------------------------------------------------------------


def test_closing_sends_what_lingers(bench: Bench) -> None:
    batcher = bench.make(linger_seconds=3600)
    bench.submit(batcher, 1, 2)

    batcher.close(PATIENCE_SECONDS)

    assert bench.line.batches == [[1, 2]]
    assert bench.outcomes.errors == {1: None, 2: None}


def test_a_closed_batcher_refuses_values(bench: Bench) -> None:
    batcher = bench.make()
    batcher.close(PATIENCE_SECONDS)

    bench.submit(batcher, 1)

    assert [type(error) for error in bench.outcomes.errors.values()] == [BusClosed]
    assert bench.line.batches == []


def test_what_is_left_when_the_time_to_close_is_over_is_refused(bench: Bench) -> None:
    batcher = bench.make()
    bench.line.hold()
    bench.submit(batcher, 1)
    bench.line.await_batches(1)
    bench.submit(batcher, 2)

    batcher.close(0.05)

    assert {v: type(e) for v, e in bench.outcomes.errors.items()} == {2: BusClosed}
    bench.line.let_go()
    assert bench.outcomes.wait(2)[1] is None


def test_closing_ends_the_wait_to_try_again(bench: Bench) -> None:
    batcher = bench.make(retry_seconds=3600)
    down = BusUnavailable("down")
    bench.line.outcomes.extend([down] * 50)
    bench.submit(batcher, 1)
    bench.line.await_batches(4)

    batcher.close(PATIENCE_SECONDS)

    assert bench.outcomes.errors == {1: down}
    assert len(bench.line.batches) <= 6


def test_closing_ends_the_threads(bench: Bench) -> None:
    batcher = bench.make(thread_count=3)
    bench.line.hold()
    bench.submit(batcher, 0)
    bench.line.await_batches(1)
    bench.submit(batcher, *range(1, 40))
    bench.line.await_batches(3)
    bench.line.let_go()

    batcher.close(PATIENCE_SECONDS)

    assert set(bench.outcomes.errors.values()) == {None}
    assert thread_count() == 0


# -- lingering as long as it pays just now ---------------------------------------------------------


def test_how_long_a_value_lingers_is_asked_each_time(bench: Bench) -> None:
    linger = [0.0]
    batcher = bench.make(linger_seconds=lambda: linger[0])
    bench.submit(batcher, 1)
    bench.outcomes.wait(1)

    linger[0] = 3600.0
    bench.submit(batcher, *range(2, 12))

    bench.outcomes.wait(11)
    assert bench.line.batches == [[1], [*range(2, 12)]]


def test_what_lingers_goes_when_it_has_done_so_for_long_enough(bench: Bench) -> None:
    batcher = bench.make(linger_seconds=lambda: 0.05)

    bench.submit(batcher, 1, 2, 3)

    bench.outcomes.wait(3)
    assert bench.line.batches == [[1, 2, 3]]


# -- no threads left ------------------------------------------------------------------------------


def test_a_thread_that_cannot_be_started_is_started_by_the_next_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line()
    batcher: Batcher[int] = Batcher(line.send, name="batcher-test")
    errors: queue.Queue[BusError | None] = queue.Queue()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            batcher.submit(1, errors.put)

    batcher.submit(2, errors.put)

    assert [errors.get(timeout=PATIENCE_SECONDS) for _ in range(2)] == [None, None]
    assert line.batches == [[1, 2]]
    batcher.close(PATIENCE_SECONDS)


def test_where_no_further_thread_can_be_started_the_first_sends_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line()
    batcher: Batcher[int] = Batcher(line.send, name="batcher-test", thread_count=3)
    errors: queue.Queue[BusError | None] = queue.Queue()
    line.hold()
    batcher.submit(0, errors.put)
    line.await_batches(1)
    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    for number in range(1, 30):
        batcher.submit(number, errors.put)
    line.let_go()

    assert [errors.get(timeout=PATIENCE_SECONDS) for _ in range(30)] == [None] * 30
    batcher.close(PATIENCE_SECONDS)

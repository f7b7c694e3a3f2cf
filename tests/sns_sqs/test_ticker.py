"""Small work in a thread, when it is due."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Generator

import pytest

from asyncmcp_nb.sns_sqs.ticker import Ticker

PATIENCE_SECONDS = 30.0


class Diary:
    """Work that notes when it was called and says when it is due again."""

    def __init__(self) -> None:
        self.calls: queue.Queue[float] = queue.Queue()
        self.due_in_seconds: list[float | None] = []

    def work(self, now: float) -> float | None:
        self.calls.put(now)
        again = self.due_in_seconds.pop(0) if self.due_in_seconds else None
        return None if again is None else now + again


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def ticker(diary: Diary) -> Generator[Ticker]:
    ticker = Ticker(diary.work, name="ticker-test")
    yield ticker
    ticker.close()


def no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ticker-test"]


def test_nothing_runs_before_the_first_poke(ticker: Ticker) -> None:
    assert threads() == []


def test_a_poke_runs_the_work_with_the_time(ticker: Ticker, diary: Diary) -> None:
    before = time.monotonic()

    ticker.poke()

    assert before <= diary.calls.get(timeout=PATIENCE_SECONDS) <= time.monotonic()


def test_work_that_is_due_beyond_what_a_thread_can_wait_for_does_not_end_it(
    ticker: Ticker, diary: Diary
) -> None:
    diary.due_in_seconds = [float("inf")]
    ticker.poke()
    diary.calls.get(timeout=PATIENCE_SECONDS)

    ticker.poke()

    diary.calls.get(timeout=PATIENCE_SECONDS)


def test_the_work_runs_again_when_it_said_it_is_due(ticker: Ticker, diary: Diary) -> None:
    diary.due_in_seconds = [0.05, 0.0, None]

    ticker.poke()

    first, second, third = (diary.calls.get(timeout=PATIENCE_SECONDS) for _ in range(3))
    assert second - first >= 0.05
    assert third >= second


def test_a_poke_runs_the_work_before_it_is_due(ticker: Ticker, diary: Diary) -> None:
    diary.due_in_seconds = [3600.0]
    ticker.poke()
    diary.calls.get(timeout=PATIENCE_SECONDS)

    ticker.poke()

    diary.calls.get(timeout=PATIENCE_SECONDS)
    assert len(threads()) == 1


def test_work_that_raises_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: queue.Queue[float] = queue.Queue()

    def work(now: float) -> float | None:
        calls.put(now)
        if calls.qsize() == 1:
            raise ZeroDivisionError
        return None

    ticker = Ticker(work, name="ticker-test")
    ticker.poke()
    while calls.qsize() < 2:
        assert threads()[0].is_alive()
        threads()[0].join(0.01)
    ticker.close()

    first, second = calls.get(), calls.get()
    assert second - first >= 1.0
    assert [r.message for r in caplog.records] == [
        "ticker-test: work failed; trying again in a second"
    ]


def test_closing_ends_the_thread(ticker: Ticker, diary: Diary) -> None:
    ticker.poke()
    diary.calls.get(timeout=PATIENCE_SECONDS)
    (thread,) = threads()

    ticker.close()

    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_a_closed_ticker_ignores_pokes(ticker: Ticker, diary: Diary) -> None:
    ticker.close()

    ticker.poke()

    assert (threads(), diary.calls.empty()) == ([], True)


def test_a_thread_that_cannot_be_started_is_started_by_the_next_poke(
    ticker: Ticker, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more_threads)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            ticker.poke()

    ticker.poke()

    assert diary.calls.get(timeout=PATIENCE_SECONDS) > 0

"""What a worker knows of the requests it runs and has run."""

from __future__ import annotations

import pytest

from asyncmcp_nb.sns_sqs.window import KEPT_COUNT, Answered, Window
from asyncmcp_nb.wire import Outgoing, Payload

ANSWER = Outgoing("answer", {})


@pytest.fixture
def window() -> Window[str]:
    return Window(keep_seconds=100.0)


def test_a_request_is_new_once_and_then_joins_the_one_that_runs(window: Window[str]) -> None:
    assert window.begin("key", "first", 0.0) is None

    assert window.begin("key", "second", 0.0) == "first"
    assert window.running() == ["first"]


def test_an_answered_request_gives_its_answer_again(window: Window[str]) -> None:
    window.begin("key", "first", 0.0)
    window.finish("key", ANSWER, 1.0)

    assert window.begin("key", "second", 2.0) == Answered(ANSWER, 101.0)
    assert window.running() == []


def test_a_request_that_ended_without_answer_is_known_as_well(window: Window[str]) -> None:
    window.begin("key", "first", 0.0)
    window.finish("key", None, 0.0)

    assert window.begin("key", "second", 0.0) == Answered(None, 100.0)


def test_an_answer_is_kept_for_its_time_and_no_longer(window: Window[str]) -> None:
    window.finish("key", ANSWER, 0.0)

    assert window.begin("key", "again", 99.9) == Answered(ANSWER, 100.0)
    assert window.begin("key", "again", 100.0) is None


@pytest.mark.parametrize("answered", [True, False])
def test_a_forgotten_request_is_new(window: Window[str], answered: bool) -> None:
    window.begin("key", "first", 0.0)
    if answered:
        window.finish("key", ANSWER, 0.0)

    window.forget("key")

    assert window.begin("key", "second", 0.0) is None


def test_of_too_many_answers_the_oldest_go_first(window: Window[str]) -> None:
    for key in range(KEPT_COUNT + 2):
        window.finish(key, ANSWER, 0.0)

    known = [window.begin(key, "again", 0.0) is not None for key in (0, 1, 2, KEPT_COUNT + 1)]
    assert known == [False, False, True, True]


def test_of_too_large_answers_the_oldest_go_first() -> None:
    window: Window[str] = Window(keep_seconds=100, limit_bytes=1000)

    for key in range(4):
        window.finish(key, Outgoing("x" * 300, {}), 0.0)

    known = [window.begin(key, "again", 0.0) is not None for key in range(4)]
    assert known == [False, True, True, True]


def test_an_answer_given_twice_counts_once() -> None:
    window: Window[str] = Window(keep_seconds=100, limit_bytes=1000)

    for _ in range(10):
        window.finish("key", Outgoing("x" * 300, {}), 0.0)
    window.finish("other", Outgoing("x" * 300, {}), 0.0)

    assert window.begin("key", "again", 0.0) is not None
    assert window.begin("other", "again", 0.0) is not None


def test_an_answer_given_again_is_kept_from_then_on(window: Window[str]) -> None:
    window.finish("key", ANSWER, 0.0)
    window.finish("other", ANSWER, 1.0)
    window.finish("key", ANSWER, 50.0)

    assert window.begin("key", "again", 149.0) == Answered(ANSWER, 150.0)
    assert window.begin("other", "again", 149.0) is None


LARGE = Outgoing("pointer", {}, Payload("key", b"x" * 2000))


def test_an_answer_that_is_too_large_by_itself_stays_until_it_is_published() -> None:
    window: Window[str] = Window(keep_seconds=100, limit_bytes=1000)

    window.finish("large", LARGE, 0.0)

    assert window.begin("large", "again", 1.0) == Answered(LARGE, 100.0)


def test_of_an_answer_that_is_published_what_is_in_s3_is_forgotten_here() -> None:
    window: Window[str] = Window(keep_seconds=100, limit_bytes=1000)
    window.finish("large", LARGE, 0.0)

    window.slim("large")
    window.slim("unknown")
    window.finish("other", Outgoing("x" * 300, {}), 0.0)

    assert window.begin("large", "again", 1.0) == Answered(Outgoing("pointer", {}), 100.0)
    assert window.begin("other", "again", 1.0) is not None

"""What a worker knows of the requests it runs and has run."""

from __future__ import annotations

import pytest

from asyncmcp_nb.sns_sqs import window as window_module
from asyncmcp_nb.sns_sqs.window import KEPT_BYTES, KEPT_COUNT, Answered, Window
from asyncmcp_nb.wire import Outgoing

ANSWER = Outgoing("answer", {})


@pytest.fixture
def window() -> Window[str]:
    return Window(keep_seconds=100.0)


def test_a_request_is_new_once_and_then_joins_the_one_that_runs(window: Window[str]) -> None:
    assert window.begin("key", "first", 0.0) is None

    assert window.begin("key", "second", 0.0) == "first"
    assert (window.running_count, window.running()) == (1, ["first"])


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


def test_of_too_large_answers_the_oldest_go_first(
    window: Window[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_module, "KEPT_BYTES", 1000)
    assert KEPT_BYTES > 1000

    for key in range(4):
        window.finish(key, Outgoing("x" * 300, {}), 0.0)

    known = [window.begin(key, "again", 0.0) is not None for key in range(4)]
    assert known == [False, True, True, True]


def test_an_answer_given_twice_counts_once(
    window: Window[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window_module, "KEPT_BYTES", 1000)

    for _ in range(10):
        window.finish("key", Outgoing("x" * 300, {}), 0.0)
    window.finish("other", Outgoing("x" * 300, {}), 0.0)

    assert window.begin("key", "again", 0.0) is not None
    assert window.begin("other", "again", 0.0) is not None

"""Counts, rates and remaining times, and the words for them."""

from __future__ import annotations

import pytest

from asyncmcp_nb.session import Status
from asyncmcp_nb.ui.progress.html import last_bundle, moving_bundle
from asyncmcp_nb.ui.progress.progress import Pace, Reading, last_line, moving_line, rate_words

HALF = Reading(
    name="score",
    total_count=5_000,
    ended={Status.DONE: 1_222, Status.TOOL_ERROR: 10, Status.TIMED_OUT: 2},
    seconds=31.0,
    rate=40.9,
)
FULL = Reading(
    name="score",
    total_count=5_000,
    ended={Status.DONE: 4_988, Status.FAILED: 12},
    seconds=123.0,
)


def test_a_bar_says_how_many_how_fast_how_long_and_how_many_failed() -> None:
    assert moving_line(HALF) == (
        "score: 1,234 of 5,000 calls ended, 40.9/s, 1 min 32 s left, 12 failed"
    )


def test_the_last_line_says_how_it_went() -> None:
    assert last_line(FULL) == "score: 5,000 calls in 2 min 03 s, 40.7/s, 12 failed"


def test_the_last_line_of_what_was_left_says_what_goes_on() -> None:
    assert last_line(HALF) == (
        "score: 1,234 of 5,000 calls had ended after 31.0 s, 12 failed; 3,766 go on"
    )


def test_one_call_is_no_calls() -> None:
    one = Reading(name="x", total_count=1, ended={Status.CANCELLED: 1}, seconds=2.0)
    none = Reading(name="x", total_count=1, seconds=2.0)

    assert last_line(one) == "x: 1 call in 2.0 s, 30.0/min, 1 cancelled"
    assert last_line(none) == "x: 0 of 1 call had ended after 2.0 s; 1 goes on"
    assert moving_line(none) == "x: 0 of 1 call ended"


def test_a_map_of_nothing_is_done_at_once() -> None:
    empty = Reading(name="x", total_count=0)

    assert (empty.is_done, empty.share) == (True, 1.0)
    assert last_line(empty) == "x: 0 calls in 0 ms"


def test_cancelled_calls_have_not_failed() -> None:
    reading = Reading(name="x", total_count=3, ended={Status.DONE: 1, Status.CANCELLED: 2})

    assert (reading.failed_count, reading.ended_count, reading.left_count) == (0, 3, 0)


@pytest.mark.parametrize(
    ("per_second", "words"),
    [
        (1204.4, "1,204/s"),
        (40.66, "40.7/s"),
        (1.0, "1.0/s"),
        (0.2, "12.0/min"),
        (0.001, "3.6/h"),
    ],
)
def test_a_rate_has_the_unit_that_makes_it_readable(per_second: float, words: str) -> None:
    assert rate_words(per_second) == words


def test_nobody_can_tell_the_rate_before_anything_has_ended() -> None:
    pace = Pace()

    assert [pace.note(at, 0) for at in (0.0, 1.0, 2.0)] == [None, None, None]


def test_calls_that_had_ended_before_do_not_make_it_faster() -> None:
    pace = Pace()
    pace.note(100.0, 4_000)

    assert pace.note(110.0, 4_050) == 5.0


def test_the_rate_follows_a_server_that_gets_slower() -> None:
    pace = Pace()
    quick = [pace.note(second, second * 100) for second in range(60)]
    slow = [pace.note(second, 5_900 + (second - 59) * 10) for second in range(60, 120)]

    assert (quick[-1], slow[-1]) == (100.0, 10.0)


def test_calls_of_minutes_have_a_rate_too() -> None:
    pace = Pace()
    rates = [pace.note(minute * 60.0, minute) for minute in range(5)]

    assert rates[-1] == 1 / 60


def test_a_standstill_makes_the_rate_fall() -> None:
    pace = Pace()
    pace.note(0.0, 0)

    assert pace.note(1.0, 10) == 10.0
    assert pace.note(10.0, 10) == 1.0


def test_a_clock_that_goes_back_does_no_harm() -> None:
    pace = Pace()
    pace.note(10.0, 1)

    assert pace.note(9.0, 2) is None


def test_every_state_has_html_and_text() -> None:
    hostile = Reading(name="<script>\x1b[31m", total_count=2, ended={Status.FAILED: 2}, seconds=1)
    for bundle in (moving_bundle(HALF), last_bundle(HALF), last_bundle(FULL), last_bundle(hostile)):
        assert set(bundle) == {"text/html", "text/plain"}
        assert "<script>" not in bundle["text/html"]
        assert "\x1b" not in bundle["text/plain"]

    assert "25 % of 5,000 calls ended" in moving_bundle(HALF)["text/html"]
    assert "score: 5,000 calls in 2 min 03 s, 40.7/s, 12 failed" in last_bundle(FULL)["text/html"]
    assert "12 failed" in last_bundle(FULL)["text/html"]


def test_the_tone_of_the_last_line_is_in_words_too() -> None:
    good = Reading(name="x", total_count=2, ended={Status.DONE: 2}, seconds=1)
    bad = Reading(name="x", total_count=2, ended={Status.FAILED: 2}, seconds=1)

    assert "amcp-line amcp-good" in last_bundle(good)["text/html"]
    assert "amcp-line amcp-bad" in last_bundle(bad)["text/html"]
    assert "amcp-line amcp-warn" in last_bundle(FULL)["text/html"]
    assert "amcp-line amcp-info" in last_bundle(HALF)["text/html"]

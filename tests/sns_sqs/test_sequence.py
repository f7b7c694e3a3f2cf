"""The messages of one request, back in order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.sns_sqs.sequence import (
    ATTEMPT_SPAN,
    FINISHED_COUNT,
    LANE_COUNT,
    LANE_SECONDS,
    Sequencer,
    first_sequence,
)

GAP_SECONDS = 2.0


def sequencer(*, held_limit_count: int = 10_000) -> Sequencer[Any]:
    return Sequencer(gap_timeout_seconds=GAP_SECONDS, held_limit_count=held_limit_count)


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[int, list[int]]:
    """How many messages a request has, and an order in which a queue may hand them out."""
    count = draw(st.integers(1, 8))
    again = draw(st.lists(st.integers(0, count - 1), max_size=8))
    return count, draw(st.permutations([*range(count), *again]))


@given(deliveries())
def test_any_order_with_any_duplicates_comes_out_in_order_and_once(
    delivered: tuple[int, list[int]],
) -> None:
    count, order = delivered
    seq = sequencer()
    out: list[int] = []

    for number in order:
        out += seq.push("call", number, number, last=number == count - 1, now=0.0)
        assert seq.held_count <= count

    assert out == list(range(count))
    assert (seq.held_count, seq.next_expiry()) == (0, None)


@given(deliveries(), st.sets(st.integers(0, 7)))
def test_what_is_lost_holds_the_rest_up_no_longer_than_the_gap_timeout(
    delivered: tuple[int, list[int]], lost: set[int]
) -> None:
    count, order = delivered
    seq = sequencer()
    out: list[int] = []
    there = [number for number in order if number not in lost]

    for number in there:
        out += seq.push("call", number, number, last=number == count - 1, now=1.0)
    in_time = list(out)
    out += seq.expire(1.0 + GAP_SECONDS)

    assert in_time == list(range(min(lost, default=count)))[:count]
    assert out == sorted(set(there))
    assert (seq.held_count, seq.next_expiry()) == (0, None)


@given(deliveries(), deliveries())
def test_requests_do_not_hold_each_other_up(
    first: tuple[int, list[int]], second: tuple[int, list[int]]
) -> None:
    seq = sequencer()
    out: dict[str, list[int]] = {"a": [], "b": []}
    orders = {"a": list(first[1]), "b": list(second[1])}
    counts = {"a": first[0], "b": second[0]}

    while orders["a"] or orders["b"]:
        for key, order in orders.items():
            if order:
                number = order.pop()
                last = number == counts[key] - 1
                out[key] += seq.push(key, number, number, last=last, now=0.0)

    assert out == {key: list(range(count)) for key, count in counts.items()}


@given(st.integers(0, 6), deliveries())
def test_the_answer_of_a_worker_that_took_over_ends_the_request(
    said_before_count: int, delivered: tuple[int, list[int]]
) -> None:
    """The first worker died after so many messages; the second counts from 0 again."""
    count, order = delivered
    seq = sequencer()
    for number in range(said_before_count):
        seq.push("call", number, ("first", number), last=False, now=0.0)

    out: list[Any] = []
    for number in order:
        out += seq.push("call", number, ("second", number), last=number == count - 1, now=1.0)
    out += seq.expire(1.0 + GAP_SECONDS)

    assert out[-1] == ("second", count - 1)
    assert out == sorted(set(out))
    assert seq.held_count == 0


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.floats(0.0, 1.0),
)
def test_runs_of_one_request_by_several_workers_come_out_one_after_the_other(
    said_counts: list[int], random: Any, lost_share: float
) -> None:
    """Each worker but the last dies; of what the dead have said, any part may be lost or late."""
    runs = [
        [(first_sequence(attempt) + place, (attempt, place)) for place in range(count)]
        for attempt, count in enumerate(said_counts, start=1)
    ]
    last_attempt, *dead = runs[::-1]
    end = (first_sequence(len(runs)) + len(last_attempt), "answer")
    sent = [message for run in dead for message in run if random.random() >= lost_share]
    sent += [*last_attempt, end, *random.sample(last_attempt, k=len(last_attempt) // 2)]
    random.shuffle(sent)
    seq = sequencer()

    out: list[Any] = []
    for number, item in sent:
        out += seq.push("call", number, item, last=item == "answer", now=0.0)
    early, out = len(out), [*out, *seq.expire(GAP_SECONDS)]

    assert out[-1] == "answer"
    assert out[:-1] == sorted(set(out[:-1]))
    assert [item for item in out[:-1] if item[0] == len(runs)] == [i for _, i in last_attempt]
    # What a dead worker can no longer say holds nothing up.
    assert (early, seq.held_count) == (len(out), 0)


@pytest.mark.parametrize(
    ("receive_count", "sequence"),
    [(1, 0), (2, ATTEMPT_SPAN), (10, 9 * ATTEMPT_SPAN)],
)
def test_each_worker_numbers_in_a_range_of_its_own(receive_count: int, sequence: int) -> None:
    assert first_sequence(receive_count) == sequence


def test_no_number_is_longer_than_the_wire_carries() -> None:
    assert len(str(first_sequence(10**9) + ATTEMPT_SPAN)) == 12


# -- progress --------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(0, 100), max_size=6), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_progress_never_falls_when_a_worker_begins_anew(runs: list[list[int]], random: Any) -> None:
    sent = [
        (first_sequence(attempt) + place, level)
        for attempt, run in enumerate(runs, start=1)
        for place, level in enumerate(sorted(run))
    ]
    random.shuffle(sent)
    seq = sequencer()

    shown: list[int] = []
    for number, level in sent:
        shown += seq.push("call", number, level, last=False, now=0.0, level=level)
    shown += seq.expire(GAP_SECONDS)

    assert shown == sorted(shown)
    assert not sent or len(shown) >= 1


def test_progress_that_falls_within_one_attempt_is_shown_as_it_was_sent() -> None:
    seq = sequencer()

    shown = [
        item
        for number, level in enumerate((0.5, 0.2, 0.2, 0.9))
        for item in seq.push("call", number, level, last=False, now=0.0, level=level)
    ]

    assert shown == [0.5, 0.2, 0.2, 0.9]


def test_a_run_that_begins_anew_reports_progress_once_it_is_further() -> None:
    seq = sequencer()
    first = [(0, 0.3), (1, 0.6)]
    again = [(ATTEMPT_SPAN + place, level) for place, level in enumerate((0.1, 0.6, 0.9))]

    shown = [
        item
        for number, level in [*first, *again]
        for item in seq.push("call", number, level, last=False, now=0.0, level=level)
    ]

    assert shown == [0.3, 0.6, 0.6, 0.9]


def test_progress_that_is_not_shown_holds_nothing_up() -> None:
    seq = sequencer()
    seq.push("call", 0, "half", last=False, now=0.0, level=0.5)
    pushes: list[tuple[str, float | None]] = [
        ("less", 0.4),
        ("log", None),
        ("nothing", float("nan")),
    ]
    shown = [
        item
        for number, (item, level) in enumerate(pushes, start=ATTEMPT_SPAN)
        for item in seq.push("call", number, item, last=False, now=0.0, level=level)
    ]

    assert shown == ["log"]
    assert seq.push("call", ATTEMPT_SPAN + 3, "answer", last=True, now=0.0) == ["answer"]


# -- answers ---------------------------------------------------------------------------------------


def test_two_answers_of_two_workers_come_out_as_one() -> None:
    seq = sequencer()
    seq.push("call", 0, "progress", last=False, now=0.0)

    held = seq.push("call", 3, "first answer", last=True, now=0.0)
    out = seq.push("call", 0, "second answer", last=True, now=0.0)

    assert (held, out) == ([], ["first answer"])


def test_an_answer_in_the_place_of_held_progress_ends_the_request() -> None:
    seq = sequencer()
    assert seq.push("call", 2, "progress", last=False, now=0.0) == []

    assert seq.push("call", 2, "answer", last=True, now=0.0) == ["progress", "answer"]


def test_nothing_comes_after_the_answer() -> None:
    seq = sequencer()
    assert seq.push("call", 0, "answer", last=True, now=0.0) == ["answer"]

    assert seq.push("call", 1, "straggler", last=False, now=0.0) == []
    assert seq.push("call", 0, "answer", last=True, now=0.0) == []


def test_what_waits_for_a_lost_message_is_delivered_without_it_after_the_gap_timeout() -> None:
    seq = sequencer()
    seq.push("call", 0, 0, last=False, now=10.0)
    seq.push("call", 2, 2, last=False, now=11.0)
    seq.push("call", 4, 4, last=True, now=12.0)

    assert seq.next_expiry() == 11.0 + GAP_SECONDS
    assert seq.expire(11.0 + GAP_SECONDS - 0.01) == []
    assert seq.expire(11.0 + GAP_SECONDS) == [2, 4]
    assert (seq.next_expiry(), seq.held_count) == (None, 0)


def test_the_gap_timeout_starts_again_when_a_gap_closes_and_another_stays() -> None:
    seq = sequencer()
    seq.push("call", 1, 1, last=False, now=0.0)
    seq.push("call", 3, 3, last=False, now=0.5)

    assert seq.push("call", 0, 0, last=False, now=1.5) == [0, 1]
    assert seq.next_expiry() == 1.5 + GAP_SECONDS


def test_a_gap_of_one_request_leaves_another_waiting() -> None:
    seq = sequencer()
    seq.push("a", 1, "a1", last=False, now=0.0)
    seq.push("b", 1, "b1", last=False, now=1.0)

    assert seq.expire(GAP_SECONDS) == ["a1"]
    assert seq.next_expiry() == 1.0 + GAP_SECONDS


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), max_size=60))
def test_no_more_is_held_than_the_limit(pushes: list[tuple[int, int]]) -> None:
    seq = sequencer(held_limit_count=5)

    for key, number in pushes:
        seq.push(key, number, number, last=False, now=0.0)

        assert seq.held_count <= 5


# -- what is remembered ----------------------------------------------------------------------------


def test_of_too_many_requests_without_answer_the_quietest_is_forgotten() -> None:
    seq = sequencer()
    for key in range(LANE_COUNT):
        seq.push(key, 0, key, last=False, now=0.0)
    seq.push(0, 1, 0, last=False, now=0.0)

    assert seq.push("one more", 0, "x", last=False, now=0.0) == ["x"]

    assert seq.lane_count == LANE_COUNT
    # The place of the first is known; of the second, whose message now waits for those before it.
    assert seq.push(0, 2, "first", last=False, now=0.0) == ["first"]
    assert seq.push(1, 1, "second", last=False, now=0.0) == []
    assert seq.expire(GAP_SECONDS) == ["second"]


def test_a_request_that_is_forgotten_gives_out_what_it_held() -> None:
    seq = sequencer()
    seq.push("gap", 1, "held", last=False, now=0.0)
    out = [item for key in range(LANE_COUNT) for item in seq.push(key, 0, key, last=False, now=0.0)]

    assert out == [*range(LANE_COUNT - 1), "held", LANE_COUNT - 1]
    assert (seq.held_count, seq.next_expiry()) == (0, None)


def test_a_request_that_is_quiet_for_long_is_forgotten() -> None:
    seq = sequencer()
    for key in ("quiet", "loud"):
        seq.push(key, 0, key, last=False, now=0.0)
    seq.push("loud", 1, "loud", last=False, now=LANE_SECONDS - 1)
    assert seq.lane_count == 2

    seq.push("new", 0, "new", last=False, now=LANE_SECONDS)

    assert seq.lane_count == 2
    assert seq.push("loud", 2, "loud", last=False, now=LANE_SECONDS) == ["loud"]


def test_what_waits_longest_is_given_out_first() -> None:
    seq = sequencer()
    for second, key in enumerate("abc"):
        seq.push(key, 1, key, last=False, now=float(second))
    seq.push("a", 3, "a later", last=False, now=2.5)
    assert seq.push("a", 0, "a first", last=False, now=3.0) == ["a first", "a"]

    assert seq.next_expiry() == 1.0 + GAP_SECONDS
    assert seq.expire(2.0 + GAP_SECONDS) == ["b", "c"]
    assert seq.expire(3.0 + GAP_SECONDS) == ["a later"]


def test_a_forgotten_request_gives_up_what_it_held() -> None:
    seq = sequencer()
    seq.push("call", 1, 1, last=False, now=0.0)

    seq.forget("call")

    assert (seq.held_count, seq.next_expiry()) == (0, None)
    assert seq.push("call", 0, 0, last=False, now=0.0) == []


def test_a_request_that_was_never_seen_can_be_forgotten() -> None:
    seq = sequencer()

    seq.forget("call")

    assert seq.push("call", 0, 0, last=True, now=0.0) == []


def test_only_so_many_finished_requests_are_remembered() -> None:
    seq = sequencer()
    for key in range(FINISHED_COUNT + 1):
        assert seq.push(key, 0, key, last=True, now=0.0) == [key]

    assert seq.push(1, 0, 1, last=True, now=0.0) == []
    assert seq.push(0, 0, 0, last=True, now=0.0) == [0]

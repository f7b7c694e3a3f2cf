"""The messages of one request, back in order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.sns_sqs.sequence import FINISHED_COUNT, Sequencer

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

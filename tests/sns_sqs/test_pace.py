"""How long it pays to wait for a request to fill."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from asyncmcp_nb.sns_sqs.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def busy(clock: Clock, sizes: Sequence[int], *, age: float, most: float = 0.05) -> Pace:
    """What a pace knows after receives of these sizes within its window, 10 ms apart."""
    pace = Pace(most, clock=clock)
    for size in sizes:
        clock.now += 0.01
        pace.note([age] * size)
    return pace


def waits(pace: Pace) -> tuple[float, float]:
    return pace.gather_seconds(), pace.refill_seconds()


BREATH_SECONDS = 0.005
"""For which the next receive leaves the processor to what the last one brought."""


def test_nothing_waits_before_anything_has_come(clock: Clock) -> None:
    assert waits(Pace(0.05, clock=clock)) == (0.0, BREATH_SECONDS)


def test_calls_one_after_the_other_never_wait_however_many(clock: Clock) -> None:
    assert waits(busy(clock, [1] * 40, age=1.0)) == (0.0, BREATH_SECONDS)


def test_among_many_a_message_waits_for_a_small_part_of_the_time_on_its_way(clock: Clock) -> None:
    pace = busy(clock, [5] * 20, age=0.2)

    assert pace.gather_seconds() == pytest.approx(0.15 * 0.2)


def test_no_wait_is_longer_than_the_longest(clock: Clock) -> None:
    assert busy(clock, [5] * 20, age=60.0).gather_seconds() == 0.05


def test_a_longest_wait_of_nothing_lets_nobody_wait(clock: Clock) -> None:
    assert waits(busy(clock, [5] * 20, age=60.0, most=0.0)) == (0.0, 0.0)


def test_a_wait_in_which_nobody_is_likely_to_come_is_not_made(clock: Clock) -> None:
    # Eight messages in half a second: in 45 ms, less than one.
    assert waits(busy(clock, [4, 4], age=0.3)) == (0.0, BREATH_SECONDS)


def test_a_queue_is_left_alone_for_as_long_as_ten_messages_need_to_come(clock: Clock) -> None:
    # 350 messages in half a second: ten of them come in 14 ms.
    pace = busy(clock, [7] * 50, age=0.2)

    assert pace.refill_seconds() == pytest.approx(10 / 700)
    assert pace.gather_seconds() == pytest.approx(0.03)


def test_what_was_busy_half_a_second_ago_is_so_no_more(clock: Clock) -> None:
    pace = busy(clock, [7] * 20, age=0.2)

    clock.now += 0.51

    assert waits(pace) == (0.0, BREATH_SECONDS)


def test_a_message_from_the_future_counts_as_new(clock: Clock) -> None:
    assert waits(busy(clock, [5] * 20, age=-3.0)) == (0.0, BREATH_SECONDS)


def test_a_receive_of_nothing_tells_nothing(clock: Clock) -> None:
    pace = busy(clock, [7] * 20, age=0.2)
    before = waits(pace)

    pace.note([])

    assert waits(pace) == before

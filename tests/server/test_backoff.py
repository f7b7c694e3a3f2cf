"""When a process that died is started anew."""

from __future__ import annotations

from itertools import accumulate, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.server.backoff import HEALTHY_SECONDS, LAST_BACKOFF_SECONDS, Backoff


def test_it_starts_at_once_and_then_waits_twice_as_long_each_time_up_to_half_a_minute() -> None:
    deaths = accumulate(repeat(1.0, 10), Backoff.after_death, initial=Backoff())

    delays = [backoff.delay_seconds for backoff in deaths]

    assert delays == [0, 0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(
    ("served_seconds", "delay_seconds"), [(HEALTHY_SECONDS, 0.0), (HEALTHY_SECONDS - 0.1, 16.0)]
)
def test_a_minute_of_health_lets_the_count_begin_anew(
    served_seconds: float, delay_seconds: float
) -> None:
    ailing = Backoff(death_count=6)

    assert ailing.after_death(served_seconds).delay_seconds == delay_seconds


def test_whoever_answered_something_is_followed_at_once() -> None:
    ailing = Backoff(death_count=6)

    assert ailing.after_death(1.0, answered_count=1).delay_seconds == 0.0


@given(st.integers(min_value=0, max_value=10**9))
def test_however_often_it_died_the_wait_is_bounded(death_count: int) -> None:
    assert 0 <= Backoff(death_count).delay_seconds <= LAST_BACKOFF_SECONDS

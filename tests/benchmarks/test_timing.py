"""Counting steps."""

from __future__ import annotations

from tests.benchmarks.timing import steps


def test_the_steps_of_something_are_the_same_each_time() -> None:
    def work() -> None:
        for number in range(10):
            abs(number)

    assert [steps(work) for _ in range(3)] == [steps(work)] * 3


def test_twice_the_work_takes_twice_the_steps() -> None:
    def taken(number: int) -> int:
        return steps(lambda: [abs(-each) for each in range(number)]) - steps(list[int])

    assert taken(2_000) - taken(1_000) == 1_000

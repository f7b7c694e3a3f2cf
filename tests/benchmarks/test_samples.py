"""Taking turns, ratios and slopes."""

from __future__ import annotations

import pytest

from tests.benchmarks.samples import interleaved, percentile, ratios, slope


def test_works_take_turns_in_every_round() -> None:
    done: list[str] = []

    brought = interleaved(
        3, {name: (lambda name=name: done.append(name) or len(done)) for name in ("raw", "ours")}
    )

    assert done == ["raw", "ours", "raw", "ours", "raw", "ours"]
    assert brought == {"raw": [1, 3, 5], "ours": [2, 4, 6]}


def test_a_ratio_is_to_the_reference_of_the_same_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_a_round_whose_reference_took_nothing_has_no_ratio() -> None:
    assert ratios([2.0, 9.0], [0.0, 3.0]) == [3.0]


def test_rounds_that_are_not_pairs_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.51, 3.0), (0.95, 4.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([4.0, 2.0, 1.0, 3.0], share) == expected


@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_the_slope_is_the_exponent_of_growth(exponent: int) -> None:
    sizes = [1_000, 10_000, 100_000]

    found = slope(sizes, [7.0 * size**exponent for size in sizes])

    assert found == pytest.approx(exponent, abs=1e-9)


def test_one_size_shows_no_growth() -> None:
    with pytest.raises(ValueError, match="two sizes"):
        slope([1_000], [1.0])

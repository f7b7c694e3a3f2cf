"""What is shown of figures."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.figures import (
    Figure,
    Target,
    at_least,
    at_most,
    compared,
    count,
    measured,
)
from tests.benchmarks.table import as_json, missed, table

FAST = compared("rate, to raw", [1.0, 4.0, 2.0], [2.0, 2.0, 2.0], target=at_least(1.5), note="2/s")
CHEAP = count("requests", 0.6, target=at_most(0.7))


def test_figures_stand_below_each_other_with_what_they_were_to_be() -> None:
    assert table({"at once": [FAST, CHEAP], "alone": [count("calls", 12_345)]}) == (
        "                median  min to max   target\n"
        "\n"
        "at once\n"
        "  rate, to raw     1 x    0.5 to 2  ≥ 1.5 x  UNDER  2/s\n"
        "  requests         0.6                ≤ 0.7  ok\n"
        "\n"
        "alone\n"
        "  calls         12,345"
    )


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (None, ""),
        (at_most(1.0), "ok"),
        (at_most(0.9), "OVER"),
        (at_least(1.0), "ok"),
        (at_least(1.1), "UNDER"),
    ],
)
def test_a_figure_says_whether_it_meets_its_target(target: Target | None, verdict: str) -> None:
    assert Figure(name="it", value=1.0, target=target).verdict == verdict


def test_what_was_measured_several_times_is_its_median_and_spread() -> None:
    assert measured("p50", [3.0, 1.0, 2.0], "ms") == Figure(
        name="p50", value=2.0, unit="ms", low=1.0, high=3.0
    )


def test_figures_that_miss_their_target_are_found() -> None:
    assert missed([FAST, CHEAP, count("calls", 1)]) == [FAST]


def test_programs_get_the_same_figures() -> None:
    told = json.loads(as_json({"at once": [CHEAP]}, backend="fauxqs"))

    assert told == {
        "backend": "fauxqs",
        "figures": [
            {
                "area": "at once",
                "name": "requests",
                "value": 0.6,
                "unit": "",
                "low": None,
                "high": None,
                "target": {"bound": 0.7, "is_least": False},
                "is_exact": True,
                "note": "",
                "verdict": "ok",
            }
        ],
    }

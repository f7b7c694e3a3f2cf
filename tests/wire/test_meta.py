"""The deadline that travels in a request's ``_meta``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncmcp_nb.wire.meta import DEADLINE_KEY, deadline_of, deadline_text, number_of


@given(st.integers(0, 10**10))
def test_a_deadline_comes_back_to_the_microsecond(tenth_seconds: int) -> None:
    deadline = tenth_seconds / 10

    params = {"_meta": {DEADLINE_KEY: deadline_text(deadline)}}

    assert deadline_of(params) == pytest.approx(deadline, abs=1e-6)


def test_a_deadline_travels_as_iso_time_with_its_offset() -> None:
    assert deadline_text(0.5) == "1970-01-01T00:00:00.500000+00:00"


@pytest.mark.parametrize("deadline", [1e12, 1e300, float("inf")])
def test_a_deadline_beyond_all_calendars_is_the_last_of_days(deadline: float) -> None:
    assert deadline_text(deadline) == "9999-12-31T00:00:00+00:00"


def test_the_first_of_days_is_a_deadline_too() -> None:
    assert deadline_of({"_meta": {DEADLINE_KEY: "0001-01-01T00:00:00+01:00"}}) == -62135600400.0


@pytest.mark.parametrize("text", ["1970-01-01T00:00:10Z", "1970-01-01T02:00:10+02:00"])
def test_a_deadline_in_any_zone_is_the_same_moment(text: str) -> None:
    assert deadline_of({"_meta": {DEADLINE_KEY: text}}) == 10.0


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        {"_meta": None},
        {"_meta": "soon"},
        {"_meta": {}},
        {"_meta": {DEADLINE_KEY: None}},
        {"_meta": {DEADLINE_KEY: 1700000000}},
        {"_meta": {DEADLINE_KEY: "soon"}},
        {"_meta": {DEADLINE_KEY: "1970-01-01T00:00:10"}},
    ],
)
def test_what_is_no_deadline_counts_as_none(params: dict[str, Any] | None) -> None:
    assert deadline_of(params) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (2.5, 2.5),
        (10**400, None),
        (-(10**400), None),
        (True, None),
        ("1", None),
        (None, None),
        ([], None),
    ],
)
def test_a_number_is_what_a_float_can_hold(value: object, number: float | None) -> None:
    assert number_of(value) == number

"""Python's values as JSON, and what is said of those that are none."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.plain import plain, plain_arguments


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Bird(BaseModel):
    name: str
    hatched: dt.date | None = None
    wing_count: int = Field(default=2, alias="wings")


class Weight(BaseModel):
    kilograms: float


@dataclass
class Nest:
    birds: list[Bird]
    place: Path


class Foo:
    """Nothing that JSON has."""


def test_values_become_plain_json() -> None:
    value = {
        "a": np.array([1, 2]),
        "b": np.float64(0.5),
        "c": (dt.date(2026, 1, 2), dt.time(3, 4)),
        "d": dt.timedelta(minutes=1),
        5: {True},
    }

    assert plain(value) == {
        "a": [1, 2],
        "b": 0.5,
        "c": ["2026-01-02", "03:04:00"],
        "d": 60.0,
        "5": [True],
    }


def test_common_types_of_python_become_json() -> None:
    uuid = UUID(int=5)
    arguments = {
        "model": Bird(name="wren", hatched=dt.date(2026, 1, 2)),
        "nest": Nest([Bird(name="owl")], Path("a/b")),
        "enums": [Colour.RED, Level.HIGH],
        "by colour": {Colour.RED: 1},
        "decimals": [Decimal("3.00"), Decimal("0.1"), Decimal("12345678901234567890")],
        "uuid": uuid,
        "times": [pd.Timestamp("2026-01-02"), np.datetime64("2026-01-02T03:04:05.5", "ns")],
        "dates": np.array(["2026-01-02"], dtype="datetime64[D]"),
        "waits": np.array([1_500_000_000], dtype="timedelta64[ns]"),
        "scalars": [np.float32(0.5), np.int8(3), np.bool_(True), np.str_("x")],
    }

    assert plain_arguments(arguments) == {
        "model": {"name": "wren", "hatched": "2026-01-02", "wings": 2},
        "nest": {"birds": [{"name": "owl", "hatched": None, "wings": 2}], "place": "a/b"},
        "enums": ["red", 3],
        "by colour": {"red": 1},
        "decimals": [3, 0.1, 12345678901234567890],
        "uuid": str(uuid),
        "times": ["2026-01-02T00:00:00", "2026-01-02T03:04:05.500000"],
        "dates": ["2026-01-02"],
        "waits": [1.5],
        "scalars": [0.5, 3, True, "x"],
    }


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Foo(), "bird: a Foo is not JSON; pass a dict, list, str, number, bool or None"),
        ([{"egg": Foo()}], "bird.0.egg: a Foo is not JSON; pass a dict"),
        (Foo, "bird: a type is not JSON"),
        (b"x", "bird: a bytes is not JSON"),
        (math.inf, "bird: JSON has no inf; leave it out or pass None"),
        (-np.float32("inf"), "bird: JSON has no -inf"),
        (math.nan, "bird: JSON has no nan"),
        (Decimal("NaN"), "bird: JSON has no NaN"),
        (Decimal("-Infinity"), "bird: JSON has no -inf"),
        (pd.NaT, "bird: JSON has no NaT"),
        (pd.NA, "bird: JSON has no NA"),
        (np.datetime64("NaT"), "bird: JSON has no NaT"),
        (np.array(["NaT"], dtype="datetime64[s]"), "bird: JSON has no NaT"),
        (np.array([1.0, math.nan]), "bird.1: JSON has no nan"),
        (Weight(kilograms=math.inf), "bird.kilograms: JSON has no inf"),
        (Decimal("0.1234567890123456789"), "bird: JSON's numbers do not keep all digits"),
        (np.longdouble("0.1"), "bird: a longdouble is not JSON; pass a float or a str"),
        (np.array([0.5], np.longdouble), "bird.0: a longdouble is not JSON"),
        (np.timedelta64(2, "Y"), "bird: a time of months or years is no number of seconds"),
        ({1: "a", "1": "b"}, "bird: two of its names are '1' as text"),
        (Decimal("1E+1000000"), "bird: JSON's numbers do not keep all digits"),
    ],
)
def test_what_json_does_not_have_is_refused_by_name(value: Any, told: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        plain_arguments({"bird": value})

    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    "time", ["2026-01-02T03:04:05.123456789", "20000-01-02T03:04:05", "-100-01-02T03:04:05"]
)
def test_times_that_python_has_none_for_are_sent_exactly(time: str) -> None:
    times = np.array([time], "datetime64[ns]" if "." in time else "datetime64[s]")

    assert plain_arguments({"array": times, "scalar": times[0], "one": times.reshape(1, 1)}) == {
        "array": [time],
        "scalar": time,
        "one": [[time]],
    }


def test_columns_of_times_are_sent_exactly() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-02T03:04:05.123456789"]))
    waits = np.array([1, 1_500_000_000], "timedelta64[ns]")

    assert plain_arguments({"times": times, "waits": waits, "long": np.timedelta64(2, "D")}) == {
        "times": ["2026-01-02T03:04:05.123456789"],
        "waits": [1e-09, 1.5],
        "long": 172800.0,
    }


def test_a_value_within_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)

    with pytest.raises(InvalidArguments) as caught:
        plain_arguments({"ring": ring})

    assert str(caught.value) == "ring.0.0.0.0.0.0.0.…: nested without end"

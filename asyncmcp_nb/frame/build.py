"""Lists of Python values to typed pandas columns, exactly.

pandas itself would turn integers with a gap into floats, and so change large ones. Here the dtype
follows from the kind of the values alone, never from whether some are missing: ``Int64``,
``boolean``, ``float64``, ``string``, or ``object`` for what is mixed, nested or does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from asyncmcp_nb.ledger.answers import storable

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_EXACT_IN_FLOAT: Final = 2**53


def strings(values: Sequence[str | None]) -> pd.Series:
    """A ``string`` column."""
    arrow = pyarrow()
    return pd.Series(pd.array(values if arrow is None else texts(arrow, values), dtype="string"))


def pyarrow() -> Any:
    """The library, which makes text columns in a third of the time; None where it is not there."""
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


def texts(arrow: Any, values: Sequence[str | None]) -> Any:
    """Text as pyarrow has it."""
    return arrow.array(values, type=arrow.large_string())


def integers(values: Sequence[int | None]) -> pd.Series:
    """An ``Int64`` column; every value fits."""
    return pd.Series(pd.arrays.IntegerArray(*integer_arrays(values)))


def integer_arrays(values: Sequence[int | None]) -> tuple[Integers, Booleans]:
    """Numbers, 0 where missing, and which are missing."""
    count = len(values)
    try:
        return integer_array(cast("Sequence[int]", values)), np.zeros(count, bool)
    except TypeError:  # of a None
        missing = np.fromiter([value is None for value in values], bool, count)
        return integer_array([value or 0 for value in values]), missing


def integer_array(values: Sequence[int]) -> Integers:
    """Numbers; every value fits."""
    return np.fromiter(values, np.int64, len(values))


def floats(values: Sequence[float | None]) -> pd.Series:
    """A ``float64`` column, NaN where missing."""
    return pd.Series(float_array(values))


def float_array(values: Sequence[float | None]) -> Floats:
    """Numbers with NaN where missing."""
    count = len(values)
    try:
        return np.fromiter(cast("Sequence[float]", values), np.float64, count)
    except TypeError:  # of a None
        return np.fromiter([math.nan if v is None else v for v in values], np.float64, count)


def times(seconds: Floats) -> pd.Series:
    """A ``datetime64[us, UTC]`` column of Unix seconds, NaT for NaN."""
    return pd.Series(pd.DatetimeIndex(_whole(seconds).view("datetime64[us]"), tz="UTC"))


def waits(begun: Floats, ended: Floats) -> pd.Series:
    """A ``timedelta64[us]`` column: from one time to another, both in seconds."""
    return pd.Series(_whole(ended - begun).view("timedelta64[us]"))


def objects(values: Sequence[Any]) -> pd.Series:
    """An ``object`` column, lists and dicts as single values."""
    cells = np.fromiter(values, dtype=object, count=len(values))
    # Unless told, pandas 3 makes a string column of it.
    return pd.Series(cells, dtype=object)


def inferred(values: Sequence[Any]) -> pd.Series:
    """A column of the narrowest dtype that keeps every value as it is; None is missing."""
    kinds: set[type] = {type(value) for value in values if value is not None}
    if kinds == {str} and all(v is None or storable(v) == v for v in values):
        return strings(values)
    if kinds == {bool}:
        return pd.Series(pd.array(values, dtype="boolean"))
    if kinds == {int} and all(v is None or _INT64_MIN <= v <= _INT64_MAX for v in values):
        return integers(values)
    if kinds == {float} or (
        kinds == {int, float}
        and all(not isinstance(v, int) or abs(v) <= _EXACT_IN_FLOAT for v in values)
    ):
        return floats(values)
    return objects(values)


def table(rows: Sequence[Mapping[str, Any]]) -> dict[str, pd.Series]:
    """Columns of rows, in the order in which their names first occur; absent values are missing."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: inferred([row.get(name) for row in rows]) for name in names}


def _whole(seconds: Floats) -> Integers:
    """Microseconds; NaT where there are none."""
    missing = np.isnan(seconds)
    whole = np.rint(np.where(missing, 0.0, seconds) * 1e6).astype(np.int64)
    whole[missing] = np.iinfo(np.int64).min  # NaT
    return whole

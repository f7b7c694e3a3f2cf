"""Lists of Python values to typed pandas columns, exactly.

pandas itself would turn integers with a gap into floats, and so change large ones. Here the dtype
follows from the kind of the values alone, never from whether some are missing: ``Int64``,
``boolean``, ``float64``, ``string``, or ``object`` for what is mixed, nested or does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from asyncmcp_nb.ledger.answers import storable

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
_EXACT_IN_FLOAT: Final = 2**53


def strings(values: Sequence[str | None]) -> pd.Series:
    """A ``string`` column."""
    return pd.Series(pd.array(_arrow(values), dtype="string"))


def _arrow(values: Sequence[str | None]) -> Any:
    """The values as pyarrow has them, where it is there; pandas itself takes thrice the time."""
    try:
        import pyarrow
    except ImportError:
        return values
    # It ships no types; these two are all that is used.
    arrow: Any = pyarrow
    return arrow.array(values, type=arrow.large_string())


def integers(values: Sequence[int | None]) -> pd.Series:
    """An ``Int64`` column; every value fits."""
    count = len(values)
    if None not in values:
        numbers = np.fromiter(values, dtype=np.int64, count=count)
        return pd.Series(pd.arrays.IntegerArray(numbers, np.zeros(count, dtype=bool)))
    missing = np.fromiter((value is None for value in values), dtype=bool, count=count)
    numbers = np.fromiter((value or 0 for value in values), dtype=np.int64, count=count)
    return pd.Series(pd.arrays.IntegerArray(numbers, missing))


def floats(values: Sequence[float | None]) -> pd.Series:
    """A ``float64`` column, NaN where missing."""
    return pd.Series(_float_array(values))


def _float_array(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers with NaN where missing."""
    return np.array(values, dtype=np.float64)  # it takes None for NaN


def times(seconds: Sequence[float | None]) -> pd.Series:
    """A ``datetime64[us, UTC]`` column of Unix seconds."""
    return pd.Series(pd.DatetimeIndex(_microseconds(seconds).view("datetime64[us]"), tz="UTC"))


def waits(begun: Sequence[float | None], ended: Sequence[float | None]) -> pd.Series:
    """A ``timedelta64[us]`` column: from one time to another, both in seconds."""
    seconds = _float_array(ended) - _float_array(begun)
    return pd.Series(_whole(seconds).view("timedelta64[us]"))


def parsed(texts: Sequence[str]) -> list[Any]:
    """JSON texts as values; every text is valid by itself.

    They are parsed as one array, in about half the time that one call of the parser each takes.
    """
    return json.loads(f"[{','.join(texts)}]")


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


def _microseconds(seconds: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return _whole(_float_array(seconds))


def _whole(seconds: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Microseconds; NaT where there are none."""
    missing = np.isnan(seconds)
    whole = np.rint(np.where(missing, 0.0, seconds) * 1e6).astype(np.int64)
    whole[missing] = np.iinfo(np.int64).min  # NaT
    return whole

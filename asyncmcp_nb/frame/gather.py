"""Columns that come a part at a time.

A part becomes an array at once, and what it was made of is let go: its memory serves for the next
part while the processor's cache still has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from asyncmcp_nb.frame import build


class Floats:
    """Numbers, NaN where missing."""

    def __init__(self) -> None:
        self._parts = [build.float_array(())]

    def add(self, values: Sequence[float | None]) -> None:
        """Take the next part."""
        self._parts.append(build.float_array(values))

    def array(self) -> build.Floats:
        """All of them."""
        return np.concatenate(self._parts)


class Integers:
    """An ``Int64`` column."""

    def __init__(self) -> None:
        self._parts = [build.integer_arrays(())]

    def add(self, values: Sequence[int | None]) -> None:
        """Take the next part; every value fits."""
        self._parts.append(build.integer_arrays(values))

    def series(self) -> pd.Series:
        """The column."""
        numbers, missing = zip(*self._parts, strict=True)
        return pd.Series(pd.arrays.IntegerArray(np.concatenate(numbers), np.concatenate(missing)))


class Strings:
    """A ``string`` column."""

    def __init__(self) -> None:
        self._arrow = build.pyarrow()
        self._parts: list[Any] = []

    def add(self, values: Sequence[str | None]) -> None:
        """Take the next part."""
        self._parts.append(values if self._arrow is None else build.texts(self._arrow, values))

    def series(self) -> pd.Series:
        """The column."""
        if self._arrow is None:
            return build.strings([value for part in self._parts for value in part])
        whole = self._arrow.chunked_array(self._parts, type=self._arrow.large_string())
        return pd.Series(pd.array(whole.combine_chunks(), dtype="string"))


class Names:
    """A category of the names that occur, which are in order."""

    def __init__(self) -> None:
        self._codes = _Codes()
        self._parts = [build.integer_array(())]

    def add(self, values: Sequence[str]) -> None:
        """Take the next part."""
        self._parts.append(build.integer_array([self._codes[name] for name in values]))

    def series(self) -> pd.Series:
        """The column."""
        dtype = pd.CategoricalDtype(list(self._codes))
        column = pd.Series(pd.Categorical.from_codes(np.concatenate(self._parts), dtype=dtype))
        return column.cat.reorder_categories(sorted(self._codes))


class _Codes(dict[str, int]):
    """A number for each name, given when it is first asked for."""

    def __missing__(self, name: str) -> int:
        code = self[name] = len(self)
        return code

"""Columns that come a part at a time: as values, or packed in a block.

A part becomes an array at once, and what it was made of is let go: its memory serves for the next
part while the processor's cache still has it. What is packed becomes one as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd

from asyncmcp_nb.frame import build
from asyncmcp_nb.ledger.block import Block


class Gathered(Protocol):
    """A column."""

    def add(self, values: Sequence[Any]) -> None:
        """Take the next part."""
        ...

    def add_block(self, block: Block) -> None:
        """Take the next part from a block."""
        ...


class Floats:
    """Numbers, NaN where missing."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._parts = [build.float_array(())]

    def add(self, values: Sequence[float | None]) -> None:
        """See ``Gathered``."""
        self._parts.append(build.float_array(values))

    def add_block(self, block: Block) -> None:
        """See ``Gathered``."""
        self._parts.append(np.frombuffer(block.floats(self._field), np.float64))

    def array(self) -> build.Floats:
        """All of them."""
        return np.concatenate(self._parts)


class Integers:
    """Whole numbers."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._parts = [build.integer_arrays(())]

    def add(self, values: Sequence[int | None]) -> None:
        """See ``Gathered``; every value fits."""
        self._parts.append(build.integer_arrays(values))

    def add_block(self, block: Block) -> None:
        """See ``Gathered``."""
        numbers, missing = block.integers(self._field)
        whole = np.frombuffer(numbers, np.int64)
        self._parts.append((whole, _flags(missing, len(whole))))

    def array(self) -> build.Integers:
        """All of them, 0 where missing."""
        return np.concatenate([numbers for numbers, _ in self._parts])

    def series(self) -> pd.Series:
        """An ``Int64`` column."""
        missing = np.concatenate([missing for _, missing in self._parts])
        return pd.Series(pd.arrays.IntegerArray(self.array(), missing))


class Strings:
    """A ``string`` column."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._arrow = build.pyarrow()
        self._parts: list[Any] = []

    def add(self, values: Sequence[str | None]) -> None:
        """See ``Gathered``."""
        self._parts.append(values if self._arrow is None else build.texts(self._arrow, values))

    def add_block(self, block: Block) -> None:
        """See ``Gathered``."""
        texts = block.texts(self._field)
        if self._arrow is None:
            self._parts.append(texts.values())
            return
        count = len(texts.offsets) - 1
        there = None
        if texts.missing is not None:
            there = np.packbits(~_flags(texts.missing, count), bitorder="little")
        buffers = [
            None if part is None else self._arrow.py_buffer(part)
            for part in (there, texts.offsets, texts.data)
        ]
        self._parts.append(
            self._arrow.Array.from_buffers(self._arrow.large_string(), count, buffers)
        )

    def series(self) -> pd.Series:
        """The column."""
        if self._arrow is None:
            return build.strings([value for part in self._parts for value in part])
        whole = self._arrow.chunked_array(self._parts, type=self._arrow.large_string())
        return pd.Series(pd.array(whole.combine_chunks(), dtype="string"))


class Tools:
    """A category of the tools that occur, which are in order."""

    def __init__(self) -> None:
        self._codes = _Codes()
        self._parts = [build.integer_array(())]

    def add(self, values: Sequence[str]) -> None:
        """See ``Gathered``."""
        self._parts.append(self._coded(values))

    def add_block(self, block: Block) -> None:
        """See ``Gathered``."""
        names, codes = block.tools()
        self._parts.append(self._coded(names)[np.frombuffer(codes, np.int64)])

    def series(self) -> pd.Series:
        """The column."""
        dtype = pd.CategoricalDtype(list(self._codes))
        column = pd.Series(pd.Categorical.from_codes(np.concatenate(self._parts), dtype=dtype))
        return column.cat.reorder_categories(sorted(self._codes))

    def _coded(self, names: Iterable[str]) -> build.Integers:
        return build.integer_array([self._codes[name] for name in names])


class _Codes(dict[str, int]):
    """A number for each name, given when it is first asked for."""

    def __missing__(self, name: str) -> int:
        code = self[name] = len(self)
        return code


def _flags(missing: bytes | None, count: int) -> build.Booleans:
    """Which values of a block are missing."""
    if missing is None:
        return np.zeros(count, bool)
    return cast("build.Booleans", np.frombuffer(missing, bool))

"""Calls that have ended, column by column as a frame takes them: pure.

Numbers are little-endian and 8 bytes each, texts stand one behind the other with where each begins
and ends, and JSON values are one array. So a column is read without making a Python object of each
of its values first.
"""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

from asyncmcp_nb.ledger.structured import ends_of, structured_in
from asyncmcp_nb.ledger.texts import array_of, values_in

INTEGERS: Final[tuple[str, ...]] = (
    "status",
    "error_code",
    "request_bytes",
    "response_bytes",
    "deliveries",
    "attempts",
)
FLOATS: Final[tuple[str, ...]] = (
    "submitted_at",
    "sent_at",
    "running_at",
    "responded_at",
    "progress",
)
TEXTS: Final[tuple[str, ...]] = (
    "call_id",
    "progress_message",
    "text",
    "error_message",
    "group",
    "session",
)
FIELDS: Final[tuple[str, ...]] = (
    *INTEGERS,
    *FLOATS,
    *TEXTS,
    "tool",
    "arguments_json",
    "answer_json",
)
"""Of ``CallRecord``; ``status`` is its rank."""

INTEGER: Final = "q"
FLOAT: Final = "d"


class Packed(NamedTuple):
    """A column, as the file has it."""

    data: bytes
    numbers: bytes | None = None
    """Of texts the ends, of names which of them; 64-bit integers."""
    missing: bytes | None = None
    """A byte a value, 1 where it is missing; None where none is."""


class Texts(NamedTuple):
    """A column of text."""

    data: bytes
    """UTF-8, without anything between the texts."""
    offsets: array[int]
    """Where each text begins, and the end of the last: one more than there are texts."""
    missing: bytes | None
    """A byte a text, 1 where it is missing; None where none is."""

    def values(self) -> list[str | None]:
        """The texts, None where one is missing."""
        missing = self.missing or bytes(len(self.offsets) - 1)
        pairs = zip(self.offsets, self.offsets[1:], missing, strict=False)
        return [None if gone else self.data[a:b].decode() for a, b, gone in pairs]


class Block:
    """Calls that follow each other in the order of submission."""

    def __init__(self, columns: Mapping[str, Packed]) -> None:
        self._columns = columns

    def integers(self, field: str) -> tuple[array[int], bytes | None]:
        """One of ``INTEGERS``: the numbers, 0 where missing, and as ``Texts`` which are missing."""
        packed = self._columns[field]
        return _array(INTEGER, packed.data), packed.missing

    def floats(self, field: str) -> array[float]:
        """One of ``FLOATS``; NaN where missing, which SQLite cannot hold."""
        return _array(FLOAT, self._columns[field].data)

    def texts(self, field: str) -> Texts:
        """One of ``TEXTS``."""
        packed = self._columns[field]
        return Texts(packed.data, _array(INTEGER, packed.numbers or b""), packed.missing)

    def tools(self) -> tuple[list[str], array[int]]:
        """The tools that occur, and for each call which of them."""
        packed = self._columns["tool"]
        return json.loads(packed.data), _array(INTEGER, packed.numbers or b"")

    def arguments(self) -> list[Any]:
        """The arguments of each call."""
        return values_in(self._columns["arguments_json"].data)

    def structured(self) -> list[Any]:
        """The structured content of each answer, None where there is none."""
        return structured_in(values_in(self._columns["answer_json"].data))


def pack(columns: Mapping[str, Sequence[Any]]) -> dict[str, Packed] | None:
    """Calls as a block's columns; None where an answer is too odd for it.

    Args:
        columns: For each of ``FIELDS`` a value a call, as ``LedgerReader.parts`` has them.
    """
    answers = array_of(ends_of(columns["answer_json"]))
    try:
        structured_in(values_in(answers))
    except (ValueError, RecursionError):
        return None
    arguments = array_of(columns["arguments_json"])
    return {
        **{field: _packed_integers(columns[field]) for field in INTEGERS},
        **{field: _packed_floats(columns[field]) for field in FLOATS},
        **{field: _packed_texts(columns[field]) for field in TEXTS},
        "tool": _packed_names(columns["tool"]),
        "arguments_json": Packed(arguments.encode()),
        "answer_json": Packed(answers.encode()),
    }


def _packed_integers(values: Sequence[int | None]) -> Packed:
    return Packed(_bytes(INTEGER, [value or 0 for value in values]), missing=_missing(values))


def _packed_floats(values: Sequence[float | None]) -> Packed:
    return Packed(_bytes(FLOAT, [float("nan") if v is None else v for v in values]))


def _packed_texts(values: Sequence[str | None]) -> Packed:
    texts = [(value or "").encode() for value in values]
    offsets = accumulate(map(len, texts), initial=0)
    return Packed(b"".join(texts), _bytes(INTEGER, list(offsets)), _missing(values))


def _packed_names(values: Sequence[str]) -> Packed:
    codes = {name: code for code, name in enumerate(dict.fromkeys(values))}
    return Packed(json.dumps(list(codes)).encode(), _bytes(INTEGER, [codes[v] for v in values]))


def _missing(values: Sequence[Any]) -> bytes | None:
    return bytes([value is None for value in values]) if None in values else None


def _bytes(kind: str, values: Sequence[Any]) -> bytes:
    return _little(array(kind, values)).tobytes()


def _array(kind: str, data: bytes) -> array[Any]:
    found: array[Any] = array(kind)
    found.frombytes(data)
    return _little(found)


def _little(numbers: array[Any]) -> array[Any]:
    """To or from the order of bytes that the file has."""
    if sys.byteorder == "big":  # pragma: no cover - of machines that we have none of
        numbers.byteswap()
    return numbers

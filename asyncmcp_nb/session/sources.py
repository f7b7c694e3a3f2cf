"""What ``map`` maps over: rows of a DataFrame, dicts, or bare values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol, cast, runtime_checkable

from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.validation import only_parameter


@runtime_checkable
class FrameLike(Protocol):
    """A pandas DataFrame, without importing pandas."""

    columns: Any

    def to_dict(self, orient: str) -> list[dict[Any, Any]]:
        """Its rows."""
        ...


Source = FrameLike | Iterable[Any]


def argument_rows(source: Source, tool: Tool | None) -> list[dict[str, Any]]:
    """The arguments of each call.

    A row of a frame gives one argument a column, missing values (NaN, NaT, None) left out; a dict
    is taken as it is; any other value goes to the tool's single parameter.

    Args:
        source: What to map over.
        tool: The tool, where it is known; bare values need it.

    Raises:
        InvalidArguments: There are bare values, and the tool is unknown or has several parameters.
    """
    if isinstance(source, FrameLike):
        return [_row_of(row) for row in source.to_dict("records")]
    rows = list(source)
    if all(isinstance(row, Mapping) for row in rows):
        return [
            {str(k): plain(v) for k, v in cast("Mapping[Any, Any]", row).items()} for row in rows
        ]
    if tool is None:
        raise InvalidArguments(
            "give a dict for each call, or `await session.list_tools()` first, so that the name to "
            "pass a bare value under is known"
        )
    name = only_parameter(tool)
    return [{name: plain(value)} for value in rows]


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy scalars and arrays unpacked, times in ISO form."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in cast("Mapping[Any, Any]", value).items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in cast("Iterable[Any]", value)]
    return value


def _row_of(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): plain(value) for name, value in row.items() if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    # NaT and pandas.NA have no other public mark that needs no pandas.
    return type(value).__name__ in {"NaTType", "NAType"}

"""What ``map`` maps over: rows of a DataFrame, dicts, or bare values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast, runtime_checkable

from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.plain import is_missing, plain_arguments
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

    A row of a frame gives one argument a column, a dict one a key; any other value goes to the
    tool's single parameter. Missing values (NaN, NaT, NA) are left out, and None too in a frame.

    Args:
        source: What to map over.
        tool: The tool, where it is known; bare values need it.

    Raises:
        InvalidArguments: There are bare values, and the tool is unknown or has several parameters;
            or a value cannot be written as JSON.
    """
    return [plain_arguments(row) for row in _rows(source, tool)]


def _rows(source: Source, tool: Tool | None) -> Iterable[Mapping[Any, Any]]:
    if isinstance(source, FrameLike):
        rows = source.to_dict("records")
        return (_present({k: v for k, v in row.items() if v is not None}) for row in rows)
    items = list(source)
    if all(isinstance(item, Mapping) for item in items):
        return map(_present, cast("list[Mapping[Any, Any]]", items))
    if tool is None:
        raise InvalidArguments(
            "give a dict for each call, or `await session.list_tools()` first, so that the name to "
            "pass a bare value under is known"
        )
    name = only_parameter(tool)
    return (_present({name: item}) for item in items)


def _present(row: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in row.items() if not is_missing(value)}

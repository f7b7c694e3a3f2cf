"""What ``map`` maps over: rows of a DataFrame, dicts, or bare values. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, cast, runtime_checkable

from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.session.plain import NotJson, is_missing, plain_arguments
from asyncmcp_nb.session.plain import plain as strictly_plain
from asyncmcp_nb.session.validation import only_parameter


@runtime_checkable
class FrameLike(Protocol):
    """A pandas DataFrame, without importing pandas."""

    columns: Any

    def to_dict(self, orient: str) -> list[dict[Any, Any]]:
        """Its rows."""
        ...


Source = FrameLike | Iterable[Any]
Check = Callable[[Mapping[str, Any]], object]


def checked_source(source: Any, name: str = "source") -> Source:
    """What can be mapped over, once and again: a frame as it is, anything else as a list.

    Args:
        source: What was given. A frame of polars is a list of dicts from then on.
        name: What it is called where it was given.

    Raises:
        InvalidArguments: It is no frame and no list of calls; the message has the next step.
    """
    if callable(to_dicts := getattr(source, "to_dicts", None)):
        # A frame of polars, in which None is what is missing.
        rows = cast("list[dict[str, Any]]", to_dicts())
        return [{name: value for name, value in row.items() if value is not None} for row in rows]
    if isinstance(source, FrameLike):
        return source
    kind = type(source).__name__
    if isinstance(source, Mapping) or hasattr(source, "model_dump"):
        raise InvalidArguments(
            f"{name} is a {kind}; a DataFrame or a list is wanted: [{name}] is one call, "
            f"pandas.DataFrame({name}) one for each row"
        )
    if isinstance(source, str | bytes) or not isinstance(source, Iterable):
        raise InvalidArguments(
            f"{name} is a {kind}; a DataFrame or a list is wanted, with a dict or a value for each "
            "call"
        )
    return list(cast("Iterable[Any]", source))


def named_arguments(tool: str, arguments: Any, named: Mapping[str, Any]) -> dict[Any, Any]:
    """The arguments of one call, from a dict and from names.

    Raises:
        InvalidArguments: The first is no dict.
    """
    if arguments is None:
        return dict(named)
    if not isinstance(arguments, Mapping):
        raise InvalidArguments(
            f"the arguments of {tool} are a {type(arguments).__name__}; pass a dict, "
            f"or names and values: ({tool!r}, name=value)"
        )
    return {**cast("Mapping[Any, Any]", arguments), **named}


def argument_rows(
    source: Source,
    tool: Tool | None,
    *,
    common: Mapping[str, Any] | None = None,
    check: Check = lambda _: None,
) -> list[dict[str, Any]]:
    """The arguments of each call.

    A row of a frame gives one argument a column, a dict one a key; any other value goes to the
    tool's single parameter. Missing values (NaN, NaT, NA) are left out, and None too in a frame.

    Args:
        source: What to map over; see ``checked_source``.
        tool: The tool, where it is known; bare values need it.
        common: Arguments of every call.
        check: Called with the arguments of each call; it may raise ``InvalidArguments``.

    Raises:
        InvalidArguments: There are bare values, and the tool is unknown or has several parameters;
            or a value cannot be written as JSON, or ``check`` refuses a row. The message names it.
    """
    shared = plain_arguments(common or {})
    found: list[dict[str, Any]] = []
    for number, row in enumerate(_rows(source, tool)):
        present = {name: value for name, value in row.items() if not is_missing(value)}
        try:
            arguments = {**shared, **plain_arguments(present)}
            check(arguments)
        except InvalidArguments as exc:
            left_out = [str(name) for name in row if name not in present]
            hint = _hint(left_out, tool)
            raise InvalidArguments(f"{_place(source, number)}: {exc}{hint}") from None
        found.append(arguments)
    return found


def plain(value: Any) -> Any:
    """A value as JSON has it, for a form, which has its own words for what JSON does not have."""
    try:
        return strictly_plain(value)
    except NotJson:
        return value


def _rows(source: Source, tool: Tool | None) -> Iterable[Mapping[Any, Any]]:
    if isinstance(source, FrameLike):
        if getattr(source.columns, "is_unique", True) is False:
            # pandas would leave one out, and warn.
            raise InvalidArguments("the DataFrame has two columns of one name; rename one")
        # In a frame None is as missing as NaN.
        return (
            {name: math.nan if value is None else value for name, value in row.items()}
            for row in source.to_dict("records")
        )
    items = list(source)
    if all(isinstance(item, Mapping) for item in items):
        return cast("list[Mapping[Any, Any]]", items)
    if tool is None:
        raise InvalidArguments(
            "give a dict for each call, or `await session.list_tools()` first, so that the name to "
            "pass a bare value under is known"
        )
    name = only_parameter(tool)
    return ({name: item} for item in items)


def _place(source: Source, number: int) -> str:
    if not isinstance(source, FrameLike):
        return f"item {number}"
    label: Any = getattr(source, "index", range(number + 1))[number]
    if isinstance(label, str):
        return f"row {number} (index {label!r})"
    # As text, since pandas.NA equals nothing and cannot say so.
    return f"row {number}" if str(label) == str(number) else f"row {number} (index {label})"


def _hint(left_out: Iterable[str], tool: Tool | None) -> str:
    """That a required argument lacks since its value is missing."""
    required: Any = None if tool is None else tool.input_schema.get("required")
    wanted = [name for name in left_out if name in (required or ())]
    names = ", ".join(wanted)
    verb = "is" if len(wanted) == 1 else "are"
    return f"; {names} {verb} missing there (NaN, NaT, NA or None), and left out" if wanted else ""

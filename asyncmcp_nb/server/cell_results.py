"""What a cell's tool returns of pandas and numpy, as JSON: rows of a table, lists, numbers.

The SDK would send their ``repr``, and can make no schema of their types. They are known by name:
a cell that returns one has imported it, and no other need.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin

import pydantic_core
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent

_LIBRARIES: Final = frozenset({"pandas", "numpy"})
_MISSING: Final = frozenset({"NaTType", "NAType"})
_UNNAMED: Final = "value"
"""The column of a Series that has no name."""
_GENERICS: Final[dict[Any, Any]] = {
    **{kind: kind for kind in (list, dict, tuple, Annotated, Union)},
    UnionType: Union,
}
"""Annotations that are made of others, and what makes them anew."""


def with_json_results(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the same parameters that returns tables and arrays as JSON has them.

    A DataFrame becomes an object for each row, under ``result`` of the structured content; a Series
    does so too where its index says something, and is a list otherwise, as an array is. What is
    missing is null, times are in ISO form, and times between are in seconds.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def returning_async(*args: Any, **kwargs: Any) -> Any:
            return _result(await function(*args, **kwargs))

        return _annotated(returning_async, function)

    @functools.wraps(function)
    def returning(*args: Any, **kwargs: Any) -> Any:
        return _result(function(*args, **kwargs))

    return _annotated(returning, function)


def what_is_wrong(error: BaseException | None) -> str | None:
    """What the SDK found wrong with a result; None for an error of another kind."""
    if isinstance(error, pydantic_core.ValidationError):
        first = error.errors(include_url=False)[0]
        return f"does not fit its annotation: {'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, pydantic_core.PydanticSerializationError):
        return f"is not JSON: {error}"
    return None


def _annotated(wrapper: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper, with an annotation of its result of which a schema can be made."""
    signature = inspect.signature(function, eval_str=True)
    returned = _json_type(signature.return_annotation)
    wrapper.__signature__ = signature.replace(return_annotation=returned)
    return wrapper


def _json_type(annotation: Any) -> Any:
    """The annotation of what becomes of a result; without one where that cannot be said."""
    kind: Any = get_origin(annotation) or annotation
    names = _names(kind) if isinstance(kind, type) else frozenset[str]()
    if "DataFrame" in names:
        return list[dict[str, Any]]
    if names & {"Series", "Index", "ndarray"}:
        return list[Any]
    if names:
        return inspect.Signature.empty
    parts = get_args(annotation)
    changed = tuple(map(_json_type, parts))
    if all(map(operator.is_, changed, parts)):
        return annotation
    is_known = kind in _GENERICS and inspect.Signature.empty not in changed
    return _GENERICS[kind][changed] if is_known else inspect.Signature.empty


def _result(value: object) -> Any:
    """What the SDK is to make an answer of.

    Raises:
        ToolError: JSON cannot have it, or not under the names that it has.
    """
    try:
        plain = _plain(value)
    except (TypeError, ValueError, RecursionError) as exc:
        raise ToolError(f"its result is not JSON: {exc}") from exc
    if not _is_table(value, plain):
        return plain
    # One text for the whole: the SDK would make one of each row.
    structured: dict[str, Any] = {"result": plain}
    text = TextContent(text=pydantic_core.to_json(structured).decode())
    return CallToolResult(content=[text], structured_content=structured)


def _is_table(value: object, plain: object) -> bool:
    """Whether a list was made of a table or array, or of several that stand side by side."""
    if isinstance(value, list | tuple):
        pairs = list(zip(cast("list[Any]", value), cast("list[Any]", plain), strict=True))
        return bool(pairs) and all(_is_table(*pair) for pair in pairs)
    return isinstance(plain, list) and bool(_names(type(value)))


def _plain(value: object) -> Any:
    """The value, or what becomes of it and of all that it contains."""
    if not _names(type(value)):
        return _parts(value, _plain)
    if isinstance(value, float | str | bytes):
        return value
    return pydantic_core.to_jsonable_python(
        _unpacked(value), timedelta_mode="float", inf_nan_mode="null", fallback=str
    )


def _unpacked(value: Any) -> Any:
    """Python's own values of one of pandas' or numpy's, and of all in it; as it is where none."""
    names = _names(cast("type[object]", type(value)))
    if "DataFrame" in names:
        return _rows(value)
    if "Series" in names and not _counts(value.index):
        return _rows(value.to_frame(_UNNAMED if value.name is None else value.name))
    if "MultiIndex" in names:
        return list(map(_unpacked, value))
    if names & {"Series", "Index", "ExtensionArray"}:
        cells = zip(value.astype(object), value.isna(), strict=True)
        return [None if gap else _unpacked(cell) for cell, gap in cells]
    if names & {"ndarray", "generic"}:
        return _of_numpy(value)
    if "Timestamp" in names and (value.nanosecond or not 0 < value.year < 10_000):
        return value.isoformat()  # pydantic has microseconds, and years of four digits
    return None if names & _MISSING else _parts(value, _unpacked)


def _of_numpy(value: Any) -> Any:
    """An array or a scalar of numpy's, its times as exact as they are."""
    if value.dtype.kind not in "mM":
        return _parts(value.tolist(), _unpacked)
    if value.ndim:
        return [_unpacked(part) for part in value]
    if value.dtype.kind == "m":
        return (value / value.dtype.type(1, "s")).tolist()
    short = value.astype("datetime64[us]")
    told = short.tolist()
    is_exact = told is None or (isinstance(told, datetime) and bool(short == value))
    return told if is_exact else str(value)


def _parts(value: object, change: Callable[[Any], Any]) -> Any:
    """A dict, a list, a tuple or a set with each of its parts changed; anything else as it is."""
    if isinstance(value, dict):
        return {key: change(part) for key, part in cast("dict[Any, Any]", value).items()}
    for kind in cast("list[Any]", [list, tuple, set, frozenset]):
        if isinstance(value, kind):
            return kind(change(part) for part in cast("list[Any]", value))
    return value


def _rows(frame: Any) -> list[dict[str, Any]]:
    """A row each, with its index where that is more than a count; what is missing is None."""
    if not _counts(frame.index):
        frame = frame.reset_index(allow_duplicates=True)
    frame = frame.set_axis([_name(label) for label in frame.columns], axis="columns")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"the DataFrame has two columns {twice!r}; rename one")
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{name: _unpacked(cell) for name, cell in record.items()} for record in records]


def _counts(index: object) -> bool:
    return type(index).__name__ == "RangeIndex" and getattr(index, "name", None) is None


def _name(label: Any) -> str:
    """A column's name as text; that of several levels has all of them."""
    parts = cast("tuple[Any]", label) if isinstance(label, tuple) else (label,)
    return ".".join(filter(None, map(str, parts)))


def _names(kind: type[object]) -> frozenset[str]:
    """What pandas and numpy call a type and those it is made of; nothing for all other types."""
    theirs = [base for base in kind.__mro__ if base.__module__.partition(".")[0] in _LIBRARIES]
    return frozenset(base.__name__ for base in theirs)

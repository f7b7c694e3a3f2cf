"""Whether a value is a table, which one, and why not; pure but for the markup of a table.

A table is a list of objects that are mostly flat, an object of columns of one length, pandas'
``columns`` and ``data``, or an object that holds one of these and otherwise single values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from asyncmcp_nb.printable import counted, cut, one_line
from asyncmcp_nb.ui.answer.folding import left_out, note
from asyncmcp_nb.ui.escape import Html, tag

ABSENT: Final = object()
"""The cell of a row that does not have this column, which is not a null."""

_ROWS: Final = 50
_COLUMNS: Final = 20
_NAMED_COLUMNS: Final = 5
_CELL_CHARACTERS: Final = 300
_TIGHT_CHARACTERS: Final = 20
"""Text that stays on one line whatever stands beside it, such as a date, which has places to break
at, and is read worse in two."""
_TEXT_ROWS: Final = 20
_TEXT_CELL_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length."""

    columns: Mapping[str, Sequence[Any]]
    """Cells by the name of their column: scalars, None, or ``ABSENT``; JSON in ``nested``."""
    row_count: int
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Single values that came with the table."""
    nested: Sequence[str] = ()
    """Columns that have lists or objects in their cells."""


def table_of(value: Any) -> Table | str:
    """The table that a JSON value is, or in words why it is none."""
    if isinstance(value, list):
        return _of_records(cast("list[Any]", value))
    if not isinstance(value, dict):
        return f"it is {_a(value)}"
    found = cast("dict[str, Any]", value)
    table = _flat(found)
    nested = [name for name, inner in found.items() if isinstance(inner, dict | list)]
    if isinstance(table, Table) or len(nested) != 1:
        return table
    return _within(found, nested[0])


def _flat(found: dict[str, Any]) -> Table | str:
    """The table that an object is by itself, whatever may stand in one of its fields."""
    if not found:
        return "it is an empty object"
    if isinstance(found.get("columns"), list) and _is_split(found):
        return _of_split(found)
    if all(isinstance(inner, list) for inner in found.values()):
        return _of_columns(cast("dict[str, list[Any]]", found))
    nested_count = sum(isinstance(inner, dict | list) for inner in found.values())
    if not nested_count:
        return "it is one object, not a list of them"
    return f"it is an object of {counted(len(found), 'field')}, {nested_count:,} of them nested"


def _is_split(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("data"), list) and set(found) <= {"columns", "data", "index"}


def _of_records(rows: list[Any]) -> Table | str:
    if not rows:
        return "it is an empty list"
    names: dict[str, None] = {}
    nested: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            return f"item {number:,} is {_a(row)}, not an object"
        for name, cell in cast("dict[str, Any]", row).items():
            names[name] = None
            if isinstance(cell, dict | list):
                nested.setdefault(name, f"{_named(name)} of item {number:,} is {_a(cell)}")
    if not names:
        return "its objects are empty"
    if 2 * len(nested) > len(names):
        # Mostly JSON in its cells, it would say less than a tree.
        return next(iter(nested.values()))
    records = cast("list[dict[str, Any]]", rows)
    columns = {name: [row.get(name, ABSENT) for row in records] for name in names}
    return Table(columns, len(records), nested=tuple(nested))


def _of_columns(found: Mapping[str, list[Any]]) -> Table | str:
    lengths = sorted((len(column), name) for name, column in found.items())
    (fewest, shortest), (most, longest) = lengths[0], lengths[-1]
    for name, column in found.items():
        if nested := _nested_in(column):
            return f"{_named(name)} holds {nested}"
    if fewest < most:
        return (
            f"its lists are of different length: {fewest:,} in {_named(shortest)}, "
            f"{most:,} in {_named(longest)}"
        )
    return Table(dict(found), most) if most else "its lists are empty"


def _of_split(found: Mapping[str, Any]) -> Table | str:
    names = [str(name) for name in found["columns"]]
    rows = cast("list[Any]", found["data"])
    if len(set(names)) < len(names):
        return "two of its columns have the same name"
    if not names or not rows:
        return "it has no columns" if rows else "it has no rows"
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list):
            return f"row {number:,} is {_a(row)}, not a list"
        cells = cast("list[Any]", row)
        if len(cells) != len(names):
            return (
                f"row {number:,} has {counted(len(cells), 'value')} for "
                f"{counted(len(names), 'column')}"
            )
        if nested := _nested_in(cells):
            return f"row {number:,} holds {nested}"
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return Table(columns, len(rows))


def _within(found: Mapping[str, Any], name: str) -> Table | str:
    """The table in the one nested field, the others standing beside it."""
    inner: Any = found[name]
    if isinstance(inner, list):
        table = _of_records(cast("list[Any]", inner))
    elif len(found) == 1:
        table = _flat(cast("dict[str, Any]", inner))
    else:
        return f"{_named(name)} is an object among single values"
    if isinstance(table, str):
        return f"{_named(name)}: {table}"
    beside = {key: value for key, value in found.items() if key != name}
    return replace(table, beside=beside)


# -- how it looks ---------------------------------------------------------------------------------


def table_html(table: Table) -> Html:
    """The first rows and columns; the caption says how many there are and what is left out."""
    names = list(table.columns)
    shown = names[:_COLUMNS]
    row_count = min(table.row_count, _ROWS)
    rest = left_out({"rows": table.row_count - row_count, "columns": len(names) - len(shown)})
    count = "; ".join([dimensions(table), *_told_nested(table)])
    body = [
        tag("tr", [_cell(table.columns[name][number]) for name in shown])
        for number in range(row_count)
    ]
    made = tag(
        "table",
        tag("thead", tag("tr", [tag("th", cut(name, 80), scope="col") for name in shown])),
        tag("tbody", body),
        class_="amcp-table amcp-narrow amcp-data",
    )
    beside = [
        tag("span", tag("b", cut(name, 80)), " ", cut(cell_text(value), _CELL_CHARACTERS))
        for name, value in list(table.beside.items())[:_COLUMNS]
    ]
    # Its size stands above, where it is seen whichever part of the table is.
    return tag(
        "div",
        tag("div", beside, class_="amcp-beside") if beside else None,
        note(f"{count}; not shown: {rest}" if rest else count),
        tag("div", made, class_="amcp-data-scroll", tabindex=0, role="group", aria_label=count),
    )


def table_text(table: Table) -> str:
    """The first rows in columns of text."""
    names = list(table.columns)[:_COLUMNS]
    count = min(table.row_count, _TEXT_ROWS)
    grid = [[_short(name) for name in names]]
    grid += [[_short(cell_text(table.columns[n][at])) for n in names] for at in range(count)]
    widths = [max(len(row[at]) for row in grid) for at in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in grid
    ]
    left = {"rows": table.row_count - count, "columns": len(table.columns) - len(names)}
    rest = left_out(left)
    about = "; ".join([dimensions(table), *_told_nested(table), *filter(None, [rest])])
    beside = [f"{_short(name)}: {_short(cell_text(v))}" for name, v in table.beside.items()]
    return "\n".join([*beside[:_COLUMNS], *lines, f"({about})"])


def dimensions(table: Table) -> str:
    """Such as ``3 rows, 2 columns``."""
    columns = len(table.columns)
    return (
        f"{table.row_count:,} row{'' if table.row_count == 1 else 's'}, "
        f"{columns:,} column{'' if columns == 1 else 's'}"
    )


def cell_text(value: Any) -> str:
    """A cell as text: nothing where it is absent, a string as it is, anything else as JSON."""
    if value is ABSENT:
        return ""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _cell(value: Any) -> Html:
    words = cut(cell_text(value), _CELL_CHARACTERS)
    if value is None:
        return tag("td", words, class_="amcp-quiet amcp-tight")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return tag("td", words, class_="amcp-number amcp-tight")
    is_short = len(words) <= _TIGHT_CHARACTERS and value is not ABSENT
    return tag("td", words, class_="amcp-tight" if is_short else None)


def _short(text: str) -> str:
    line = one_line(text[: 4 * _TEXT_CELL_CHARACTERS])
    is_long = len(line) > _TEXT_CELL_CHARACTERS
    return f"{line[: _TEXT_CELL_CHARACTERS - 1]}…" if is_long else line


def _told_nested(table: Table) -> list[str]:
    """That cells are JSON, and of which columns; nothing where there is none."""
    if not table.nested:
        return []
    names = ", ".join(_named(name) for name in table.nested[:_NAMED_COLUMNS])
    more = len(table.nested) - _NAMED_COLUMNS
    return [f"cells of {names}{f' and {more:,} more' if more > 0 else ''} are JSON"]


def _named(name: str) -> str:
    return f"“{cut(name, 40)}”"


def _nested_in(cells: Sequence[Any]) -> str | None:
    """What the first nested cell is, or None where all are single values."""
    return next((_a(cell) for cell in cells if isinstance(cell, dict | list)), None)


def _a(value: Any) -> str:
    """What a JSON value is, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"

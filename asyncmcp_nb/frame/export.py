"""The log as a file: CSV, Parquet, JSON Lines or HTML, by suffix.

All formats have the columns of ``columns.COLUMNS``. A file is written beside its place and moved
there when it is complete, so there is never half an export.

============  ===================================================================================
``.csv``      UTF-8. Times as ISO 8601, latency in seconds, arguments and structured content as JSON
              text. A *text* cell that starts with ``=``, ``+``, ``-``, ``@``, tab or return gets an
              apostrophe in front, since spreadsheets would run it as a formula; numbers and JSON do
              not.
``.parquet``  The dtypes of the frame; arguments and structured content as JSON text; unit and
              meaning in each field's metadata. Needs pyarrow.
``.jsonl``    One JSON object a line; arguments and structured content as JSON, exact.
``.html``     One page that needs nothing else, everything in it escaped.
============  ===================================================================================
"""

from __future__ import annotations

import csv
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.frame.page import page_parts
from asyncmcp_nb.frame.parquet import write_parquet
from asyncmcp_nb.frame.plain import plain_row
from asyncmcp_nb.frame.redact import Redact, Redaction, nothing_under
from asyncmcp_nb.ledger import CallRecord
from asyncmcp_nb.ledger.answers import dump_json

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_TEXT_COLUMNS: Final = frozenset(column.name for column in COLUMNS if column.is_text)
_JSON_COLUMNS: Final = frozenset(column.name for column in COLUMNS if column.dtype == "object")


def export(
    records: Iterable[CallRecord], path: str | Path, *, redact: Redact | Redaction = None
) -> Path:
    """Write records to a file, replacing one that is there.

    Args:
        records: One row each, in this order.
        path: Its suffix chooses the format; ``~`` is your home.
        redact: What to leave out, see ``redact.Redact``: argument keys, True for all arguments and
            answers, or a function. Left out reads ``[redacted]``. A name that no record has is
            warned of; with a ``Redaction``, which knows them, that is up to who gives it.

    Returns:
        The path that was written.

    Raises:
        ConfigError: The suffix is none of those known, or the folder does not exist.
        MissingDependency: Parquet without pyarrow.
        OSError: The file cannot be written.
    """
    target = Path(path).expanduser()
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        raise ConfigError(f"cannot export to {target.name!r}; known: {', '.join(_WRITERS)}")
    if not target.parent.is_dir():
        raise ConfigError(f"folder {target.parent} does not exist; make it first")
    redaction = redact if isinstance(redact, Redaction) else Redaction(redact)
    rows = [redaction.of(record) for record in records]
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        write(rows, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    if redaction.unmet and redaction is not redact:
        # Where ``session.log.export`` was called.
        warnings.warn(f"redact: {nothing_under(redaction.unmet)}", stacklevel=4)
    return target


def _write_csv(records: Sequence[CallRecord], path: Path) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        # Lines end as RFC 4180 has it; with "\n" Python 3.11 leaves a "\r" in a cell unquoted.
        writer = csv.writer(file)
        writer.writerow([column.name for column in COLUMNS])
        for record in records:
            writer.writerow([_csv_cell(*cell) for cell in plain_row(record).items()])


def _csv_cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name in _JSON_COLUMNS:
        return dump_json(value)
    if name in _TEXT_COLUMNS and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _write_jsonl(records: Sequence[CallRecord], path: Path) -> None:
    with path.open("x", encoding="utf-8", newline="") as file:
        file.writelines(f"{dump_json(plain_row(record))}\n" for record in records)


def _write_html(records: Sequence[CallRecord], path: Path) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.writelines(page_parts(records))


_WRITERS: Final[Mapping[str, Callable[[Sequence[CallRecord], Path], None]]] = {
    ".csv": _write_csv,
    ".parquet": write_parquet,
    ".jsonl": _write_jsonl,
    ".html": _write_html,
}

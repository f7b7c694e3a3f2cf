"""The log as Parquet, with the unit and meaning of each column in the file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asyncmcp_nb.errors import MissingDependency
from asyncmcp_nb.frame import build
from asyncmcp_nb.frame.columns import COLUMNS, Column
from asyncmcp_nb.frame.frame import to_frame
from asyncmcp_nb.ledger import CallRecord
from asyncmcp_nb.ledger.answers import dump_json


def write_parquet(records: Sequence[CallRecord], path: Path) -> None:
    """Write the frame, its object columns as JSON text.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as exc:
        raise MissingDependency(
            'Parquet needs pyarrow: pip install "asyncmcp-nb[lab]"; .csv and .jsonl need nothing'
        ) from exc
    # It ships no types; these four calls are all that is used.
    arrow: Any = pyarrow
    parquet: Any = pyarrow.parquet
    frame = to_frame(records)
    frame["arguments"] = build.strings([record.arguments_json for record in records])
    structured = [record.structured for record in records]
    frame["structured"] = build.strings([v if v is None else dump_json(v) for v in structured])
    table = arrow.Table.from_pandas(frame, preserve_index=False)
    fields = [table.schema.field(c.name).with_metadata(_metadata(c)) for c in COLUMNS]
    # pandas keeps its own notes in the schema's metadata; with them it reads the same dtypes back.
    parquet.write_table(table.cast(arrow.schema(fields, metadata=table.schema.metadata)), path)


def _metadata(column: Column) -> Mapping[str, str]:
    unit = {} if column.unit is None else {"unit": column.unit}
    return {"meaning": column.meaning, **unit}

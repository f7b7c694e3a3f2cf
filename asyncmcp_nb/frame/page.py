"""The log as one HTML page. Elements, not strings: the serializer escapes all that is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.frame.plain import plain_row
from asyncmcp_nb.ledger import STATUSES, CallRecord
from asyncmcp_nb.ledger.answers import dump_json

_STYLE: Final = """
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
body { margin: 1rem; }
.scroll { overflow: auto; max-height: 90vh; }
table { border-collapse: collapse; }
th, td { border: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .2rem .5rem;
  text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
td div { max-width: 40ch; max-height: 8em; overflow: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
"""


def to_page(records: Sequence[CallRecord]) -> str:
    """A standalone HTML document with one table row a call; nothing is cut."""
    page = Element("html", lang="en")
    head = SubElement(page, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width")
    SubElement(head, "title").text = "MCP calls"
    SubElement(head, "style").text = _STYLE
    body = SubElement(page, "body")
    SubElement(body, "h1").text = "MCP calls"
    SubElement(body, "p").text = summary(records)
    table = SubElement(SubElement(body, "div", {"class": "scroll"}), "table")
    header = SubElement(SubElement(table, "thead"), "tr")
    for column in COLUMNS:
        unit = "" if column.unit is None else f" ({column.unit})"
        SubElement(header, "th", scope="col", title=f"{column.meaning}{unit}").text = column.name
    rows = SubElement(table, "tbody")
    for record in records:
        row = SubElement(rows, "tr")
        for value in plain_row(record).values():
            SubElement(SubElement(row, "td"), "div").text = _cell(value)
    return f"<!DOCTYPE html>\n{tostring(page, encoding='unicode', method='html')}\n"


def summary(records: Sequence[CallRecord]) -> str:
    """Such as ``3 calls: 2 done, 1 failed``."""
    counts = Counter(record.status for record in records)
    parts = [f"{counts[status]:,} {status.value}" for status in STATUSES if counts[status]]
    calls = f"{len(records):,} call{'' if len(records) == 1 else 's'}"
    return f"{calls}: {', '.join(parts)}" if parts else calls


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump_json(value)

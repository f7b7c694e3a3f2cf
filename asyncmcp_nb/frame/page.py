"""The log as one HTML page. Elements, not strings: the serializer escapes all that is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from asyncmcp_nb.frame.columns import COLUMNS
from asyncmcp_nb.frame.plain import plain_row
from asyncmcp_nb.ledger import STATUSES, CallRecord, Status
from asyncmcp_nb.ledger.answers import dump_json

_STYLE: Final = """
:root { color-scheme: light dark; font: 14px/1.45 system-ui, sans-serif; }
body { margin: 1.2rem; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
.scroll { overflow: auto; max-height: 88vh; border: 1px solid GrayText; }
table { border-collapse: separate; border-spacing: 0; }
th, td { border-bottom: 1px solid color-mix(in srgb, CanvasText 18%, Canvas);
  padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; z-index: 1; background: color-mix(in srgb, CanvasText 8%, Canvas);
  white-space: nowrap; }
tr > :first-child { position: sticky; left: 0; border-left: 4px solid transparent; }
th:first-child { z-index: 2; }
td:first-child { background: Canvas; font-family: ui-monospace, monospace; }
td div { width: max-content; max-width: 42ch; max-height: 8em; overflow: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
tbody tr:hover td { background: color-mix(in srgb, CanvasText 6%, Canvas); }
tr.bad > :first-child { border-left-color: #d9483b; }
tr.good > :first-child { border-left-color: #2f9e60; }
@media print { .scroll { overflow: visible; max-height: none; border: 0; } }
"""

_TONES: Final = {
    Status.DONE: "good",
    Status.TOOL_ERROR: "bad",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
}
"""An edge beside the status, which says it in words."""


def page_parts(records: Sequence[CallRecord]) -> Iterator[str]:
    """A standalone HTML document with one table row a call; nothing is cut.

    It comes in pieces, so that a long log is never in memory as a tree of elements.
    """
    head = Element("head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width")
    SubElement(head, "title").text = "MCP calls"
    SubElement(head, "style").text = _STYLE
    yield f'<!DOCTYPE html>\n<html lang="en">{_text(head)}<body><h1>MCP calls</h1>'
    counts = Element("p")
    counts.text = summary(records)
    yield _text(counts)
    yield '<div class="scroll" role="region" aria-label="calls" tabindex="0"><table>'
    yield _text(_header())
    yield "<tbody>"
    for record in records:
        yield _text(_row(record))
    yield "</tbody></table></div></body></html>\n"


def summary(records: Sequence[CallRecord]) -> str:
    """Such as ``3 calls: 2 done, 1 failed``."""
    counts = Counter(record.status for record in records)
    parts = [f"{counts[status]:,} {status.value}" for status in STATUSES if counts[status]]
    calls = f"{len(records):,} call{'' if len(records) == 1 else 's'}"
    return f"{calls}: {', '.join(parts)}" if parts else calls


def _header() -> Element:
    header = Element("thead")
    row = SubElement(header, "tr")
    for column in COLUMNS:
        unit = "" if column.unit is None else f" ({column.unit})"
        title = f"{column.meaning}{unit}"
        SubElement(row, "th", scope="col", title=title).text = column.name
    return header


def _row(record: CallRecord) -> Element:
    row = Element("tr", {"class": _TONES.get(record.status, "quiet")})
    for value in plain_row(record).values():
        SubElement(SubElement(row, "td"), "div").text = _cell(value)
    return row


def _text(element: Element) -> str:
    return tostring(element, encoding="unicode", method="html")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump_json(value)

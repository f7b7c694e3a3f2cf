"""Calls as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import CallRecord, Status
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import bar, chip, duration, elapsed_seconds

_HEADINGS: Final = ("Status", "Tool", "Arguments", "Answer", "Time", "Call")
_ARGUMENT_CHARACTERS: Final = 120
_ANSWER_CHARACTERS: Final = 160


def calls_table(records: Sequence[CallRecord], caption: str, *, now: float | None = None) -> Html:
    """A table with one row a call.

    Args:
        records: In the order of the rows.
        caption: What is shown and what is left out.
        now: Unix seconds that elapsed times run to; the present by default.
    """
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", [_heading(name) for name in _HEADINGS])),
        tag("tbody", [_row(record, now) for record in records]),
        class_="amcp-table",
    )
    return tag("div", table, class_="amcp-scroll")


def progress_of(record: CallRecord) -> Html | None:
    """The bar and message of a call that runs."""
    words = cut(record.progress_message or "", _ANSWER_CHARACTERS)
    if record.progress is not None:
        return bar(record.progress, words)
    return tag("span", words) if words else None


def answer_of(record: CallRecord) -> Html | None:
    """The start of its answer or error, or how far it is."""
    if not record.is_finished:
        return progress_of(record)
    words = record.text if record.status is Status.DONE else record.error_message or record.text
    if words is None and record.status is Status.DONE:
        words = "(no text)"
    return None if words is None else tag("span", cut(" ".join(words.split()), _ANSWER_CHARACTERS))


def _row(record: CallRecord, now: float | None) -> Html:
    arguments = cut(record.arguments_json, _ARGUMENT_CHARACTERS)
    return tag(
        "tr",
        tag("td", chip(record.status), class_="amcp-tight"),
        tag("td", cut(record.tool, 80), class_="amcp-name"),
        tag("td", tag("code", arguments)),
        tag("td", answer_of(record)),
        tag("td", duration(elapsed_seconds(record, now)), class_="amcp-tight amcp-number"),
        tag("td", tag("code", record.call_id), class_="amcp-tight"),
    )


def _heading(name: str) -> Html:
    place = "amcp-tight amcp-number" if name == "Time" else "amcp-tight"
    return tag("th", name, scope="col", class_=place)

"""Groups and the log as HTML that stands alone."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.printable import counted
from asyncmcp_nb.session import Log
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import chip
from asyncmcp_nb.ui.still.calls import calls_table
from asyncmcp_nb.ui.theme import framed

_LOG_ROWS: Final = 20


def log_html(log: Log) -> Html:
    """The counts, and the newest calls."""
    newest = log.ledger.rows(descending=True, limit=_LOG_ROWS)
    counts = [chip(status, number) for status, number in log.counts().items()]
    caption = f"{len(newest):,} of {counted(len(log), 'call')}, the newest first"
    if len(newest) < len(log):
        caption += "; log.frame() has them all"
    line = tag("div", tag("b", "Log"), *(counts or ["no calls"]), class_="amcp-line")
    return framed(line, calls_table(newest, caption) if newest else None)

"""Groups and the log as HTML that stands alone."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import STATUSES, CallGroup, Log, Status
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.rows import calls_table
from asyncmcp_nb.ui.statuses import bar, chip
from asyncmcp_nb.ui.theme import framed

_LOG_ROWS: Final = 20


def group_html(group: CallGroup) -> Html:
    """How far a map is."""
    counts = group.counts()
    ended = sum(number for status, number in counts.items() if status not in _OUTSTANDING)
    share = ended / len(group) if len(group) else 1.0
    parts = [chip(status, number) for status, number in counts.items()]
    return framed(
        tag(
            "div",
            tag("b", cut(group.name, 120)),
            bar(share, f"of {len(group):,} calls ended"),
            *parts,
            class_=f"amcp-line amcp-{'good' if share == 1 else 'info'}",
        )
    )


_OUTSTANDING: Final = STATUSES[: STATUSES.index(Status.DONE)]


def log_html(log: Log) -> Html:
    """The counts, and the newest calls."""
    newest = log.ledger.rows(descending=True, limit=_LOG_ROWS)
    counts = [chip(status, number) for status, number in log.counts().items()]
    caption = f"{len(newest):,} of {len(log):,} calls, the newest first"
    if len(newest) < len(log):
        caption += "; log.frame() has them all"
    line = tag("div", tag("b", "Log"), *(counts or ["no calls"]), class_="amcp-line")
    return framed(line, calls_table(newest, caption) if newest else None)

"""A session as it is now, without widgets: what a saved notebook, a terminal and GitHub show."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import counted, visible
from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.still.calls import calls_table
from asyncmcp_nb.ui.still.status_line import status_line
from asyncmcp_nb.ui.still.text import rows_text, tools_text
from asyncmcp_nb.ui.still.tools import tools_table
from asyncmcp_nb.ui.theme import framed

_ROWS: Final = 20
_OPEN_COUNT: Final = 8
"""A list of more tools than this starts folded."""


def session_html(session: Session) -> Html:
    """Status line, tools and the newest calls."""
    return framed(status_line(session.snapshot()), tools_part(session), calls_part(session))


def session_text(session: Session) -> str:
    """Status line, tools and the newest calls, without markup."""
    if session.is_closed:
        return visible(repr(session))
    status = visible(str(session.snapshot()))
    return "\n".join([status, *_tools_text(session), *_newest_text(session)])


def tools_part(session: Session) -> Html:
    """The tools, or why there are none."""
    tools = session.tools
    if tools is None:
        return tag("p", unlisted(session), class_="amcp-quiet")
    summary = tag("summary", f"Tools ({len(tools):,})")
    return tag("details", summary, tools_table(tools), open=len(tools) <= _OPEN_COUNT)


def calls_part(session: Session) -> Html | None:
    """The newest calls; None where the session is closed, and its ledger with it."""
    try:
        ledger = session.log.ledger
        newest, count = ledger.rows(descending=True, limit=_ROWS), ledger.count()
    except AsyncMcpError:
        return None
    if not newest:
        return tag("p", "no calls yet", class_="amcp-quiet")
    left = count - len(newest)
    rest = f"; not shown: {left:,} earlier ones" if left > 0 else ""
    words = f"{len(newest):,} of {counted(count, 'call')}, the newest first{rest}"
    return calls_table(newest, words)


def unlisted(session: Session) -> str:
    """Why no tools are known."""
    if session.is_closed:
        return "The tools of a closed session are not known."
    return "Tools are listed as soon as a server answers."


def _tools_text(session: Session) -> list[str]:
    tools = session.tools
    if tools is None:
        return [unlisted(session)]
    left = len(tools) - _OPEN_COUNT
    more = [f"… and {left:,} more tools"] if left > 0 else []
    return [tools_text(tools[:_OPEN_COUNT]), *more]


def _newest_text(session: Session) -> list[str]:
    try:
        return rows_text(session.log.ledger.rows(descending=True, limit=_ROWS))
    except AsyncMcpError:
        return []

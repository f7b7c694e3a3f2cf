"""A session's state in one line: who is connected where, how it goes, what it cost, what to do."""

from __future__ import annotations

from typing import Final

from asyncmcp_nb.printable import cut
from asyncmcp_nb.session import STATUSES, SessionStatus, Status
from asyncmcp_nb.ui.escape import Html, tag
from asyncmcp_nb.ui.statuses import (
    chip,
    duration,
    labelled,
    line,
    present,
    state_label,
    state_tone,
)
from asyncmcp_nb.ui.still.status import rows_table, session_rows
from asyncmcp_nb.ui.theme import framed

_ENDED: Final = STATUSES[STATUSES.index(Status.DONE) :]
_NAME_CHARACTERS: Final = 120

_STEPS: Final = {
    "waiting for a server": "calls wait for one: %%mcp serve in a cell, serve(app), or "
    "`asyncmcp-nb serve module:app`",
    "broker unreachable": "tried again by itself; %mcp status asks the queues now",
    "closed": "%mcp connect, or connect() under the same name, finds its calls again",
}
"""What a person can do, by the session's state."""


def status_html(status: SessionStatus) -> Html:
    """The status line, and all that it leaves out."""
    return framed(status_line(status), rows_table(session_rows(status)))


def status_line(status: SessionStatus, *also: str) -> Html:
    """Who is connected where, how it goes, what it cost, and what to do if it does not go.

    Args:
        status: How things are.
        *also: What else can be done.
    """
    stuck = next_step(status)
    return line(
        state_label(status.state),
        tag("b", cut(f"{status.name} @ {status.deployment}", _NAME_CHARACTERS)),
        _server(status),
        tag("span", f"MCP {status.era}", class_="amcp-quiet"),
        tag("span", cut(status.endpoint, _NAME_CHARACTERS), class_="amcp-quiet"),
        *_calls(status),
        tag("span", _cost(status), class_="amcp-quiet"),
        trouble=status.error,
        steps=(stuck, *also) if stuck else also,
        tone=state_tone(status.state),
        label="Connection",
    )


def next_step(status: SessionStatus) -> str | None:
    """What a person can do where a session does not go; None where it does."""
    return _STEPS.get(status.state)


def _server(status: SessionStatus) -> Html | None:
    if status.server is None:
        return None
    said = f"server {status.server}" if status.server else "server without a name"
    return tag("span", cut(said, _NAME_CHARACTERS))


def _calls(status: SessionStatus) -> list[Html]:
    """Calls that are out, the oldest of them, and the ended ones by status."""
    asking = status.counts.get(Status.INPUT_REQUIRED, 0)
    since = status.oldest_outstanding_at
    parts = [
        tag("span", f"{status.in_flight_count:,} in flight"),
        tag("span", f"{status.queued_count:,} waiting", title="queued: not sent yet"),
    ]
    if since is not None:
        parts.append(tag("span", f"oldest {duration(max(0.0, present() - since))}"))
    if asking:
        parts.append(labelled("?", f"{asking:,} ask{'s' if asking == 1 else ''} you", "warn"))
    counts = [chip(s, status.counts[s]) for s in _ENDED if status.counts.get(s)]
    return [*parts, *counts]


def _cost(status: SessionStatus) -> str:
    each = status.requests_per_call
    share = "" if each is None else f", {each:.2f} per call"
    return f"{status.request_count:,} AWS requests{share}"

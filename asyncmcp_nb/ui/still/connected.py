"""What ``%mcp connect`` shows: the status line, with what to do next."""

from __future__ import annotations

from typing import Any

from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import SessionStatus
from asyncmcp_nb.ui.still.status_line import next_step, status_line
from asyncmcp_nb.ui.theme import framed


def show_connected(status: SessionStatus, bound: str) -> None:
    """Show it below the cell that runs, wherever in it the line stands.

    Args:
        status: How the session is.
        bound: What the session's variable is good for.
    """
    from IPython import display

    partly_typed: Any = display
    steps = [step for step in (next_step(status), bound) if step]
    text = visible("\n".join([str(status), *(f"→ {step}" for step in steps)]))
    html = str(framed(status_line(status, bound)))
    partly_typed.display({"text/plain": text, "text/html": html}, raw=True)

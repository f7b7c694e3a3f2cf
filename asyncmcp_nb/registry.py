"""The open sessions and running servers of this process, and their orderly end."""

from __future__ import annotations

import atexit
import os
from weakref import WeakSet, WeakValueDictionary

from asyncmcp_nb.server.handle import RunningServer
from asyncmcp_nb.server.pool import WorkerPool
from asyncmcp_nb.session.session import Session

sessions: WeakValueDictionary[tuple[str, str | None], Session] = WeakValueDictionary()
"""Open sessions by deployment and the name asked for."""
servers: WeakSet[RunningServer] = WeakSet()
"""Servers that were started here."""


def forget_tools_of(deployment: str) -> None:
    """Let the sessions of a deployment ask again which tools there are."""
    for session in list(sessions.values()):
        if not session.is_closed and session.deployment == deployment:
            session.forget_tools()


@atexit.register
def _close_all() -> None:
    """Flush acknowledgements and hand back requests when the process ends in an orderly way."""
    for handle in list(servers):
        # A thread ends with the process; worker processes would go on, and may as well finish.
        handle.stop(None if isinstance(handle, WorkerPool) else 2.0)
    for session in list(sessions.values()):
        session.flush()


def _leave_to_parent() -> None:
    """In a fork, which has no threads of its parent's: what is open here is left alone."""
    for session in list(sessions.values()):
        session.leave_to_parent()
    sessions.clear()
    servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)

"""What the magics remember between cells: the session, the servers of cells, the last error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncmcp_nb.magics.cell_tools import ToolErrors
from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.server.handle import RunningServer
from asyncmcp_nb.session import Session

SESSION_VARIABLE = "session"
"""Where ``%mcp connect`` puts the session."""


@dataclass(eq=False)
class CellServer:
    """The one server that the cells of a notebook feed, for one deployment."""

    handle: RunningServer
    cells: dict[str, dict[str, Callable[..., Any]]]
    """Tools by the name of the cell that defined them."""


@dataclass(eq=False)
class State:
    """All of it; one for each IPython."""

    session: Session | None = None
    """As ``%mcp connect`` left it."""
    cell_servers: dict[str | None, CellServer] = field(default_factory=dict[str | None, CellServer])
    """By profile."""
    app_servers: dict[str, RunningServer] = field(default_factory=dict[str, RunningServer])
    """By import path."""
    tool_errors: ToolErrors = field(default_factory=ToolErrors)
    last_error: BaseException | None = None
    agreed: set[tuple[str, str, bool]] = field(default_factory=set[tuple[str, str, bool]])
    """Deployment and name of destructive tools that may be called, and whether many times."""

    def open_session(self, names: Mapping[str, Any]) -> Session | None:
        """The session that magics speak to.

        It is the one that ``%mcp connect`` made last; where there is none, the variable
        ``session``, then the only open session among the variables.
        """
        for candidate in (self.session, names.get(SESSION_VARIABLE)):
            if isinstance(candidate, Session) and not candidate.is_closed:
                return candidate
        others = {v for v in names.values() if isinstance(v, Session) and not v.is_closed}
        return others.pop() if len(others) == 1 else None

    def require_session(self, names: Mapping[str, Any]) -> Session:
        """The session that magics speak to.

        Raises:
            MagicUsageError: There is none.
        """
        session = self.open_session(names)
        if session is None:
            raise MagicUsageError("not connected; `%mcp connect` first")
        return session

    def handles(self) -> list[RunningServer]:
        """Every server that a magic of this kernel started and that still serves."""
        cells = [server.handle for server in self.cell_servers.values()]
        return [h for h in (*cells, *self.app_servers.values()) if h.is_serving]

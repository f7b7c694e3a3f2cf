"""What a subcommand is given, and how the table of subcommands describes one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncmcp_nb.magics.parser import NOTHING, Given, Grammar
from asyncmcp_nb.magics.shell import Shell
from asyncmcp_nb.magics.state import State
from asyncmcp_nb.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a subcommand works with."""

    shell: Shell
    state: State
    given: Given
    names: Mapping[str, Any]
    """Variables that can be named: of the function the magic stands in, then of the notebook."""
    body: str | None = None
    """The cell's text below ``%%mcp …``."""
    may_wait: bool = True
    """Whether the cell waits for calls: not inside a function, which gets the ``Call``."""
    is_silent: bool = False
    """The line ended with a semicolon: the answer is not shown."""
    is_used: bool = True
    """The answer may go somewhere else than to the page: it is assigned, say."""
    began_at: float = field(default_factory=time.monotonic)

    @property
    def session(self) -> Session:
        """The session that magics speak to.

        Raises:
            MagicUsageError: There is none.
        """
        return self.state.require_session(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand of ``%mcp``."""

    name: str
    summary: str
    """One line for the help."""
    details: tuple[str, ...] = ()
    """Further lines, for the help on this subcommand alone."""
    run: Callable[[Context], Any]
    """Answers, or returns a coroutine that does."""
    grammar: Grammar = NOTHING
    cell_grammar: Grammar | None = None
    """What it takes as ``%%mcp``; None where it is no cell magic."""
    needs_tools: bool = False
    """The server's tools must be known before it runs."""
    may_go_unchecked: bool = False
    """Where no server shows its tools in time, it runs without: calls wait for one."""

    def usage(self) -> str:
        """Such as ``%mcp retry ID [-o NAME]``."""
        return f"%mcp {self.name} {self.grammar}".strip()

    def cell_usage(self) -> str | None:
        """Such as ``%%mcp serve [NAME]``."""
        if self.cell_grammar is None:
            return None
        return f"%%mcp {self.name} {self.cell_grammar}".strip()

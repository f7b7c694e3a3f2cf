"""Asking once before a tool is called that, as its server says, destroys something.

Whoever sits at the front end is asked. Where nobody can answer (nbclient, papermill, a closed
stdin), ``--yes`` in the cell is the answer. Python's own ``session.submit`` never asks.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from IPython.core.error import StdinNotImplementedError
from mcp_types import Tool

from asyncmcp_nb.magics.context import Context
from asyncmcp_nb.magics.errors import MagicUsageError
from asyncmcp_nb.magics.parser import Option
from asyncmcp_nb.printable import cut, one_line
from asyncmcp_nb.ui.still.tools import is_destructive

YES: Final = Option("--yes")
"""Call it without being asked."""

_AGREED: Final = frozenset({"y", "yes"})


def require_consent(context: Context, tool: Tool, *, call_count: int | None = 1) -> None:
    """Let a tool be called, or raise.

    Whoever said yes is not asked again for this tool in this kernel; a yes to one call is no yes
    to many.

    Args:
        context: What was typed.
        tool: Which tool.
        call_count: How often it is to be called; None for many, of an unknown number.

    Raises:
        MagicUsageError: Nobody said yes. Nothing was sent.
    """
    if not is_destructive(tool) or context.given.has(YES.name):
        return
    is_many = call_count != 1
    agreed = context.state.agreed
    key = (context.session.deployment, tool.name)
    if (*key, True) in agreed or (*key, is_many) in agreed:
        return
    name = cut(one_line(tool.name), 80)
    times = ""
    if is_many:
        times = " for many rows" if call_count is None else f" {call_count:,} times"
    answer: str | None = None
    with suppress(EOFError, OSError, StdinNotImplementedError):  # nobody is there
        answer = input(f"{name} is destructive, its server says. Call it{times}? [y/N] ")
    if answer is None:
        raise MagicUsageError(
            f"nothing was sent: {name} is destructive, and nobody is here to ask; "
            f"add {YES.name} to call it{times}"
        )
    if answer.strip().lower() not in _AGREED:
        raise MagicUsageError(f"nothing was sent: {name} is destructive, and you did not say yes")
    agreed.add((*key, is_many))

"""What a command knows of the server's tools before it runs, and what it does without."""

from __future__ import annotations

import time
from typing import Final

from mcp_types import Tool

from asyncmcp_nb.errors import CallTimedOut
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.interrupting import until_interrupted
from asyncmcp_nb.magics.parser import Option

TIMEOUT: Final = Option("--timeout", "SECONDS")
ASYNC: Final = Option("--async")

_LIST_SECONDS: Final = 5.0
"""How long a magic waits for a server that has not shown its tools yet."""
_AT_ONCE_SECONDS: Final = 0.2
"""The same, where nobody is to wait: as long as nobody notices."""


async def learn_tools(context: Context, command: Command) -> None:
    """Have the server's tools listed, where they are not.

    Raises:
        CallTimedOut: No server answered in time, and the command cannot do without.
    """
    session = context.session
    if session.tools is not None:
        return
    seconds = _LIST_SECONDS
    if command.may_go_unchecked:
        limit = context.given.number(TIMEOUT.name)
        # Half of it, so that the call has some as well.
        seconds = _LIST_SECONDS if limit is None else min(_LIST_SECONDS, limit / 2)
        if context.given.has(ASYNC.name):
            seconds = min(_AT_ONCE_SECONDS, seconds)
    try:
        listing = session.list_tools(timeout=seconds)
        await until_interrupted(listing, lambda: "nothing was sent")
    except CallTimedOut:
        if not command.may_go_unchecked:
            raise


def tool_of(context: Context) -> Tool:
    """The tool that a line names; where no server has shown any, one that takes anything.

    Raises:
        ToolNotFound: The server lists no such tool.
    """
    name = context.given.words["TOOL"]
    if context.session.tools is not None:
        return context.session.tool(name)
    return Tool(name=name, input_schema={"type": "object"})


def seconds_left(context: Context) -> float | None:
    """What is left of ``--timeout`` for the calls themselves; None where there is none.

    Raises:
        MagicUsageError: It is no number above 0.
    """
    limit = context.given.number(TIMEOUT.name)
    return None if limit is None else limit - (time.monotonic() - context.began_at)


def unchecked(context: Context) -> str:
    """That calls went out which nobody has looked at."""
    return (
        f"no server of {context.session.deployment!r} has answered yet: nobody has checked the "
        "tool and its arguments, and what was called waits for one"
    )

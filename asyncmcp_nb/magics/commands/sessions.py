"""``connect``, ``disconnect``, ``status``, ``panel``."""

from __future__ import annotations

import contextlib
from typing import Any, Final, cast, get_args

import anyio.to_thread

from asyncmcp_nb.api import Connecting, connect
from asyncmcp_nb.config import Era
from asyncmcp_nb.errors import CallTimedOut
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.parser import OUTPUT, Grammar, Option
from asyncmcp_nb.magics.state import SESSION_VARIABLE
from asyncmcp_nb.session import Session, SessionStatus
from asyncmcp_nb.ui.still.connected import show_connected

_MEET_SECONDS: Final = 0.5
"""How long connecting waits for a server that is there already, so as to show its name."""


async def _connect(context: Context) -> Session | None:
    """Alone in a line, it shows how things are and what to do next; the panel is for later."""
    given = context.given
    era = cast("Era | None", given.option("--era"))
    options: dict[str, Any] = {} if era is None else {"era": era}
    session = await connect(given.word("PROFILE"), name=given.option("--name"), **options)
    context.state.session = session
    with contextlib.suppress(CallTimedOut):  # no server yet: calls wait for one
        await session.list_tools(timeout=_MEET_SECONDS)
    if given.output is None:
        bound = _bound(session, context)
        if not context.is_silent:
            show_connected(session.snapshot(), bound)
    return session if context.is_used else None


def _bound(session: Session, context: Context) -> str:
    """Bind the variable, and say so; a variable of the user's is left alone."""
    there = context.shell.user_ns.get(SESSION_VARIABLE)
    # A `Connecting` is a session whose `await` was forgotten.
    if there is not None and not isinstance(there, Session | Connecting):
        kind = type(there).__name__
        return f"`{SESSION_VARIABLE}` is a {kind} of yours; -o NAME binds another variable"
    context.shell.push({SESSION_VARIABLE: session})
    return f"`{SESSION_VARIABLE}` alone in a cell is the panel: tools, forms, answers and calls"


async def _disconnect(context: Context) -> None:
    session = context.session
    outstanding = session.snapshot().outstanding_count
    await session.close()
    context.state.session = None
    words = "outstanding call goes" if outstanding == 1 else "outstanding calls go"
    left = f"; {outstanding:,} {words} on" if outstanding else ""
    print(f"disconnected {session.name}{left}")


async def _status(context: Context) -> SessionStatus | None:
    for handle in context.state.handles():
        checked = await anyio.to_thread.run_sync(handle.check, abandon_on_cancel=True)
        print(f"serving {checked}")
    session = context.state.open_session(context.names)
    if session is None and context.state.handles():
        print("not connected; `%mcp connect` connects")
        return None
    return await context.session.check()


def _panel(context: Context) -> Any:
    return context.session.panel()


CONNECT = Command(
    name="connect",
    summary="connect to a profile's deployment, or to the embedded broker; binds `session`",
    run=_connect,
    grammar=Grammar(
        optional=("PROFILE",),
        options=(Option("--name", "NAME"), Option("--era", "ERA", get_args(Era)), OUTPUT),
    ),
)
DISCONNECT = Command(
    name="disconnect",
    summary="close the session; calls that are out go on, connecting again finds their answers",
    run=_disconnect,
)
STATUS = Command(
    name="status", summary="how the session and the servers of this notebook do", run=_status
)
PANEL = Command(
    name="panel", summary="tools, forms, answers and the live table of calls, in one", run=_panel
)

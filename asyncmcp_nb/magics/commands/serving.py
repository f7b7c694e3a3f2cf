"""``serve`` and ``broker``: tools from a cell or a module, and the embedded broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import anyio.to_thread

from asyncmcp_nb import broker
from asyncmcp_nb.api import serve
from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError, nearest
from asyncmcp_nb.magics.parser import Grammar, Option
from asyncmcp_nb.magics.state import CellServer, State
from asyncmcp_nb.server.cell import functions_of, make_app
from asyncmcp_nb.server.handle import RunningServer

_CELL_NAME = "notebook"
"""Of a cell that is served without a name."""

_WHAT = "MODULE:APP|stop"
_PROFILE = Option("--profile", "PROFILE")
_WORKERS = Option("--workers", "N")


async def _serve(context: Context) -> RunningServer | None:
    if context.body is not None:
        return await _serve_cell(context)
    what = context.given.words[_WHAT]
    if what == "stop":
        await _stop(context)
        return None
    if context.given.word("NAME") is not None:
        raise MagicUsageError(f"one word too many; usage: {SERVE.usage()}")
    workers = context.given.count(_WORKERS.name) or 0
    handles = context.state.app_servers
    former = handles.get(what)
    if former is not None:
        await _stopped(former)
    handles[what] = await _started(what, context.given.option(_PROFILE.name), workers=workers)
    _warn_of_rivals(context.state, handles[what])
    return handles[what]


# -- cells ----------------------------------------------------------------------------------------


async def _serve_cell(context: Context) -> RunningServer:
    """Run the cell's functions, and serve them with those that other cells serve there.

    One queue is served by one server: two that compete for it would each get calls of tools that
    only the other has. So the cells of a notebook share one; each name stands for one cell's tools.
    """
    found = functions_of(context.shell.transform_cell(context.body or ""))
    await _run(context)
    names = context.shell.user_ns
    tools = {name: context.state.tool_errors.watched(names[name]) for name in found.tools}
    cell = context.given.word("NAME") or _CELL_NAME
    profile = context.given.option(_PROFILE.name)
    former = context.state.cell_servers.get(profile)
    cells = {} if former is None else dict(former.cells)
    # Its place is the last: of tools of one name, that of the cell that ran last is served.
    cells.pop(cell, None)
    cells[cell] = tools
    handle = await _serve_cells(context.state, cells, profile)
    for name, others in _taken_over(cells, cell):
        print(f"{name} is {cell}'s now; {' and '.join(others)} had it too")
    if found.undocumented:
        verb = "has" if len(found.undocumented) == 1 else "have"
        print(f"not served: {', '.join(found.undocumented)} {verb} no docstring")
    _warn_of_rivals(context.state, handle)
    return handle


def _taken_over(
    cells: Mapping[str, Mapping[str, object]], cell: str
) -> Iterator[tuple[str, list[str]]]:
    """The tools of a cell that other cells define too, and these cells' names."""
    for name in cells[cell]:
        others = [other for other, tools in cells.items() if other != cell and name in tools]
        if others:
            yield name, others


async def _run(context: Context) -> None:
    """Run the body as a cell, so that its errors look like any cell's."""
    body = context.body or ""
    transformed = context.shell.transform_cell(body)
    ran = await context.shell.run_cell_async(body, transformed_cell=transformed)
    # As IPython's own callers of this do; figures are drawn then.
    context.shell.events.trigger("post_execute")
    context.shell.events.trigger("post_run_cell", ran)
    error = ran.error_before_exec or ran.error_in_exec
    if error is not None:
        raise ServeError(
            f"nothing new is served: the cell raised {type(error).__name__}"
        ) from error


async def _serve_cells(
    state: State, cells: dict[str, dict[str, Callable[..., Any]]], profile: str | None
) -> RunningServer:
    """Serve the tools of cells, in place of what cells served there before."""
    tools = {name: tool for functions in cells.values() for name, tool in functions.items()}
    app = make_app("+".join(cells), tuple(tools), tools)
    former = state.cell_servers.pop(profile, None)
    if former is not None:
        # First, so that no session lists the tools of the one that goes.
        await _stopped(former.handle)
    handle = await _started(app, profile)
    state.cell_servers[profile] = CellServer(handle, cells)
    return handle


async def _started(app: Any, profile: str | None, *, workers: int = 0) -> RunningServer:
    return await anyio.to_thread.run_sync(partial(serve, app, profile, workers=workers))


async def _stopped(handle: RunningServer) -> None:
    await anyio.to_thread.run_sync(handle.stop)


# -- stopping -------------------------------------------------------------------------------------


async def _stop(context: Context) -> None:
    state, name = context.state, context.given.word("NAME")
    if name is None:
        handles = state.handles()
        for handle in handles:
            await _stopped(handle)
        state.cell_servers.clear()
        state.app_servers.clear()
        stopped = ", ".join(handle.name for handle in handles)
        print(f"stopped {stopped}" if handles else "nothing is served by this notebook")
        return
    keys = _keys_of(state, name)
    if len(keys) > 1:
        raise MagicUsageError(f"{name!r} may be {' or '.join(keys)}; name one of them")
    if not keys:
        known = [*state.app_servers, *_cells(state)]
        raise MagicUsageError(f"nothing is served as {name!r}{nearest(name, known)}")
    if keys[0] in state.app_servers:
        await _stopped(state.app_servers.pop(keys[0]))
    else:
        await _stop_cells(state, [name] if name in _cells(state) else name.split("+"))
    print(f"stopped {name}")


def _keys_of(state: State, name: str) -> list[str]:
    """What a name stands for: import paths, and names of cells with ``+`` between them.

    A server is called by its import path or its cell's name, and by the name that it shows.
    """
    if name in state.app_servers:
        return [name]
    apps = [path for path, handle in state.app_servers.items() if handle.name == name]
    joined = ["+".join(server.cells) for server in state.cell_servers.values()]
    return [*apps, *([name] if name in (*_cells(state), *joined) else [])]


def _cells(state: State) -> list[str]:
    return [cell for server in state.cell_servers.values() for cell in server.cells]


async def _stop_cells(state: State, names: list[str]) -> None:
    """Stop serving cells, on the first deployment where one of them is served."""
    for profile, server in state.cell_servers.items():
        rest = {cell: tools for cell, tools in server.cells.items() if cell not in names}
        if len(rest) == len(server.cells):
            continue
        if rest:
            await _serve_cells(state, rest, profile)
        else:
            del state.cell_servers[profile]
            await _stopped(server.handle)
        return


def _warn_of_rivals(state: State, handle: RunningServer) -> None:
    rivals = [
        h.name for h in state.handles() if h is not handle and h.deployment == handle.deployment
    ]
    if rivals:
        print(
            f"{handle.name} and {', '.join(rivals)} take calls from one queue, so a call may reach "
            "either; `%mcp serve stop NAME` stops one"
        )


# -- the embedded broker --------------------------------------------------------------------------


async def _broker(context: Context) -> None:
    what = context.given.word("stop")
    if what not in (None, "stop"):
        raise MagicUsageError(f"{what!r} is not stop; usage: {BROKER.usage()}")
    if what == "stop":
        ended = await anyio.to_thread.run_sync(broker.stop_embedded)
        print(
            "broker stopped; what was in its queues is gone" if ended else "no broker was running"
        )
        return
    status = await anyio.to_thread.run_sync(broker.embedded_status)
    if status is None:
        print("no embedded broker is running; `%mcp connect` starts one")
        return
    print(
        f"embedded broker at {status.endpoint_url} · process {status.pid} · "
        f"{status.message_count:,} messages · up since {status.started_at:%Y-%m-%d %H:%M} UTC · "
        f"ends after {status.idle_limit_seconds / 60:.0f} min without use"
    )


SERVE = Command(
    name="serve",
    summary="serve a module's MCP server, or a cell's functions: public ones with a docstring",
    run=_serve,
    grammar=Grammar(required=(_WHAT,), optional=("NAME",), options=(_PROFILE, _WORKERS)),
    cell_grammar=Grammar(optional=("NAME",), options=(_PROFILE,)),
)
BROKER = Command(
    name="broker",
    summary="the embedded broker: its state, or its end",
    run=_broker,
    grammar=Grammar(optional=("stop",)),
)

"""From what a person can hand to ``serve`` to the SDK's low-level server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Coroutine
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, cast

from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer

from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.printable import one_line
from asyncmcp_nb.server.request_state import with_shared_state

App = MCPServer | Server[Any] | Callable[[], MCPServer | Server[Any]] | str
"""``MCPServer``, low-level ``Server``, what makes one, or ``"module:attribute"`` of these."""

_APP_FAILURES: Final = (Exception, SystemExit)
"""What an app may raise when it is made. The second would end this process without a word."""


def lowlevel_of(app: App, session_key: bytes | None = None) -> Server[Any]:
    """The low-level server of an app.

    Args:
        app: What a person gave.
        session_key: At least 32 bytes that all workers of the deployment share. With it, the answer
            to an ``input_required`` may come by any of them, whatever the app knows of the others.

    Raises:
        ServeError: It is not a server, makes none, or its import path leads to none.
    """
    server = _server_of(app)
    return server if session_key is None else with_shared_state(server, session_key)


def _server_of(app: App) -> Server[Any]:
    found: Any = load(app) if isinstance(app, str) else app
    if callable(found) and not isinstance(found, MCPServer | Server):
        found = _made_by(found)
    if isinstance(found, MCPServer):
        # MCPServer keeps its server to itself; building its HTTP app is the public way to reach it.
        found.streamable_http_app()
        return found.session_manager.app
    if isinstance(found, Server):
        return cast("Server[Any]", found)
    raise ServeError(
        f"cannot serve {type(found).__name__}: "
        'give an MCPServer, a lowlevel Server, or "module:attribute" that is one'
    )


def _made_by(factory: Callable[[], Any]) -> Any:
    name = getattr(factory, "__qualname__", type(factory).__name__)
    try:
        made = factory()
    except _APP_FAILURES as exc:  # boundary: code of whoever serves
        raise ServeError(f"{name}() failed: {_told(exc)}") from exc
    if isinstance(made, Coroutine):
        cast("Coroutine[Any, Any, Any]", made).close()
        raise ServeError(f"{name}() is async; what makes a server is a plain function")
    return made


def _told(exc: BaseException) -> str:
    """An exception in one line: its type, and what it says."""
    return one_line(": ".join(part for part in (type(exc).__name__, str(exc)) if part))


def split_path(path: str) -> tuple[str, str]:
    """The module and the attribute that ``package.module:attribute`` names.

    Raises:
        ServeError: Not of that form.
    """
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise ServeError(f"{path!r} does not name a server; write it as module:attribute")
    return module_name, attribute


def load(path: str) -> Any:
    """Import ``package.module:attribute``; the working directory is looked in first.

    Raises:
        ServeError: Not of that form, the module or attribute is not there, or the module fails:
            then what it raised is the cause.
    """
    module_name, attribute = split_path(path)
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        is_the_path = f"{module_name}.".startswith(f"{exc.name}.")
        raise ServeError(f"cannot import {module_name!r}: {exc}") from (
            None if is_the_path else exc
        )
    except _APP_FAILURES as exc:  # boundary: code of whoever serves
        raise ServeError(f"cannot import {module_name!r}: {_told(exc)}") from exc
    try:
        return attrgetter(attribute)(found)
    except AttributeError:
        raise ServeError(f"module {module_name!r} has no attribute {attribute!r}") from None
    except _APP_FAILURES as exc:  # boundary: a module may make its attributes when asked
        raise ServeError(f"{path} failed: {_told(exc)}") from exc

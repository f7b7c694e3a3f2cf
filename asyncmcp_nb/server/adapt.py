"""From what a person can hand to ``serve`` to the SDK's low-level server."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mcp.server.lowlevel.server import Server
from mcp.server.mcpserver import MCPServer

from asyncmcp_nb.errors import ServeError

App = MCPServer | Server[Any] | Callable[[], MCPServer | Server[Any]] | str
"""``MCPServer``, low-level ``Server``, what makes one, or ``"module:attribute"`` of these."""


def lowlevel_of(app: App) -> Server[Any]:
    """The low-level server of an app.

    Raises:
        ServeError: It is not a server, or its import path leads to none.
    """
    found: Any = load(app) if isinstance(app, str) else app
    if callable(found) and not isinstance(found, MCPServer | Server):
        found = found()
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


def load(path: str) -> Any:
    """Import ``package.module:attribute``; the working directory is looked in first.

    Raises:
        ServeError: Not of that form, or the module or attribute is not there.
    """
    module_name, colon, attribute = path.partition(":")
    if not colon or not module_name or not attribute:
        raise ServeError(f"{path!r} does not name a server; write it as module:attribute")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        raise ServeError(f"cannot import {module_name!r}: {exc}") from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ServeError(f"module {module_name!r} has no attribute {attribute!r}")
        found = getattr(found, part)
    return found

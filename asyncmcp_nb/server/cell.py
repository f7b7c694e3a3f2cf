"""A cell's functions as tools: each public one with a docstring that the cell itself defines."""

from __future__ import annotations

import ast
import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import InvalidSignature, ToolError, UnexpectedToolError
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import PydanticUserError

from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.server.cell_results import what_is_wrong, with_json_results


@dataclass(frozen=True, slots=True)
class CellFunctions:
    """The functions that a cell defines at its top level."""

    tools: tuple[str, ...]
    """Public, with a docstring."""
    undocumented: tuple[str, ...]
    """Public, without: they do not become tools, since a client could not know what they do."""


def functions_of(source: str) -> CellFunctions:
    """Find the functions of a cell without running it.

    Raises:
        ServeError: It is not Python, or defines no function that can be a tool.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as exc:
        raise ServeError(f"line {exc.lineno} of the cell is not Python: {exc.msg}") from None
    public = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]
    documented = [node.name for node in public if ast.get_docstring(node)]
    others = [node.name for node in public if node.name not in documented]
    if not documented:
        what = f"{others[0]} has no docstring" if others else "the cell defines no function"
        raise ServeError(f"nothing to serve: {what}; a public function with a docstring is a tool")
    return CellFunctions(tuple(documented), tuple(others))


def make_app(name: str, names: tuple[str, ...], namespace: Mapping[str, Any]) -> MCPServer:
    """A server whose tools are these functions of a namespace.

    Raises:
        ServeError: A name is no function there, or its signature cannot be a tool's schema.
    """
    app = _quiet_server(name)
    for function_name in names:
        function: Callable[..., Any] | None = namespace.get(function_name)
        if not inspect.isroutine(function):
            raise ServeError(f"{function_name} is not a function after the cell ran")
        try:
            app.add_tool(with_json_results(function))
        except (InvalidSignature, PydanticUserError, TypeError, ValueError, NameError) as exc:
            raise ServeError(f"{function_name} cannot be a tool: {exc}") from exc
    return app


class _CellApp(MCPServer):
    """A server whose caller, mostly the author of its cell, learns what is wrong with a result."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises:
            ToolError: As the SDK's, and where the result is not what its annotation says.
        """
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as exc:
            if (problem := what_is_wrong(exc.__cause__)) is None:
                raise
            raise ToolError(f"{exc}: its result {problem}") from exc


def _quiet_server(name: str) -> MCPServer:
    """A server that leaves the process's logging alone: the SDK's would take over the root logger.

    It does so only where the root logger has no handler.
    """
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        return _CellApp(name, log_level="WARNING")
    finally:
        root.removeHandler(placeholder)

"""A cell's functions: what they raise reaches the caller as words, the author as a traceback.

The SDK hides the words of an unexpected exception from the client and logs its traceback. The
author of a cell is mostly its first caller: the words go to the client, and the traceback is kept
for ``%mcp tb``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from mcp import MCPError
from mcp.server.mcpserver.exceptions import ToolError


class ToolErrors:
    """The last error of a tool that a cell serves."""

    def __init__(self) -> None:
        self.last: BaseException | None = None

    def watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the same signature whose errors are told."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def watched_async(*args: Any, **kwargs: Any) -> Any:
                try:
                    return await function(*args, **kwargs)
                except (ToolError, MCPError):
                    raise
                except Exception as exc:  # boundary: a cell's own code
                    raise self._told(exc) from exc

            return watched_async

        @functools.wraps(function)
        def watched_plain(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(*args, **kwargs)
            except (ToolError, MCPError):
                raise
            except Exception as exc:  # boundary: a cell's own code
                raise self._told(exc) from exc

        return watched_plain

    def _told(self, error: Exception) -> ToolError:
        self.last = error
        return ToolError(f"{type(error).__name__}: {error}")

"""Errors of the magics: what was typed wrongly, and how any error becomes one line in a cell."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Final

from asyncmcp_nb import printable
from asyncmcp_nb.errors import AsyncMcpError

_LINE_LENGTH: Final = 600
"""Longer lines are cut; ``%mcp tb`` has all of it."""
_LISTED_COUNT: Final = 15
"""Names that are told; of more, how many they are."""


class MagicUsageError(AsyncMcpError):
    """What follows ``%mcp`` cannot be carried out as it was written. Nothing was sent."""


class ToolAnsweredError(AsyncMcpError):
    """The tool that ``%mcp call`` called answered that it failed."""


class OneLineError(Exception):
    """Ends a cell with one line in place of a traceback.

    The cell has failed for everybody who asks (nbclient and papermill stop), and what is shown is
    the message alone. ``%mcp tb`` shows the error behind it.
    """

    def __init__(self, origin: BaseException, hint: str = "") -> None:
        super().__init__("; ".join(part for part in (one_line(origin), hint) if part))
        self.origin = origin
        """The error behind it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows, in place of a traceback."""
        return [str(self)]


def one_line(error: BaseException) -> str:
    """An error as one line: its words, without line breaks, cut where they are very long.

    They may be a server's: what would recolour or rewrite a terminal is spelled out.
    """
    words = printable.one_line(str(error)) or type(error).__name__
    if not isinstance(error, AsyncMcpError):
        words = f"{type(error).__name__}: {words}"
    return (
        words if len(words) <= _LINE_LENGTH else f"{words[:_LINE_LENGTH]}… (%mcp tb has the rest)"
    )


def variables(names: Mapping[str, object]) -> list[str]:
    """What may be meant by a variable: no functions, classes or modules, nothing of IPython's."""
    return [
        name
        for name, value in names.items()
        if not name.startswith("_")
        and name not in ("In", "Out")
        and not isinstance(value, ModuleType)
        and not callable(value)
    ]


def nearest(name: str, known: Iterable[str]) -> str:
    """``, did you mean 'x'?``, or what there is, or nothing where nothing is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f", did you mean {near[0]!r}?"
    return f"; there are: {printable.listed(names, _LISTED_COUNT)}" if names else ""

"""What the magics use of IPython, and no more: its own types leave most of it unknown."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

Transformer = Callable[[list[str]], list[str]]
"""From the lines of a cell to its lines."""


class Events(Protocol):
    """IPython's callbacks around a cell."""

    def register(self, event: str, function: Callable[..., Any]) -> None:
        """Call ``function`` at each ``pre_run_cell`` or ``post_run_cell``."""
        ...

    def unregister(self, event: str, function: Callable[..., Any]) -> None:
        """Do that no more."""
        ...

    def trigger(self, event: str, *args: Any) -> None:
        """Call what is registered for an event."""
        ...


class Completer(Protocol):
    """IPython's completer."""

    custom_matchers: list[Any]


class MagicsManager(Protocol):
    """IPython's table of magics."""

    magics: dict[str, dict[str, Any]]


class CellResult(Protocol):
    """How a nested cell went."""

    error_before_exec: BaseException | None
    error_in_exec: BaseException | None


class Shell(Protocol):
    """IPython's ``InteractiveShell``."""

    user_ns: dict[str, Any]
    events: Events
    input_transformers_post: list[Transformer]
    Completer: Completer
    loop_runner: Callable[[Coroutine[Any, Any, Any]], Any]
    """Runs a coroutine on the loop that cells await on, where that does not run already."""
    magics_manager: MagicsManager

    def register_magic_function(self, func: Any, magic_kind: str, magic_name: str) -> None:
        """Make a function a magic."""
        ...

    def push(self, variables: dict[str, Any]) -> None:
        """Put variables into the user's namespace."""
        ...

    def transform_cell(self, raw_cell: str) -> str:
        """A cell as Python."""
        ...

    async def run_cell_async(self, raw_cell: str, *, transformed_cell: str) -> CellResult:
        """Run a cell's code within the one that runs, and show its errors as of a cell."""
        ...

"""Waiting in a cell: awaited where the magic was given an ``await``, blocking where it was not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from asyncmcp_nb.session.home import Home

T = TypeVar("T")

Make = Callable[[], Coroutine[Any, Any, T]]
Runner = Callable[[Coroutine[Any, Any, Any]], Any]


class Pending:
    """The answer of a magic to be awaited. Nothing happens, and nothing warns, if it is not."""

    def __init__(self, make: Make[Any]) -> None:
        self._make = make

    def __repr__(self) -> str:
        return "<the answer of %mcp: `await` it>"

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._make().__await__()


def block(make: Make[T], runner: Runner) -> T:
    """Run a coroutine to its end from plain code.

    Args:
        make: Makes it.
        runner: IPython's own, for where no loop runs: it turns the loop that cells await on.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        is_elsewhere = threading.current_thread() is not threading.main_thread()
        return asyncio.run(make()) if is_elsewhere else runner(make())
    return Home.here().wait_for(make)

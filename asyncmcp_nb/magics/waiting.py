"""Waiting in a cell: awaited where the magic was given an ``await``, blocking where it was not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from asyncmcp_nb.session import Session
from asyncmcp_nb.session.home import Home

T = TypeVar("T")

Make = Callable[[], Coroutine[Any, Any, T]]


class Pending:
    """The answer of a magic to be awaited. Nothing happens, and nothing warns, if it is not."""

    def __init__(self, make: Make[Any]) -> None:
        self._make = make

    def __repr__(self) -> str:
        return "<the answer of %mcp: `await` it>"

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._make().__await__()


class Blocking:
    """Runs coroutines to their end from plain code, whether or not a loop runs there."""

    def __init__(self) -> None:
        self._home: Home | None = None

    def run(self, make: Make[T], session: Session | None) -> T:
        """Block until a coroutine is done.

        On a running loop this nests. Where none runs, it is the session's loop that turns, or,
        without a session, one in a thread, on which a session can live.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._elsewhere(make) if session is None else session.block(make, None)
        return Home.here().wait_for(make)

    def close(self) -> None:
        """End the thread, if there is one."""
        if self._home is not None:
            self._home.stop()
            self._home = None

    def _elsewhere(self, make: Make[T]) -> T:
        if self._home is None:
            self._home = Home.in_thread()
        return self._home.wait_for(make)

"""Ctrl-C, or the stop button, while a magic waits: the wait ends with one line, calls go on."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.session import Call

T = TypeVar("T")


class InterruptedWait(AsyncMcpError):
    """Whoever sits there no longer waits. What was submitted goes on."""


def call_goes_on(call: Call) -> str:
    """What becomes of a call that nobody waits for any more."""
    return f'call {call.id} goes on: session.get("{call.id}"), %mcp cancel {call.id}'


async def until_interrupted(waiting: Coroutine[Any, Any, T], goes_on: Callable[[], str]) -> T:
    """Wait for something, and no longer than until SIGINT.

    That signal and nothing else: a task that is cancelled by a timeout around it stays cancelled.

    Args:
        waiting: What to wait for. It runs no code of the user's, who may want the signal there.
        goes_on: Says what becomes of it.

    Raises:
        InterruptedWait: The signal came.
    """
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        return await waiting
    loop = asyncio.get_running_loop()
    came: list[asyncio.Handle] = []

    def interrupt(_: int, __: FrameType | None) -> None:
        came.append(loop.call_soon_threadsafe(task.cancel))

    former = signal.signal(signal.SIGINT, interrupt)
    try:
        return await waiting
    except asyncio.CancelledError:
        if not came:
            raise
        task.uncancel()
        raise InterruptedWait(f"interrupted; {goes_on()}") from None
    finally:
        signal.signal(signal.SIGINT, former or signal.SIG_DFL)
        for handle in came:  # one that came too late is to cancel nothing else
            handle.cancel()

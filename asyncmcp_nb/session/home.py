"""The loop a session lives on, and the one task that owns its MCP client.

A task group entered in one cell cannot be left in another, so one task enters the client and leaves
it; cells talk to it through this. In a notebook the home is the notebook's loop; where no loop
runs, it is a loop in a thread. This is the only file that speaks asyncio rather than anyio.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Collection, Coroutine, Generator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self, TypeVar

from asyncmcp_nb.errors import ConfigError, SessionClosed

T = TypeVar("T")

_GIVING_UP_SECONDS: Final = 5.0
"""The most that a context may take to clean up after it was not entered in time. Our choice."""
_LAST_WORDS_SECONDS: Final = 1.0
"""For tasks of a loop that stops, to end by themselves. Our choice."""
_STOPPING_SECONDS: Final = 8.0
"""For a loop to stop; more than its tasks may take."""
_HEARTBEAT_SECONDS: Final = 0.2
"""While a cell waits, the loop wakes this often, so that Stop interrupts at once."""


class Home:
    """Runs things on the session's loop, from wherever they are asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread | None) -> None:
        self._loop = loop
        self._thread = thread
        self._process_id = os.getpid()
        self._owner: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._lock = threading.Lock()
        self._is_stopped = False
        self._waiters = 0
        self._is_beating = False

    @classmethod
    def here(cls) -> Home:
        """A home on the running loop.

        Raises:
            ConfigError: It is none of asyncio's.
        """
        try:
            return cls(asyncio.get_running_loop(), None)
        except RuntimeError as exc:
            raise ConfigError(
                "a session needs a loop of asyncio's, and here is another: use `with connect(...)` "
                "in a thread, or `sns_sqs_client` with the SDK's Client"
            ) from exc

    @classmethod
    def in_thread(cls) -> Self:
        """A home on a loop of its own, in a daemon thread."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_turn, args=(loop,), name="asyncmcp-home", daemon=True)
        thread.start()
        return cls(loop, thread)

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on the home's loop."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    async def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await something on the home's loop, from any loop."""
        if self.is_here:
            with self.beating():
                return await make()
        return await asyncio.wrap_future(self.submit(make))

    def submit(self, make: Callable[[], Coroutine[Any, Any, T]]) -> Future[T]:
        """Start something on the home's loop, from any thread.

        Raises:
            SessionClosed: The loop is closed, or about to be, or another process's.
        """
        self.require_own_process()
        with self._lock:
            if self._is_stopped or self._loop.is_closed():
                raise _closed()
            return asyncio.run_coroutine_threadsafe(make(), self._loop)

    def start_soon(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a task of the session on its loop, from any thread; ``leave`` cancels it."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the session with it
            self._loop.call_soon_threadsafe(self._start, make)

    def wait_for(
        self, make: Callable[[], Coroutine[Any, Any, T]], timeout_seconds: float | None = None
    ) -> T:
        """Block until something is done, also inside a cell or callback on the home's own loop.

        On a running loop this nests: the loop goes on turning underneath (nest-asyncio2, applied at
        the first use).

        Raises:
            TimeoutError: It took longer than the timeout.
            SessionClosed: The loop is closed, or was while this waited, or another process's.
        """
        self.require_own_process()

        async def bounded() -> T:
            async with asyncio.timeout(timeout_seconds):
                return await make()

        if self.is_here:
            _let_nest(self._loop)
            with self.beating():
                return self._loop.run_until_complete(bounded())
        if self._thread is None and not self._loop.is_running():
            # IPython in a terminal turns its loop only while a cell awaits.
            return self._loop.run_until_complete(bounded())
        try:
            return self.submit(bounded).result()
        except CancelledError:
            if not self._is_stopped:
                raise
            raise _closed() from None

    def require_own_process(self) -> None:
        """Refuse what a fork would wait for in vain: the loop and all threads are its parent's.

        Raises:
            SessionClosed: This is not the process that the home was made in.
        """
        if os.getpid() != self._process_id:
            raise SessionClosed(
                f"this session is process {self._process_id}'s, and this is a fork of it; connect "
                "here too, under another name"
            )

    @contextlib.contextmanager
    def beating(self) -> Generator[None]:
        """Keep the loop waking while somebody waits on it."""
        self._waiters += 1
        # One beat is enough: those who wait in turn, each for less than a beat, share it.
        if not self._is_beating:
            self._is_beating = True
            self._loop.call_soon(self._beat)
        try:
            yield
        finally:
            self._waiters -= 1

    def _beat(self) -> None:
        self._is_beating = self._waiters > 0
        if self._is_beating:
            self._loop.call_later(_HEARTBEAT_SECONDS, self._beat)

    # -- the owner task ---------------------------------------------------------------------------

    async def enter(
        self, context: AbstractAsyncContextManager[T], timeout_seconds: float | None = None
    ) -> T:
        """Enter a context in the owner task; ``leave`` leaves it there.

        Raises:
            TimeoutError: It took longer than the timeout, and was given up.
            Exception: Whatever entering it raises.
        """
        entered: asyncio.Future[T] = self._loop.create_future()
        owner = self._loop.create_task(self._own(context, entered))
        try:
            with self.beating():
                await asyncio.wait(
                    {entered, owner},
                    timeout=timeout_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            if not entered.done():
                owner.cancel()
        if not entered.done():
            await self._end_of(owner)
        self._owner = owner
        return entered.result()

    async def _end_of(self, owner: asyncio.Task[None]) -> None:
        """Raise what ended a task that never entered its context; that it was told to, if so."""
        await asyncio.wait({owner}, timeout=_GIVING_UP_SECONDS)
        if owner.done() and not owner.cancelled():
            owner.result()
        raise TimeoutError

    async def _own(
        self, context: AbstractAsyncContextManager[T], entered: asyncio.Future[T]
    ) -> None:
        async with context as value:
            entered.set_result(value)
            await self._leave.wait()
            await self._cancel_tasks()

    async def leave(self) -> None:
        """Leave the context and cancel the session's tasks. A second call does nothing."""
        self._leave.set()
        if self._owner is not None:
            await asyncio.shield(self._owner)

    def stop(self) -> None:
        """End the thread of a home that has one; called from elsewhere, after ``leave``."""
        if self._thread is None:
            return
        with self._lock:
            if self._is_stopped:
                return
            self._is_stopped = True
            # What was submitted before this is a task of the loop when it stops.
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOPPING_SECONDS)

    def _start(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._leave.is_set():
            return
        task = self._loop.create_task(make())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped; whoever waits for a task of it has its end."""
    try:
        loop.run_forever()
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
    finally:
        loop.close()


async def _end(tasks: Collection[asyncio.Task[Any]]) -> None:
    for patience_seconds in (_LAST_WORDS_SECONDS, _GIVING_UP_SECONDS):
        if not tasks:
            return
        # Those who were woken just now end by themselves.
        _, tasks = await asyncio.wait(tasks, timeout=patience_seconds)
        for task in tasks:
            task.cancel()


def _closed() -> SessionClosed:
    return SessionClosed("the loop of this session is closed; connect again")


def _let_nest(loop: asyncio.AbstractEventLoop) -> None:
    """Let a running loop be run again from inside; only the first call does anything."""
    # Deferred: whoever never blocks on the loop keeps asyncio as it is.
    import nest_asyncio2

    untyped: Any = nest_asyncio2
    untyped.apply(loop)

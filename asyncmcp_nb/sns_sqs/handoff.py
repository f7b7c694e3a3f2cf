"""From a thread to an event loop: calls, and a mailbox that a task can read.

Works on asyncio and trio alike; many calls from threads share one wake-up of the loop.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import anyio
import anyio.lowlevel
from anyio.lowlevel import RunVar

T = TypeVar("T")


class _AsyncioLoop(Protocol):
    def call_soon_threadsafe(self, callback: Callable[[], object]) -> object: ...


class _TrioToken(Protocol):
    def run_sync_soon(self, sync_fn: Callable[[], object]) -> None: ...


class Handoff:
    """Runs functions on the loop that was running when it was made."""

    def __init__(self) -> None:
        native: Any = anyio.lowlevel.current_token().native_token
        self._schedule: Callable[[Callable[[], object]], object] = (
            cast("_TrioToken", native).run_sync_soon
            if hasattr(native, "run_sync_soon")
            else cast("_AsyncioLoop", native).call_soon_threadsafe
        )
        self._thread_id = threading.get_ident()
        self._calls: deque[Callable[[], object]] = deque()
        self._scheduled = False

    def is_home(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.get_ident() == self._thread_id

    def post(self, call: Callable[[], object]) -> bool:
        """Run ``call`` on the loop soon, in the order of posting.

        Returns:
            False where the loop is closed; the call will not run.
        """
        self._calls.append(call)
        return self._scheduled or self._schedule_drain()

    def _schedule_drain(self) -> bool:
        is_done = False
        try:
            self._scheduled = True
            self._schedule(self._drain)
            is_done = True
        except RuntimeError:  # asyncio: closed; trio's RunFinishedError derives from it
            return False
        finally:
            # Ctrl-C in between: whoever posts next schedules it, were it a second time.
            if not is_done:
                self._scheduled = False
        return True

    def _drain(self) -> None:
        self._scheduled = False
        try:
            while self._calls:
                self._calls.popleft()()
        finally:
            # What is left when Ctrl-C ends a call in a cell that blocks; the loop goes on.
            if self._calls:
                self._schedule_drain()


_of_loop: RunVar[Handoff] = RunVar("asyncmcp_nb handoff")


def handoff_here() -> Handoff:
    """The one that all who wait on the running loop share."""
    try:
        return _of_loop.get()
    except LookupError:
        handoff = Handoff()
        _of_loop.set(handoff)
        return handoff


class Mailbox(Generic[T]):
    """Filled by any thread, read by one task; the SDK's ``ReadStream``.

    It never blocks a thread. Its bound is the caller's: ``put`` says when it is full.
    """

    def __init__(self, handoff: Handoff, *, limit_count: int = 10_000) -> None:
        self._handoff = handoff
        self._limit_count = limit_count
        self._items: deque[T] = deque()
        self._arrived = anyio.Event()
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, *, force: bool = False) -> bool:
        """Add an item from any thread.

        Returns:
            False where it is full (unless forced) or has ended; the item was not taken.
        """
        if self._ended or (len(self._items) >= self._limit_count and not force):
            return False
        self._items.append(item)
        return self._handoff.post(self._wake)

    def end(self) -> None:
        """Let the reader finish what is there, then see the end. From any thread."""
        self._ended = True
        self._handoff.post(self._wake)

    def _wake(self) -> None:
        self._arrived.set()

    async def receive(self) -> T:
        """Wait for the next item.

        Raises:
            anyio.EndOfStream: It has ended and is empty.
        """
        await anyio.lowlevel.checkpoint()
        while not self._items:
            if self._ended:
                raise anyio.EndOfStream
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._items.popleft()

    async def batches(self) -> AsyncGenerator[list[T]]:
        """What has come since the last batch, whenever something has; until it ends."""
        async for item in self:
            batch = [item]
            while self._items:
                batch.append(self._items.popleft())
            yield batch

    async def aclose(self) -> None:
        """Take no more; what is there is dropped."""
        self._ended = True
        self._items.clear()
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

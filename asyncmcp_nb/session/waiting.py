"""Those who wait for calls, woken all at once, and calls submitted at once, recorded as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.sns_sqs.handoff import Handoff, handoff_here

A = TypeVar("A")
B = TypeVar("B")


class Waiter(Generic[A]):
    """One task that waits for one thing. Made on the task's loop."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._found: A | None = None
        self.handoff = handoff_here()
        """The loop that it waits on."""

    async def wait(self) -> A | None:
        """What it was woken with."""
        await self._event.wait()
        return self._found

    def find(self, found: A) -> None:
        """Let it have what it waits for; on its own loop."""
        self._found = found
        self._event.set()


def wake(found: Iterable[tuple[Waiter[A], A]]) -> None:
    """Let each have what it waits for, from any thread: one hand-over for each loop.

    One by one, the first would make the loop run, and compete with this thread for the rest.
    """
    by_loop: dict[Handoff, list[tuple[Waiter[A], A]]] = {}
    for waiter, value in found:
        by_loop.setdefault(waiter.handoff, []).append((waiter, value))
    for handoff, several in by_loop.items():
        handoff.post(lambda several=several: _find(several))


def _find(found: Sequence[tuple[Waiter[A], A]]) -> None:
    for waiter, value in found:
        waiter.find(value)


class Gathering(Generic[A, B]):
    """What tasks of a loop ask for in one turn of it, done as one."""

    def __init__(self, do: Callable[[Sequence[A]], Sequence[B]]) -> None:
        """Make one.

        Args:
            do: Makes a result of each value, all or none; it does not wait. Where it refuses
                several, each is tried by itself.
        """
        self._do = do
        self._open: dict[Handoff, _Turn[A, B]] = {}

    async def ask(self, value: A) -> B:
        """The result for a value.

        A task that is cancelled meanwhile changes nothing: it is done all the same.

        Raises:
            AsyncMcpError: What it raises for this value.
        """
        here = handoff_here()
        turn = self._open.get(here)
        if turn is not None:
            return await turn.join(value)
        turn = self._open[here] = _Turn()
        mine = turn.add(value)
        # All tasks that are ready run before this one goes on.
        await anyio.lowlevel.cancel_shielded_checkpoint()
        del self._open[here]
        turn.end(self._do)
        return turn.result(mine)


class _Turn(Generic[A, B]):
    def __init__(self) -> None:
        self._values: list[A] = []
        self._results: list[B | AsyncMcpError] = []
        self._ended = anyio.Event()

    def add(self, value: A) -> int:
        self._values.append(value)
        return len(self._values) - 1

    async def join(self, value: A) -> B:
        place = self.add(value)
        await self._ended.wait()
        return self.result(place)

    def end(self, do: Callable[[Sequence[A]], Sequence[B]]) -> None:
        # What the others get where Ctrl-C or a bug ends this here.
        self._results = [_undone() for _ in self._values]
        try:
            self._results = [*do(self._values)]
        except AsyncMcpError as exc:
            several = len(self._values) > 1
            self._results = [_alone(do, value) for value in self._values] if several else [exc]
        finally:
            self._ended.set()

    def result(self, place: int) -> B:
        found = self._results[place]
        if isinstance(found, AsyncMcpError):
            raise found
        return found


def _undone() -> AsyncMcpError:
    return AsyncMcpError("not done: the task that did it for several was interrupted; try again")


def _alone(do: Callable[[Sequence[A]], Sequence[B]], value: A) -> B | AsyncMcpError:
    try:
        [result] = do([value])
    except AsyncMcpError as exc:
        return exc
    return result

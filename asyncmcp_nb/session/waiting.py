"""Those who wait for calls, woken all at once; and what tasks do at once, gathered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import anyio

from asyncmcp_nb.sns_sqs.handoff import Handoff, handoff_here

A = TypeVar("A")


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


class Gathering(Generic[A]):
    """What tasks of a loop have in one turn of it, given on together."""

    def __init__(
        self, give: Callable[[Sequence[A]], object], *, lose: Callable[[Sequence[A]], object]
    ) -> None:
        """Make one.

        Args:
            give: Takes what came in a turn, on that loop. It must not block.
            lose: Told of what ``give`` may not have taken, since Ctrl-C or a bug ended it.
        """
        self._give = give
        self._lose = lose
        self._open: dict[Handoff, list[A]] = {}

    def put(self, value: A) -> None:
        """Give a value on, with those of the other tasks that are ready to run now."""
        here = handoff_here()
        turn = self._open.get(here)
        if turn is None:
            turn = self._open[here] = []
            # All tasks that are ready run before this does.
            here.post(lambda: self._end(here))
        turn.append(value)

    def _end(self, here: Handoff) -> None:
        turn = self._open.pop(here)
        is_given = False
        try:
            self._give(turn)
            is_given = True
        finally:
            if not is_given:
                self._lose(turn)

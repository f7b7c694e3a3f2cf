"""Calls in a row and calls at once, by whatever client; and what every client can be told to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import count as counting
from typing import Any

import anyio

from tests.benchmarks.peers.heartbeat import Heartbeat
from tests.benchmarks.peers.line import Command, vitals

Ask = Callable[[int], Awaitable[Any]]
"""Call the tool that gives a number back, with a number; what it gave back."""


class Driver:
    """Makes calls with numbers that it never uses again, and checks each answer."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._numbers = counting(1)
        self.heartbeat = Heartbeat()

    def commands(self) -> dict[str, Command]:
        """What every client can be told to do."""
        return {
            "in_a_row": self.in_a_row,
            "at_once": self.at_once,
            "vitals": self.vitals,
            "begin_beat": self.begin_beat,
            "end_beat": self.end_beat,
        }

    async def in_a_row(self, count: int) -> dict[str, Any]:
        """One call after the other: how long each took."""
        took: list[float] = []
        wrong_count = 0
        for number in self._some(count):
            began = time.perf_counter()
            answer = await self._ask(number)
            took.append(time.perf_counter() - began)
            wrong_count += answer != number
        return {"seconds": took, "wrong_count": wrong_count}

    async def at_once(self, depth: int, count: int) -> dict[str, Any]:
        """So many calls, ``depth`` of them outstanding at any time until the last are sent."""
        asked = self._some(count)
        answers: Counter[Any] = Counter()
        wrong_count = 0

        async def keep_asking() -> None:
            nonlocal wrong_count
            for number in asked:
                answer = await self._ask(number)
                wrong_count += answer != number
                answers[answer] += 1

        cpu_before, began = vitals()["cpu_seconds"], time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(depth):
                tasks.start_soon(keep_asking)
        seconds = time.perf_counter() - began
        return {
            "seconds": seconds,
            "cpu_seconds": vitals()["cpu_seconds"] - cpu_before,
            "wrong_count": wrong_count + (count - len(answers)),
        }

    async def vitals(self) -> dict[str, float]:
        """Of this process."""
        return vitals()

    async def begin_beat(self) -> None:
        """Watch the loop."""
        self.heartbeat.begin()

    async def end_beat(self) -> list[float]:
        """Stop watching it; see ``Heartbeat.end``."""
        return self.heartbeat.end()

    def _some(self, count: int) -> Iterator[int]:
        # A list's iterator is shared by tasks of one loop; islice over a counter would be as well.
        return iter([next(self._numbers) for _ in range(count)])

"""Whether an event loop is held up: a task that would like to run every millisecond."""

from __future__ import annotations

import time

import anyio

BEAT_SECONDS = 0.001
LATE_SECONDS = 0.005
_LOOK_SECONDS = 0.02


class Heartbeat:
    """Of one loop. It beats while it is on, which costs a few percent of a processor."""

    def __init__(self) -> None:
        self.is_on = False
        """Set from any thread."""
        self._late_seconds = 0.0
        self._total_seconds = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            if self.is_on:
                await self._beat()
            else:
                await anyio.sleep(_LOOK_SECONDS)

    def begin(self) -> None:
        """Count from now on."""
        self._late_seconds = self._total_seconds = 0.0
        self.is_on = True

    def end(self) -> float:
        """The share of the time since then by which beats were late, those that were too late."""
        self.is_on = False
        return self._late_seconds / self._total_seconds if self._total_seconds else 0.0

    async def _beat(self) -> None:
        before = time.perf_counter()
        await anyio.sleep(BEAT_SECONDS)
        took = time.perf_counter() - before
        self._total_seconds += took
        if took - BEAT_SECONDS > LATE_SECONDS:
            self._late_seconds += took - BEAT_SECONDS

"""Whether an event loop is held up: a task that would like to run every millisecond."""

from __future__ import annotations

import time

import anyio

BEAT_SECONDS = 0.001
LATE_SECONDS = 0.005
NOTICED_SECONDS = 0.05
"""Half of what a person takes for at once: https://www.nngroup.com/articles/response-times-3-important-limits/."""
_LOOK_SECONDS = 0.02


class Heartbeat:
    """Of one loop. It beats while it is on, which costs a few percent of a processor."""

    def __init__(self) -> None:
        self.is_on = False
        """Set from any thread."""
        self._begin_again()

    async def run(self) -> None:
        """For ever."""
        while True:
            if self.is_on:
                await self._beat()
            else:
                await anyio.sleep(_LOOK_SECONDS)

    def begin(self) -> None:
        """Count from now on."""
        self._begin_again()
        self.is_on = True

    def end(self) -> list[float]:
        """The shares of the time since then by which beats were late: all that were too late, and
        those that a person may have noticed."""
        self.is_on = False
        total = self._total_seconds or 1.0
        return [self._late_seconds / total, self._noticed_seconds / total]

    def _begin_again(self) -> None:
        self._late_seconds = self._noticed_seconds = self._total_seconds = 0.0

    async def _beat(self) -> None:
        before = time.perf_counter()
        await anyio.sleep(BEAT_SECONDS)
        took = time.perf_counter() - before
        late_by = took - BEAT_SECONDS
        self._total_seconds += took
        if late_by > LATE_SECONDS:
            self._late_seconds += late_by
        if late_by > NOTICED_SECONDS:
            self._noticed_seconds += late_by

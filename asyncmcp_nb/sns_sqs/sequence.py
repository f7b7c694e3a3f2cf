"""Putting the messages of one request back in order.

Pure: time is an argument. A message whose predecessors are missing waits at most
``gap_timeout_seconds`` for them, and is then delivered without.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")

FINISHED_COUNT: Final = 4096
"""Finished requests remembered, so that stragglers are dropped rather than held."""


@dataclass(slots=True, eq=False)
class _Lane(Generic[T]):
    next_sequence: int = 0
    held: dict[int, tuple[T, bool]] = field(default_factory=dict[int, "tuple[T, bool]"])
    held_since: float = 0.0

    def holds_end(self, sequence: int) -> bool:
        """Whether what is held at this place is the answer."""
        return sequence in self.held and self.held[sequence][1]


class Sequencer(Generic[T]):
    """Holds what came too early, per request."""

    def __init__(self, *, gap_timeout_seconds: float, held_limit_count: int = 10_000) -> None:
        self._gap_timeout_seconds = gap_timeout_seconds
        self._held_limit_count = held_limit_count
        self._held_count = 0
        self._lanes: dict[Hashable, _Lane[T]] = {}
        self._finished: OrderedDict[Hashable, None] = OrderedDict()

    @property
    def held_count(self) -> int:
        """Messages that wait for an earlier one."""
        return self._held_count

    def push(self, key: Hashable, sequence: int, item: T, *, last: bool, now: float) -> list[T]:
        """Take a message and return what can be delivered, in order.

        Args:
            key: The request it belongs to.
            sequence: Its place within the request; one that was passed already is dropped.
            item: The message.
            last: Whether nothing follows it (the answer).
            now: Seconds on a monotonic clock.
        """
        if key in self._finished:
            return []
        lane = self._lanes.setdefault(key, _Lane())
        if sequence < lane.next_sequence or sequence in lane.held:
            if not last or lane.holds_end(sequence):
                return []
            # A worker that took over counts from 0 again; its answer ends the request all the same.
            return [*self._release(key, lane, now, skip_gaps=True), *self._end(key, item)]
        if not lane.held:
            lane.held_since = now
        lane.held[sequence] = (item, last)
        self._held_count += 1
        overfull = self._held_count > self._held_limit_count
        return self._release(key, lane, now, skip_gaps=overfull)

    def expire(self, now: float) -> list[T]:
        """Return what has waited for its predecessors long enough."""
        ready: list[T] = []
        for key, lane in list(self._lanes.items()):
            if lane.held and lane.held_since + self._gap_timeout_seconds <= now:
                ready += self._release(key, lane, now, skip_gaps=True)
        return ready

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do, on the clock of ``push``; None: nothing waits."""
        if not self._held_count:
            return None
        since = min(lane.held_since for lane in self._lanes.values() if lane.held)
        return since + self._gap_timeout_seconds

    def forget(self, key: Hashable) -> None:
        """Drop what is known of a request that will get no answer."""
        if (lane := self._lanes.pop(key, None)) is not None:
            self._held_count -= len(lane.held)
        self._remember(key)

    def _end(self, key: Hashable, item: T) -> list[T]:
        """The answer, unless what was held back ended with one."""
        if key in self._finished:
            return []
        self.forget(key)
        return [item]

    def _release(self, key: Hashable, lane: _Lane[T], now: float, *, skip_gaps: bool) -> list[T]:
        ready: list[T] = []
        while lane.held:
            if lane.next_sequence not in lane.held:
                if not skip_gaps:
                    break
                lane.next_sequence = min(lane.held)
            item, last = lane.held.pop(lane.next_sequence)
            lane.next_sequence += 1
            self._held_count -= 1
            ready.append(item)
            if last:
                self.forget(key)
                break
        if ready and lane.held:
            lane.held_since = now
        return ready

    def _remember(self, key: Hashable) -> None:
        self._finished[key] = None
        while len(self._finished) > FINISHED_COUNT:
            self._finished.popitem(last=False)

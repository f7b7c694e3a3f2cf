"""Calls that wait to be sent: which may go now, lane by lane. Pure but for its lock.

Single calls share a lane without a bound; each ``map`` has a lane that lets so many be outstanding.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Lane:
    """Calls that are sent in order, at most ``max_in_flight`` outstanding; None for no bound."""

    max_in_flight: int | None = None
    waiting: deque[str] = field(default_factory=deque[str])
    in_flight: set[str] = field(default_factory=set[str])

    def room(self) -> int | None:
        """How many more may be outstanding; None for any number."""
        return None if self.max_in_flight is None else self.max_in_flight - len(self.in_flight)


class Outbox:
    """All lanes of a session. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._singles = Lane()
        self._lanes: list[Lane] = [self._singles]
        self._lane_of: dict[str, Lane] = {}

    @property
    def waiting_count(self) -> int:
        """Calls not handed to the publisher yet."""
        with self._lock:
            return sum(len(lane.waiting) for lane in self._lanes)

    def put(self, call_ids: Iterable[str], *, max_in_flight: int | None = None) -> None:
        """Queue calls: in the lane of single calls, or, with a bound, in a new lane."""
        with self._lock:
            if max_in_flight is None:
                self._singles.waiting.extend(call_ids)
                return
            lane = Lane(max_in_flight)
            lane.waiting.extend(call_ids)
            self._lane_of.update((call_id, lane) for call_id in lane.waiting)
            self._lanes.append(lane)

    def take(self, most: int) -> list[str]:
        """Calls that may be sent now, up to ``most`` altogether, from all lanes in turn."""
        taken: list[str] = []
        with self._lock:
            for lane in list(self._lanes):
                share = most - len(taken)
                room = lane.room()
                count = min(share, len(lane.waiting), share if room is None else room)
                ready = self._next_of(lane, count)
                taken += ready
                if ready:
                    # Whoever was served lets the others go first next time.
                    self._lanes.remove(lane)
                    self._lanes.append(lane)
        return taken

    def give_back(self, call_ids: Sequence[str]) -> None:
        """Have calls wait again, first of all, that were taken and could not be sent."""
        with self._lock:
            for call_id in reversed(call_ids):
                lane = self._lane_of.get(call_id, self._singles)
                lane.in_flight.discard(call_id)
                lane.waiting.appendleft(call_id)

    def settle(self, call_ids: Iterable[str]) -> bool:
        """Note that calls have ended; whether that made room for others."""
        freed = False
        with self._lock:
            for call_id in call_ids:
                lane = self._lane_of.pop(call_id, None)
                if lane is None:
                    continue
                lane.in_flight.discard(call_id)
                freed = freed or bool(lane.waiting)
                self._drop_if_empty(lane)
        return freed

    def _next_of(self, lane: Lane, count: int) -> list[str]:
        if lane is self._singles:
            return [lane.waiting.popleft() for _ in range(count)]
        ready: list[str] = []
        while lane.waiting and len(ready) < count:
            call_id = lane.waiting.popleft()
            if call_id in self._lane_of:  # else it ended while it waited
                ready.append(call_id)
        lane.in_flight.update(ready)
        self._drop_if_empty(lane)
        return ready

    def _drop_if_empty(self, lane: Lane) -> None:
        if not lane.waiting and not lane.in_flight and lane in self._lanes:
            self._lanes.remove(lane)

"""Putting the messages of one request back in order.

Pure: time is an argument, on a clock that never goes back. A message whose predecessors are missing
waits at most ``gap_timeout_seconds`` for them, and is then delivered without.

A worker that takes a request over numbers its messages in a range of its own, above that of the
worker that had it before. So what it says is told from a repetition, and is not kept waiting for
what the dead worker can no longer say.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")

FINISHED_COUNT: Final = 4096
"""Finished requests remembered, so that stragglers are dropped rather than held."""
LANE_COUNT: Final = 4096
LANE_SECONDS: Final = 3600.0
"""Requests without an answer whose place is remembered, and for how long after their last message.
Our choice. One that is forgotten and goes on loses nothing: its next message waits for the gap
timeout, as if those before it were lost."""

ATTEMPT_SPAN: Final = 2**20
"""Numbers for the messages of one worker about one request. Our choice."""
_ATTEMPT_COUNT: Final = 900_000
"""The highest range: its numbers have the 12 digits that the wire carries."""


def first_sequence(receive_count: int) -> int:
    """The number of a worker's first message about a request.

    Args:
        receive_count: How often the request was delivered, to that worker too.
    """
    return ATTEMPT_SPAN * min(receive_count - 1, _ATTEMPT_COUNT)


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    item: T
    is_last: bool
    level: float | None


@dataclass(slots=True, eq=False)
class _Lane(Generic[T]):
    touched_at: float
    next_sequence: int = 0
    level: float = -math.inf
    """The highest that was delivered."""
    floor: float = -math.inf
    """The highest that earlier attempts had reached when this one began."""
    held: dict[int, _Held[T]] = field(default_factory=dict[int, "_Held[T]"])
    held_since: float = 0.0

    def skip(self, sequence: int) -> None:
        """Pass over what is missing before this place."""
        if sequence // ATTEMPT_SPAN > self.next_sequence // ATTEMPT_SPAN:
            self.floor = self.level
        self.next_sequence = sequence

    def holds_end(self, sequence: int) -> bool:
        """Whether what is held at this place is the answer."""
        return sequence in self.held and self.held[sequence].is_last


class Sequencer(Generic[T]):
    """Holds what came too early, per request. What it remembers is bounded in number and time."""

    def __init__(self, *, gap_timeout_seconds: float, held_limit_count: int = 10_000) -> None:
        self._gap_timeout_seconds = gap_timeout_seconds
        self._held_limit_count = held_limit_count
        self._held_count = 0
        self._lanes: OrderedDict[Hashable, _Lane[T]] = OrderedDict()
        self._waiting: OrderedDict[Hashable, _Lane[T]] = OrderedDict()
        self._finished: OrderedDict[Hashable, None] = OrderedDict()

    @property
    def held_count(self) -> int:
        """Messages that wait for an earlier one."""
        return self._held_count

    @property
    def lane_count(self) -> int:
        """Requests that something was said about, and that have no answer yet."""
        return len(self._lanes)

    def push(
        self,
        key: Hashable,
        sequence: int,
        item: T,
        *,
        last: bool,
        now: float,
        level: float | None = None,
    ) -> list[T]:
        """Take a message and return what can be delivered, in order.

        Args:
            key: The request it belongs to.
            sequence: Its place within the request; one that was passed already is dropped.
            item: The message.
            last: Whether nothing follows it (the answer).
            now: Seconds on a monotonic clock.
            level: What a later attempt at a request repeats (its progress): a message below what
                the attempts before it had reached is dropped when its turn comes. Within one
                attempt, levels are as the server sends them. None for what has no level.
        """
        if key in self._finished:
            return []
        lane = self._lane(key, now)
        ready = self._make_room(now)
        if sequence < lane.next_sequence or sequence in lane.held:
            if last and not lane.holds_end(sequence):
                # Two workers ran it side by side; the answer of either ends it.
                ready += [*self._release(key, lane, now, skip_to=math.inf), *self._end(key, item)]
            return ready
        if not lane.held:
            lane.held_since = now
            self._waiting[key] = lane
        lane.held[sequence] = _Held(item, last, level)
        self._held_count += 1
        skip_to = -1.0
        if self._held_count > self._held_limit_count:
            skip_to = math.inf
        elif sequence % ATTEMPT_SPAN == 0:
            skip_to = sequence
        return ready + self._release(key, lane, now, skip_to=skip_to)

    def expire(self, now: float) -> list[T]:
        """Return what has waited for its predecessors long enough."""
        ready: list[T] = []
        while (due := self.next_expiry()) is not None and due <= now:
            key, lane = next(iter(self._waiting.items()))
            ready += self._release(key, lane, now, skip_to=math.inf)
        return ready

    def next_expiry(self) -> float | None:
        """When ``expire`` has something to do, on the clock of ``push``; None: nothing waits."""
        longest = next(iter(self._waiting.values()), None)
        return None if longest is None else longest.held_since + self._gap_timeout_seconds

    def forget(self, key: Hashable) -> None:
        """Drop what is known of a request that gets no answer, and what is still said about it."""
        if (lane := self._lanes.pop(key, None)) is not None:
            self._held_count -= len(lane.held)
            self._waiting.pop(key, None)
        self._finished[key] = None
        if len(self._finished) > FINISHED_COUNT:
            self._finished.popitem(last=False)

    def _lane(self, key: Hashable, now: float) -> _Lane[T]:
        lane = self._lanes.setdefault(key, _Lane(now))
        lane.touched_at = now
        self._lanes.move_to_end(key)
        return lane

    def _make_room(self, now: float) -> list[T]:
        """Forget the places of requests that nothing was said about for longest."""
        ready: list[T] = []
        while True:
            key, lane = next(iter(self._lanes.items()))
            if len(self._lanes) <= LANE_COUNT and lane.touched_at + LANE_SECONDS > now:
                return ready
            ready += self._release(key, lane, now, skip_to=math.inf)
            self._lanes.pop(key, None)

    def _end(self, key: Hashable, item: T) -> list[T]:
        """The answer, unless what was held back ended with one."""
        if key in self._finished:
            return []
        self.forget(key)
        return [item]

    def _release(self, key: Hashable, lane: _Lane[T], now: float, *, skip_to: float) -> list[T]:
        """What is next, passing over gaps before ``skip_to``."""
        ready: list[T] = []
        is_moving = False
        while lane.held:
            if lane.next_sequence not in lane.held:
                if lane.next_sequence > skip_to or (first := min(lane.held)) > skip_to:
                    break
                lane.skip(first)
            held = lane.held.pop(lane.next_sequence)
            is_moving = True
            lane.next_sequence += 1
            self._held_count -= 1
            if held.level is None or held.level >= lane.floor:
                lane.level = max(lane.level, -math.inf if held.level is None else held.level)
                ready.append(held.item)
            if held.is_last:
                self.forget(key)
                return ready
        if not lane.held:
            self._waiting.pop(key, None)
        elif is_moving:
            lane.held_since = now
            self._waiting.move_to_end(key)
        return ready

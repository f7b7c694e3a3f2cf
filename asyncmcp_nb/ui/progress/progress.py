"""How far some calls are: counts, rate and remaining time, and the words for them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from asyncmcp_nb.printable import visible
from asyncmcp_nb.session import Status
from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.ui.statuses import duration

_WINDOW_SECONDS: Final = 30.0
"""The rate is that of this long, so that it follows a server that gets quicker or slower."""
_WINDOW_COUNT: Final = 10
"""The fewest readings that a rate comes from: calls of minutes have one too."""

_NOT_FAILED: Final = frozenset({Status.DONE, Status.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far some calls are at one moment."""

    name: str
    total_count: int
    ended: Mapping[Status, int] = field(default_factory=dict[Status, int])
    """Calls that have ended, by status."""
    seconds: float = 0.0
    """Since the first was submitted, until now or until the last has ended."""
    rate: float | None = None
    """Calls a second, lately; None while too little is known."""

    @property
    def ended_count(self) -> int:
        """Calls that have ended, in whatever way."""
        return sum(self.ended.values())

    @property
    def failed_count(self) -> int:
        """Calls that ended without a good answer and were not cancelled."""
        return sum(count for status, count in self.ended.items() if status not in _NOT_FAILED)

    @property
    def left_count(self) -> int:
        """Calls that have not ended."""
        return self.total_count - self.ended_count

    @property
    def is_done(self) -> bool:
        """Whether all have ended."""
        return self.left_count == 0

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.ended_count / self.total_count if self.total_count else 1.0

    @property
    def remaining_seconds(self) -> float | None:
        """How long the rest takes at this rate; None while nobody can tell."""
        return self.left_count / self.rate if self.rate and not self.is_done else None


class Pace:
    """Keeps what was read lately, for the rate of now."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, at: float, count: int) -> float | None:
        """The rate in calls a second, or None while there is none.

        Args:
            at: Seconds of some clock that does not go backwards.
            count: Calls that have ended by then.
        """
        if not self._noted or self._noted[-1][1] != count:
            self._noted.append((at, count))
        while len(self._noted) > _WINDOW_COUNT and self._noted[1][0] < at - _WINDOW_SECONDS:
            self._noted.popleft()
        then, earlier = self._noted[0]
        return (count - earlier) / (at - then) if count > earlier and at > then else None


def read(tally: Tally, now: float, rate: float | None = None) -> Reading:
    """How far the calls of a tally are.

    Args:
        tally: Counts them.
        now: Unix seconds.
        rate: As ``Pace`` says.
    """
    # Asked first: a count that misses the last one goes with a time that does so too.
    end = tally.ended_at
    return Reading(
        name=tally.name,
        total_count=tally.total_count,
        ended=tally.ended(),
        seconds=max(0.0, (now if end is None else end) - tally.started_at),
        rate=rate,
    )


# -- words ----------------------------------------------------------------------------------------


def moving_words(reading: Reading) -> str:
    """What stands behind a bar that moves: ``40.7/s, 1 min 32 s left, 12 failed``."""
    parts = [] if reading.rate is None else [rate_words(reading.rate)]
    remaining = reading.remaining_seconds
    if remaining is not None:
        parts.append(f"{duration(round(remaining) or 1)} left")
    return ", ".join([*parts, *_endings(reading)])


def moving_line(reading: Reading) -> str:
    """All of it in a line: ``score: 1,234 of 5,000 calls ended, 40.7/s, 1 min 32 s left``."""
    ended = f"{reading.ended_count:,} of {_calls(reading.total_count)} ended"
    words = moving_words(reading)
    return visible(f"{reading.name}: {ended}{f', {words}' if words else ''}")


def last_line(reading: Reading) -> str:
    """How it went: ``score: 5,000 calls in 2 min 03 s, 40.7/s, 12 failed``.

    Where some have not ended, it says how many go on.
    """
    took = duration(reading.seconds)
    if reading.is_done:
        mean = [rate_words(reading.total_count / reading.seconds)] if reading.seconds else []
        words = [f"{_calls(reading.total_count)} in {took}", *(mean if reading.ended else [])]
        return visible(f"{reading.name}: {', '.join([*words, *_endings(reading)])}")
    ended = f"{reading.ended_count:,} of {_calls(reading.total_count)} had ended after {took}"
    left = f"{reading.left_count:,} go{'es' if reading.left_count == 1 else ''} on"
    return visible(f"{reading.name}: {', '.join([ended, *_endings(reading)])}; {left}")


def rate_words(per_second: float) -> str:
    """Such as ``1,204/s``, ``40.7/s``, ``12.0/min`` or ``3.5/h``."""
    for seconds, unit in ((1, "s"), (60, "min")):
        if per_second * seconds >= 1:
            return _rate(per_second * seconds, unit)
    return _rate(per_second * 3600, "h")


def _rate(number: float, unit: str) -> str:
    return f"{number:,.0f}/{unit}" if number >= 100 else f"{number:.1f}/{unit}"


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"


def _endings(reading: Reading) -> list[str]:
    cancelled = reading.ended.get(Status.CANCELLED, 0)
    parts = [(reading.failed_count, "failed"), (cancelled, "cancelled")]
    return [f"{count:,} {word}" for count, word in parts if count]

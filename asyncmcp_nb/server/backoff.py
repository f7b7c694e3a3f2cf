"""When a process that died is started anew. Pure: who asks says what time passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST_BACKOFF_SECONDS: Final = 0.5
LAST_BACKOFF_SECONDS: Final = 30.0
HEALTHY_SECONDS: Final = 60.0
"""A process that served for so long was well, whatever ended it: the count begins anew. So was one
that answered anything: what is left to do is done soonest by its successor."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often in a row a process has died."""

    death_count: int = 0

    def after_death(self, served_seconds: float, *, answered_count: int = 0) -> Backoff:
        """The same, one death later.

        Args:
            served_seconds: How long the process served; 0 where it never did.
            answered_count: How many requests it answered, as far as it is known.
        """
        was_well = served_seconds >= HEALTHY_SECONDS or answered_count > 0
        return Backoff(1 if was_well else self.death_count + 1)

    @property
    def delay_seconds(self) -> float:
        """How long to wait: nothing at first, then half a second doubling to half a minute."""
        if self.death_count <= 1:
            return 0.0
        # Bounded before the power is taken: a worker may die for weeks.
        doublings = min(self.death_count - 2, 16)
        return min(FIRST_BACKOFF_SECONDS * 2**doublings, LAST_BACKOFF_SECONDS)

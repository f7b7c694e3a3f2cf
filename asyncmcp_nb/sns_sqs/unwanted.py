"""Requests that nobody waits for any more when they come to be started.

A deadline is a time by the client's clock, and is held against that of the worker. Where the two
differ, a call has so much more or less time; nothing else depends on it, since the client ends its
call by its own clock.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Final

from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire import Incoming
from asyncmcp_nb.wire.meta import deadline_of

TOMBSTONE_COUNT: Final = 10_000
"""Cancellations remembered for requests that have not arrived yet. Our choice."""


class Tombstones:
    """Cancellations that overtook their requests, oldest out first. Used on one loop only."""

    def __init__(self) -> None:
        self._sent_at: OrderedDict[Hashable, float | None] = OrderedDict()

    def add(self, key: Hashable, sent_at: float | None) -> None:
        """Note that a request is cancelled, should it arrive.

        Args:
            key: The request.
            sent_at: When the cancellation was sent, by its client's clock; None where unknown.
        """
        self._sent_at[key] = sent_at
        self._sent_at.move_to_end(key)
        if len(self._sent_at) > TOMBSTONE_COUNT:
            self._sent_at.popitem(last=False)

    def cover(self, work: Work) -> bool:
        """Whether a request was cancelled before it came; a cancellation covers one request."""
        if work.key not in self._sent_at:
            return False
        return is_meant(work, self._sent_at.pop(work.key))


def is_meant(work: Work, cancelled_at: float | None) -> bool:
    """Whether a cancellation of a request's id means this very request.

    Args:
        work: The request.
        cancelled_at: When the cancellation was sent, by its client's clock; None where unknown.
    """
    sent_at = work.incoming.header.timestamp
    if work.address.connection_id is not None or cancelled_at is None or sent_at is None:
        return True
    # Whoever has no connection numbers requests from 1 each time: a copy of the cancellation that
    # comes late, by way of a control queue, may find the next of that number.
    return sent_at <= cancelled_at


def requests_last(arrivals: Sequence[Work | Incoming]) -> list[Work | Incoming]:
    """What came together, in an order in which a request that is cancelled need not start."""
    return sorted(arrivals, key=lambda arrival: isinstance(arrival, Work))


def is_late(work: Work) -> bool:
    """Whether a request is past its deadline."""
    deadline = deadline_of(work.request.params)
    return deadline is not None and deadline <= time.time()

"""Requests that nobody waits for any more when they come to be started."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Final

from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire.meta import deadline_of

TOMBSTONE_COUNT: Final = 10_000
"""Cancellations remembered for requests that have not arrived yet. Our choice."""


class Tombstones:
    """Cancellations that overtook their requests, oldest out first. Used on one loop only."""

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, Any] = OrderedDict()

    def add(self, key: Hashable) -> None:
        """Note that a request is cancelled, should it arrive."""
        self._keys[key] = None
        if len(self._keys) > TOMBSTONE_COUNT:
            self._keys.popitem(last=False)

    def take(self, key: Hashable) -> bool:
        """Whether a request was cancelled; forgets it."""
        return self._keys.pop(key, self) is None

    def cover(self, work: Work) -> bool:
        """Whether a request was cancelled before it came, or is past its deadline."""
        if self.take(work.key):
            return True
        deadline = deadline_of(work.request.params)
        return deadline is not None and deadline <= time.time()

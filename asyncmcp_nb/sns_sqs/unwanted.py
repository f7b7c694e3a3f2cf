"""Requests that nobody waits for any more when they come to be started."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire.meta import deadline_of

TOMBSTONE_COUNT: Final = 10_000
"""Cancellations remembered for requests that have not arrived yet. Our choice."""


class Tombstones:
    """Cancellations that overtook their requests, oldest out first. Used on one loop only."""

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, key: Hashable) -> None:
        """Note that a request is cancelled, should it arrive."""
        self._keys[key] = None
        if len(self._keys) > TOMBSTONE_COUNT:
            self._keys.popitem(last=False)

    def cover(self, work: Work) -> bool:
        """Whether a request was cancelled before it came, or is past its deadline."""
        if work.key in self._keys:
            del self._keys[work.key]
            return True
        deadline = deadline_of(work.request.params)
        return deadline is not None and deadline <= time.time()

"""Telling a second copy of a message from a new one, where its id or place does not.

Both brokers deliver at least once. A request is known by its id and what is said about it by its
place; notifications and questions that belong to no request carry an id for this alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

SEEN_COUNT: Final = 10_000
"""Message ids remembered. Our choice."""


class Copies:
    """The ids of messages that have come, oldest out first. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, message_id: str | None) -> bool:
        """Note a message; False where it came before. One without an id is always new."""
        if message_id is None:
            return True
        with self._lock:
            if message_id in self._seen:
                return False
            self._seen[message_id] = None
            if len(self._seen) > SEEN_COUNT:
                self._seen.popitem(last=False)
            return True

    def forget(self, message_id: str | None) -> None:
        """Let a message come again: it was not taken after all."""
        if message_id is not None:
            with self._lock:
                self._seen.pop(message_id, None)

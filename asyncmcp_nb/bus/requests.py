"""Requests to AWS by one owner: counted, refused after its end, and waited for by nobody."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from asyncmcp_nb.bus.protocol import BusStatistics
from asyncmcp_nb.errors import BusClosed


class Requests:
    """Safe to use from any thread."""

    def __init__(self, owner: str) -> None:
        """Count for an owner, such as ``the bus``, whom errors name."""
        self._owner = owner
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._in_flight_count = 0
        self._closed = False
        self.on_end: Callable[[], None] = lambda: None
        """Called once closed, when the last request has returned."""

    def __str__(self) -> str:
        with self._lock:
            return f"{self._counts.total()} requests, {self._in_flight_count} in flight"

    @property
    def is_closed(self) -> bool:
        """Whether further requests are refused."""
        return self._closed

    @property
    def state(self) -> str:
        """``open`` or ``closed``."""
        return "closed" if self._closed else "open"

    def statistics(self) -> BusStatistics:
        """What was begun so far; retries of botocore's own are not counted."""
        with self._lock:
            return BusStatistics(dict(self._counts))

    @contextmanager
    def one(self, operation: str) -> Generator[None]:
        """Around one request.

        Raises:
            BusClosed: The owner is closed.
        """
        with self._lock:
            if self._closed:
                raise BusClosed(f"{self._owner} is closed")
            self._counts[operation] += 1
            self._in_flight_count += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight_count -= 1
                is_last = self._closed and self._in_flight_count == 0
            if is_last:
                self.on_end()

    def close(self) -> None:
        """Refuse further requests; those under way go on."""
        with self._lock:
            self._closed = True
            is_idle = self._in_flight_count == 0
        if is_idle:
            self.on_end()

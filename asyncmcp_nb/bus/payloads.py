"""Where the payloads are that messages only point to: ``PayloadStore``, and one in memory.

Every method blocks and is called from a thread of the transport's own, never from an event loop; it
may be called from several threads at once.

A payload is never deleted when its message is acknowledged: others may hold the same pointer, and a
redelivery needs it again. Its store lets it expire when no queue can hold the message any more.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Protocol

from asyncmcp_nb.bus.memory import Faults
from asyncmcp_nb.bus.protocol import BusStatistics
from asyncmcp_nb.errors import BusClosed, BusError, BusUnavailable, DecodeError, PayloadGone


class PayloadStore(Protocol):
    """A bucket: what was put is there for all readers once ``put`` has returned."""

    @property
    def bucket(self) -> str:
        """The name that pointers to its payloads bear."""
        ...

    def put(self, key: str, payload: bytes) -> None:
        """Store a payload; one of the same key is replaced.

        Raises:
            BusNotFound: There is no such bucket.
            BusError: The request failed; nothing is known to be stored.
        """
        ...

    def get(self, key: str, limit_bytes: int) -> bytes:
        """Fetch a payload.

        Args:
            key: Its key.
            limit_bytes: The most that is read into memory.

        Raises:
            PayloadGone: There is no such payload, or no more: trying again does not help.
            BusError: The request failed; another attempt may succeed.
            DecodeError: It is larger than the limit. Told from what the store says of its length,
                before it is read, and again while it is read.
        """
        ...

    def statistics(self) -> BusStatistics:
        """What this store has done so far."""
        ...

    def close(self) -> None:
        """Refuse further requests with ``BusClosed``; those under way come to their end."""
        ...


class MemoryPayloads:
    """A bucket in this process, which fails on demand."""

    def __init__(
        self, bucket: str = "payloads", *, faults: Faults | None = None, seed: int = 0
    ) -> None:
        """Make an empty one.

        Args:
            bucket: Its name.
            faults: Their ``error_share`` and ``latency_seconds`` apply.
            seed: Of the generator that errors are drawn from.
        """
        self.bucket = bucket
        self.faults = faults or Faults()
        """May be replaced while the store is in use."""
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._payloads: dict[str, bytes] = {}
        self._requests: Counter[str] = Counter()
        self._closed = False

    def __repr__(self) -> str:
        with self._lock:
            state = "closed" if self._closed else "open"
            return f"<MemoryPayloads {state}: {self.bucket}, {len(self._payloads)} payloads>"

    def put(self, key: str, payload: bytes) -> None:
        """See ``PayloadStore.put``."""
        self._begin("PutObject", key)
        with self._lock:
            self._payloads[key] = payload

    def get(self, key: str, limit_bytes: int) -> bytes:
        """See ``PayloadStore.get``."""
        self._begin("GetObject", key)
        with self._lock:
            payload = self._payloads.get(key)
        if payload is None:
            raise no_such_payload(key, self.bucket)
        if len(payload) > limit_bytes:
            raise too_large(len(payload), limit_bytes)
        return payload

    def keys(self) -> list[str]:
        """What is stored, oldest first."""
        with self._lock:
            return list(self._payloads)

    def expire(self, key: str) -> None:
        """Let a payload go, as a bucket's lifecycle does; a missing one is no error."""
        with self._lock:
            self._payloads.pop(key, None)

    def statistics(self) -> BusStatistics:
        """See ``PayloadStore.statistics``."""
        with self._lock:
            return BusStatistics(dict(self._requests))

    def close(self) -> None:
        """See ``PayloadStore.close``."""
        with self._lock:
            self._closed = True

    def _begin(self, operation: str, key: str) -> None:
        if self.faults.latency_seconds:
            time.sleep(self.faults.latency_seconds)
        with self._lock:
            if self._closed:
                raise BusClosed("the payload store is closed")
            if not key:
                raise BusError(f"{operation}: an empty key names no payload")
            self._requests[operation] += 1
            if self._random.random() < self.faults.error_share:
                raise BusUnavailable(f"{operation} failed on demand")


def no_such_payload(key: str, bucket: str) -> PayloadGone:
    """What a store raises where a message points to nothing."""
    return PayloadGone(
        f"no payload {key!r} in bucket {bucket!r}: it has expired, or was deleted; "
        "the message has to be sent again"
    )


def too_large(size_bytes: int, limit_bytes: int) -> DecodeError:
    """What a store raises for a payload that a reader has no room for.

    Args:
        size_bytes: All of it, or as much of it as was read.
        limit_bytes: What the reader allows.
    """
    return DecodeError(
        f"claim check: a payload of {size_bytes:,} bytes or more is above the reader's limit of "
        f"{limit_bytes:,} bytes"
    )

"""Gathering: many small sends become few full requests, without making the first one wait.

A batch goes out at once when nothing is in flight (or after ``linger_seconds``, where they are not
0); while a request is in flight, what arrives gathers for the next. A further thread takes part
only when a whole batch waits, so that load widens the requests before it multiplies them; or when
all others wait to try again. Who has several values at once says so by ``gathering``, or the first
of them would go alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from asyncmcp_nb.errors import BusClosed, BusError, BusThrottled, BusUnavailable
from asyncmcp_nb.limits import BATCH_COUNT

logger = logging.getLogger(__name__)

T = TypeVar("T")

Done = Callable[[BusError | None], None]
"""Called once, in a thread of the batcher: None on success, else why not. Must not block."""

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 2.0


@dataclass(slots=True, eq=False)
class _Item(Generic[T]):
    value: T
    weight_bytes: int
    done: Done
    submitted_at: float


class Batcher(Generic[T]):
    """Threads that send what is submitted, up to ten at a time."""

    def __init__(
        self,
        send: Callable[[Sequence[T]], Sequence[BusError | None]],
        *,
        name: str,
        thread_count: int = 1,
        linger_seconds: float | Callable[[], float] = 0.0,
        retry_seconds: float = 30.0,
        limit_bytes: int | None = None,
    ) -> None:
        """Make a batcher; threads start when there is work.

        Args:
            send: Sends one batch and blocks; returns one entry a value, or raises a ``BusError``.
            name: Of the threads.
            thread_count: The most requests at a time.
            linger_seconds: How long a value may wait for others while nothing is in flight; or what
                says how long just now, called often.
            retry_seconds: How long a value is tried again after ``BusUnavailable`` or
                ``BusThrottled``; other errors are final.
            limit_bytes: The most that the values of one batch weigh together.
        """
        self._send = send
        self._name = name
        self._thread_count = thread_count
        self._linger = linger_seconds if callable(linger_seconds) else lambda: linger_seconds
        self._retry_seconds = retry_seconds
        self._limit_bytes = limit_bytes
        self._changed = threading.Condition()
        self._pending: deque[_Item[T]] = deque()
        self._pending_bytes = 0
        self._threads: list[threading.Thread] = []
        self._in_flight = 0
        self._busy = 0
        self._backing_off = 0
        self._gatherer_count = 0
        self._closing = False

    @property
    def pending_count(self) -> int:
        """Values that wait for a request."""
        return len(self._pending)

    def submit(self, value: T, done: Done, *, weight_bytes: int = 0) -> None:
        """Queue a value; never blocks. After ``close`` it is refused through ``done``.

        Raises:
            RuntimeError: No thread can be started; it goes out once one can, with the next.
        """
        with self._changed:
            if not self._closing:
                self._pending.append(_Item(value, weight_bytes, done, time.monotonic()))
                self._pending_bytes += weight_bytes
                self._start_thread_if_needed()
                # In between, none of them can make a batch of what waits already.
                if len(self._pending) == 1 or self._is_full():
                    self._changed.notify_all()
                return
        done(BusClosed(f"{self._name} is closed"))

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Around submits that belong together: until its end only full batches go out."""
        with self._changed:
            self._gatherer_count += 1
        try:
            yield
        finally:
            with self._changed:
                self._gatherer_count -= 1
                self._changed.notify_all()

    def close(self, timeout_seconds: float) -> None:
        """Send what is pending, then end; what is left after the timeout is refused."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            left = list(self._pending)
            self._pending.clear()
        self._settle(left, [BusClosed(f"{self._name} closed before it was sent")] * len(left))

    # -- threads ----------------------------------------------------------------------------------

    def _start_thread_if_needed(self) -> None:
        idle = len(self._threads) - self._busy
        wanted = self._backing_off == self._busy or self._is_full()
        if wanted and idle == 0 and len(self._threads) < self._thread_count:
            thread = threading.Thread(
                target=self._run, name=f"{self._name}-{len(self._threads)}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                if not self._threads:
                    raise
                logger.warning("%s: no further thread can be started", self._name)
                return
            self._threads.append(thread)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._deliver(batch)
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _next_batch(self) -> list[_Item[T]]:
        """Wait for a batch and take it; empty when there will be no more."""
        with self._changed:
            while not self._is_ready():
                if self._closing and not self._pending:
                    return []
                self._changed.wait(self._linger_left())
            self._busy += 1
            batch = self._cut()
            if self._pending:
                self._start_thread_if_needed()
                self._changed.notify_all()
            return batch

    def _is_full(self) -> bool:
        return len(self._pending) >= BATCH_COUNT or (
            self._limit_bytes is not None and self._pending_bytes >= self._limit_bytes
        )

    def _is_ready(self) -> bool:
        if not self._pending:
            return False
        if self._closing or self._is_full():
            return True
        return self._in_flight == 0 and self._linger_left() == 0.0

    def _linger_left(self) -> float | None:
        """Seconds until the oldest value need not linger; None where only an event can help."""
        if not self._pending or self._in_flight or self._gatherer_count:
            return None
        linger_seconds = self._linger()
        if not linger_seconds:
            return 0.0
        return max(0.0, self._pending[0].submitted_at + linger_seconds - time.monotonic())

    def _cut(self) -> list[_Item[T]]:
        batch: list[_Item[T]] = []
        weight = 0
        while self._pending and len(batch) < BATCH_COUNT:
            weight += self._pending[0].weight_bytes
            if batch and self._limit_bytes is not None and weight > self._limit_bytes:
                break
            batch.append(self._pending.popleft())
        self._pending_bytes -= sum(item.weight_bytes for item in batch)
        return batch

    # -- sending ----------------------------------------------------------------------------------

    def _deliver(self, batch: list[_Item[T]]) -> None:
        give_up_at = time.monotonic() + self._retry_seconds
        backoff = _FIRST_BACKOFF_SECONDS
        while batch:
            errors = self._attempt(batch)
            if self._closing or time.monotonic() + backoff > give_up_at:
                self._settle(batch, errors)
                return
            again = [isinstance(error, BusUnavailable | BusThrottled) for error in errors]
            final = [index for index, retried in enumerate(again) if not retried]
            self._settle([batch[index] for index in final], [errors[index] for index in final])
            batch = [item for item, retried in zip(batch, again, strict=True) if retried]
            if batch:
                with self._changed:
                    self._backing_off += 1
                    if self._pending:
                        self._start_thread_if_needed()
                    self._changed.wait_for(lambda: self._closing, backoff)
                    self._backing_off -= 1
                backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)

    def _attempt(self, batch: list[_Item[T]]) -> Sequence[BusError | None]:
        with self._changed:
            self._in_flight += 1
        try:
            errors = self._send([item.value for item in batch])
            if len(errors) != len(batch):
                raise ValueError(f"{len(errors)} outcomes for {len(batch)} values")
            return errors
        except BusError as exc:
            return [exc] * len(batch)
        except Exception as exc:  # boundary: a thread must outlive a bug below it, and say so
            logger.exception("%s: a request failed unexpectedly", self._name)
            return [BusError(f"{self._name}: {exc}")] * len(batch)
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _settle(self, batch: list[_Item[T]], errors: Sequence[BusError | None]) -> None:
        for item, error in zip(batch, errors, strict=True):
            try:
                item.done(error)
            except Exception:  # boundary: one listener must not cost the others their answer
                logger.exception("%s: a listener raised", self._name)

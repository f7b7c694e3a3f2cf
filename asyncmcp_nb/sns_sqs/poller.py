"""Threads that take messages from one queue.

One thread polls an idle queue. While receives come back full, others join; they leave when theirs
come back with less. At an idle queue the broker's own long poll is the only wait; at a busy one, a
receive that was not full is followed by a pause in which the next one can fill (see ``pace.py``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from asyncmcp_nb.bus import Bus, Delivery
from asyncmcp_nb.errors import AsyncMcpError, BusClosed, BusError
from asyncmcp_nb.limits import BATCH_COUNT
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.pace import Pace
from asyncmcp_nb.wire.attributes import sent_at

logger = logging.getLogger(__name__)

_SHORT_WAIT_SECONDS: Final = 1.0
_FIRST_BACKOFF_SECONDS: Final = 0.2
_LAST_BACKOFF_SECONDS: Final = 5.0
_FULL_COUNT: Final = 2
"""Full receives in a row that call a helper: one may be all there was."""

Handle = Callable[[Sequence[Delivery]], None]
"""Takes what a poll brought, in a poller's thread. Where it raises, the messages come again."""


_ROOM_SECONDS: Final = 0.05
"""How long a receive waits for more room than there is, so as not to fetch one by one."""
_ROOM_SHARE: Final = 4
"""A fourth of all slots is as much as such a wait may leave idle."""


class Slots:
    """How many messages may be worked on at a time; pollers wait for room before they poll.

    One that is done but for its answer, which is on its way, is set aside and makes room at once:
    with few slots a worker would wait for each publish. Of those there may be so many and no more,
    or a worker whose topic is away would empty its queue into memory.
    """

    def __init__(self, count: int, *, aside_count: int = 0) -> None:
        """Make them.

        Args:
            count: How many may be worked on at a time.
            aside_count: How many more may be set aside; beyond, they keep their slots.
        """
        self._free = count
        self._aside_count = aside_count
        self._aside = 0
        self._spare_count = max(1, count // _ROOM_SHARE)
        self._changed = threading.Condition()
        self._closed = False

    def take(self, most: int) -> int:
        """Wait for at least one and take up to ``most``; 0 after ``close``.

        Once there is one, it waits for others, shortly: tools that end one by one would be replaced
        one by one, each by a request of its own.
        """
        wanted = min(most, self._spare_count)
        with self._changed:
            taken = 0
            # Another poller may take them all during the second wait.
            while taken == 0 and not self._closed:
                self._changed.wait_for(lambda: self._free > 0 or self._closed)
                self._changed.wait_for(lambda: self._free >= wanted or self._closed, _ROOM_SECONDS)
                taken = min(most, self._free)
            if self._closed:
                return 0
            self._free -= taken
            return taken

    def give_back(self, count: int) -> None:
        """Make room for ``count`` more."""
        with self._changed:
            self._free += count
            self._changed.notify_all()

    def set_aside(self) -> None:
        """Make room for one more, since one is done but for its answer."""
        with self._changed:
            self._aside += 1
            if self._aside <= self._aside_count:
                self._free += 1
                self._changed.notify_all()

    def give_back_aside(self) -> None:
        """Note that one which was set aside is done with."""
        with self._changed:
            self._aside -= 1
            if self._aside >= self._aside_count:
                self._free += 1
                self._changed.notify_all()

    def close(self) -> None:
        """Let waiting pollers go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Poller:
    """Receives from a queue until closed and hands on what comes."""

    def __init__(
        self,
        bus: Bus,
        queue: str,
        handle: Handle,
        *,
        thread_count: int,
        wait_seconds: float,
        lease_seconds: float,
        slots: Slots | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Make a poller; ``start`` begins.

        Args:
            bus: Where the queue is.
            queue: Its name.
            handle: Takes what comes.
            thread_count: The most receives at a time.
            wait_seconds: How long a receive waits for a message.
            lease_seconds: How long what it brings is this poller's.
            slots: Room for what is worked on; None for any amount.
            pace: Told of what comes, and asked how long to pause; None to poll without pause.
        """
        self._bus = bus
        self._queue = queue
        self._handle = handle
        self._thread_count = thread_count
        self._wait_seconds = wait_seconds
        self._lease_seconds = lease_seconds
        self._slots = slots
        self._pace = pace
        self._changed = threading.Condition()
        self._helper_count = 0
        self._full_count = 0
        self._closed = False
        self.last_error: BusError | None = None
        """Why the latest poll failed; None while polls succeed."""

    def start(self) -> None:
        """Begin to receive."""
        for index in range(self._thread_count):
            name = f"asyncmcp-poll-{index}"
            threading.Thread(target=self._run, args=(index,), name=name, daemon=True).start()

    def close(self) -> None:
        """Stop; never waits for a long poll. What such a poll still brings is handed back."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._slots is not None:
            self._slots.close()

    def _run(self, index: int) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        while self._join_in(index) and (room := self._room()):
            try:
                count = self._poll(index, room)
            except BusClosed:
                return
            except BusError as exc:
                self._note_failure(exc)
                self._pause(backoff)
                backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)
            except Exception:  # boundary: nobody would notice a worker that a bug made deaf
                logger.exception("receiving failed unexpectedly, trying again")
                self._pause(_LAST_BACKOFF_SECONDS)
            else:
                self.last_error = None
                backoff = _FIRST_BACKOFF_SECONDS
                self._adapt(index, is_full=count == room)
                if index == 0 and 0 < count < room:
                    self._let_fill()

    def _join_in(self, index: int) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or index <= self._helper_count)
            return not self._closed

    def _room(self) -> int:
        return BATCH_COUNT if self._slots is None else self._slots.take(BATCH_COUNT)

    def _poll(self, index: int, room: int) -> int:
        kept = 0
        try:
            deliveries = self._bus.receive(
                self._queue,
                max_count=room,
                wait_seconds=self._wait_of(index),
                lease_seconds=self._lease_seconds,
            )
            if self._closed:
                self._hand_back(deliveries)
                return 0
            self._note(deliveries)
            kept = self._hand_on(deliveries)
            return len(deliveries)
        finally:
            if self._slots is not None and room > kept:
                self._slots.give_back(room - kept)

    def _wait_of(self, index: int) -> float:
        """Short for a helper, and after a failure, whose end should be noticed soon."""
        is_short = index > 0 or self.last_error is not None
        return min(self._wait_seconds, _SHORT_WAIT_SECONDS) if is_short else self._wait_seconds

    def _hand_on(self, deliveries: Sequence[Delivery]) -> int:
        """Pass the messages on; how many of them occupy a slot now."""
        if not deliveries:
            return 0
        try:
            self._handle(deliveries)
        except AsyncMcpError as exc:
            logger.warning(
                "%d messages could not be taken; they come again: %s", len(deliveries), plain(exc)
            )
            self._pause(_FIRST_BACKOFF_SECONDS)
            return 0
        except Exception:  # boundary: the broker delivers again what could not be taken
            logger.exception("%d messages could not be taken; they come again", len(deliveries))
            self._pause(_FIRST_BACKOFF_SECONDS)
            return 0
        return len(deliveries)

    def _hand_back(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        try:
            self._bus.extend(self._queue, [delivery.receipt for delivery in deliveries], 0)
        except BusError as exc:
            logger.info("%d messages wait for their lease to end: %s", len(deliveries), plain(exc))

    def _note(self, deliveries: Sequence[Delivery]) -> None:
        if self._pace is not None:
            now = time.time()
            found = [sent_at(delivery.attributes) for delivery in deliveries]
            self._pace.note([now - at for at in found if at is not None])

    def _let_fill(self) -> None:
        if self._pace is not None and (seconds := self._pace.refill_seconds()):
            self._pause(seconds)

    def _adapt(self, index: int, *, is_full: bool) -> None:
        with self._changed:
            self._full_count = self._full_count + 1 if is_full else 0
            if self._full_count >= _FULL_COUNT:
                self._helper_count = min(self._helper_count + 1, self._thread_count - 1)
                self._changed.notify_all()
            elif index > 0 and not is_full:
                # One poll would have brought it all: two that share it are paid for twice.
                self._helper_count = min(self._helper_count, index - 1)

    def _note_failure(self, exc: BusError) -> None:
        if self.last_error is None:
            logger.warning("receiving failed, trying again: %s", plain(exc))
        self.last_error = exc

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            self._changed.wait_for(lambda: self._closed, deadline - time.monotonic())

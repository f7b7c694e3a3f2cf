"""One worker's side of a store of answers: it says that it lives, and bears the store's failures.

A store that fails costs a repeated run at most, so its failure is logged and shown, and the worker
goes on with what it knows itself. It then leaves the store alone for a moment: one that makes its
callers wait, since a stopped process has it locked, would cost each batch of requests that wait.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from asyncmcp_nb.errors import AnswerStoreError, AsyncMcpError
from asyncmcp_nb.logs import plain
from asyncmcp_nb.sns_sqs.answers import AnswerStore, Claim, Standing
from asyncmcp_nb.sns_sqs.ticker import Ticker
from asyncmcp_nb.wire import Outgoing

T = TypeVar("T")

logger = logging.getLogger(__name__)

REST_SECONDS: Final = 4.0
"""How long at most a store that failed is left alone. Our choice."""

_BEATS_PER_LEASE: Final = 3
_WAITING_COUNT: Final = 10_000
"""Requests that wait to be noted, or to be given up, while the store is away. Our choice."""


class Claims:
    """Claims and keeps for one worker. Safe to use from any thread.

    It has a name of its own, which dies with it: a worker that is started anew is another one.
    """

    def __init__(
        self, store: AnswerStore | None, *, lease_seconds: float, keep_seconds: float
    ) -> None:
        """Make it; ``start`` begins to say that the worker lives.

        Args:
            store: Shared with other workers; None where there are none on this host.
            lease_seconds: How long the worker counts as living after it last said so.
            keep_seconds: How long answers are kept.
        """
        self._store = store
        self._worker = secrets.token_hex(8)
        self._lease_seconds = lease_seconds
        self._beat_seconds = lease_seconds / _BEATS_PER_LEASE
        self._rest_seconds = min(REST_SECONDS, self._beat_seconds)
        self._keep_seconds = keep_seconds
        self._lock = threading.Lock()
        self._claiming = threading.Lock()
        self._ended: list[str] = []
        self._unreleased: dict[str, None] = {}
        """Claims that could not be given up, oldest first."""
        self._lives_until = 0.0
        self._rests_until = 0.0
        self._ticker = Ticker(self._beat, name="asyncmcp-claims")
        self.last_error: AsyncMcpError | None = None
        """Why the store could not be used the last time; None while it can."""

    def start(self) -> None:
        """Say that the worker lives, from now until ``close``; never blocks."""
        if self._store is not None:
            self._ticker.poke()

    def close(self) -> None:
        """Note what is left; the worker counts as dead at once. Blocks."""
        self._ticker.close(1.0)
        store = self._store
        if store is None:
            return
        self._note_ended()
        self._reach(lambda store: store.live(self._worker, 0.0), None)
        self._store = None
        store.close()

    def take(self, claims: Sequence[Claim]) -> Sequence[Standing]:
        """Claim requests; all are granted where no store works. Blocks."""
        granted: list[Standing] = [None] * len(claims)
        if self._store is None or not claims:
            return granted
        if time.monotonic() >= self._lives_until:
            # Claims of a worker that has not said that it lives count for nothing.
            self._say_alive()

        def claim(store: AnswerStore) -> Sequence[Standing]:
            standings = store.claim(self._worker, claims, time.time())
            if len(standings) != len(claims):
                raise ValueError(f"{len(standings)} standings for {len(claims)} claims")
            return standings

        # So that none of them is given up once it is claimed anew.
        with self._claiming:
            self._forget_unreleased([one.key for one in claims])
            return self._reach(claim, granted)

    def keep(self, answers: Mapping[str, Outgoing]) -> None:
        """Keep answers that are about to be published. Blocks."""
        # What was put into S3 is there: a pointer is enough.
        self._keep({key: replace(answer, payload=None) for key, answer in answers.items()})

    def release(self, *keys: str) -> None:
        """Give up claims, now or as soon as the store can be reached. Blocks.

        To be called before their requests go back to the queue. One that stayed would outlive its
        message where that is put aside, and cost whoever sends it again.
        """
        if self._store is None or self._release(keys):
            return
        with self._lock:
            self._unreleased.update(dict.fromkeys(keys))
            for key in list(self._unreleased)[:-_WAITING_COUNT]:
                del self._unreleased[key]

    def note_ended(self, key: str) -> None:
        """Note soon that a request ended without an answer, and need not run; never blocks."""
        if self._store is not None:
            with self._lock:
                self._ended.append(key)
            self._ticker.poke()

    # -- in the ticker's thread -------------------------------------------------------------------

    def _beat(self, now: float) -> float | None:
        # First: a store that refuses one of the others is then left alone, and this one would die.
        if not self._say_alive():
            return now + self._rest_seconds
        self._note_ended()
        self._release_the_rest()
        return now + self._beat_seconds

    def _note_ended(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        if not self._keep(dict.fromkeys(ended)):
            with self._lock:
                self._ended = [*ended, *self._ended][-_WAITING_COUNT:]

    def _release_the_rest(self) -> None:
        with self._claiming:
            with self._lock:
                keys = list(self._unreleased)
            if keys and self._release(keys):
                self._forget_unreleased(keys)

    def _forget_unreleased(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._unreleased.pop(key, None)

    # -- reaching the store -----------------------------------------------------------------------

    def _say_alive(self) -> bool:
        said_at = time.monotonic()

        def say(store: AnswerStore) -> bool:
            store.live(self._worker, time.time() + self._lease_seconds)
            return True

        is_known = self._reach(say, otherwise=False)
        if is_known:
            self._lives_until = said_at + self._lease_seconds
        return is_known

    def _keep(self, answers: Mapping[str, Outgoing | None]) -> bool:
        def keep(store: AnswerStore) -> bool:
            now = time.time()
            store.keep(answers, now=now, until=now + self._keep_seconds)
            return True

        return not answers or self._reach(keep, otherwise=False)

    def _release(self, keys: Sequence[str]) -> bool:
        def release(store: AnswerStore) -> bool:
            store.release(self._worker, keys)
            return True

        return self._reach(release, otherwise=False)

    def _reach(self, act: Callable[[AnswerStore], T], otherwise: T) -> T:
        """What the store says; ``otherwise`` where there is none that works now."""
        store = self._store
        if store is None or time.monotonic() < self._rests_until:
            return otherwise
        try:
            outcome = act(store)
        except AsyncMcpError as exc:
            self._note_failure(exc)
            return otherwise
        except Exception as exc:  # boundary: a store may be anybody's, and requests go on without
            logger.exception("the answers that workers share: an unexpected failure")
            self._note_failure(AnswerStoreError(f"{type(exc).__name__}: {exc}"))
            return otherwise
        self.last_error = None
        return outcome

    def _note_failure(self, error: AsyncMcpError) -> None:
        with self._lock:
            is_new, self.last_error = self.last_error is None, error
            self._rests_until = time.monotonic() + self._rest_seconds
        if is_new:
            logger.warning("the answers that workers share cannot be reached: %s", plain(error))

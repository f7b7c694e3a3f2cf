"""What the workers of one host know of each other's requests, so that none runs in two of them.

A worker claims a request before it runs it, and keeps the answer before it publishes it. Whoever
gets the request again then knows: it has an answer, which is sent again; it runs elsewhere, and a
duplicate of it is dropped, since that worker holds another message of it; or nobody has it.

Dropping a duplicate loses nothing, as long as only the message is dropped that a claim was refused
for, and none that was to share its fate. A claim names the message that its worker holds, and one
is acknowledged only after its request has ended (or while it runs as a stream, which holds no
lease, or once it was put aside and its claim given up), or because another claim, for another
message, was the valid one just then: at each moment the message of the latest claim is still in the
queue. A worker that could not give a claim up tries again while it lives. If its worker dies, the
queue gives that message to somebody new, whom the store lets pass, since the message is the claim's
own. So a store that believes a dead worker alive loses nothing either, and one that believes a
living worker dead, or forgets all it knew, costs a repeated run at most.

Without a store each worker knows its own requests only (``window.py``), and one that is delivered
to two workers runs in both: the client still records one answer.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from asyncmcp_nb.sns_sqs.window import KEPT_BYTES, KEPT_COUNT, Answered, KeptAnswers
from asyncmcp_nb.wire import Outgoing

FORGET_SECONDS: Final = 300.0
"""How long the claims of a worker that no longer lives stay, should it say again that it does:
after a machine slept, for instance. Our choice."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That a worker is about to run a request."""

    key: str
    """The request's identity."""
    message_id: str
    """The queue's message that brought it: tells a redelivery from a duplicate."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The request has ended, with this answer; the answer may not have been published."""

    answer: Outgoing | None
    """None where it ended without one: it was cancelled, or its deadline passed."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A living worker runs the request, and holds another message of it."""

    worker: str


Standing = Kept | Elsewhere | None
"""What became of a claim; None: granted."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose claim stands."""

    worker: str
    message_id: str
    lives_until: float
    """Unix seconds; 0 where its worker never said."""

    def refuses(self, worker: str, claim: Claim, now: float) -> bool:
        """Whether another worker's claim to the same request is in vain."""
        if self.worker == worker or self.message_id == claim.message_id:
            return False
        return self.lives_until > now


class AnswerStore(Protocol):
    """Shared by the workers of one host, or of several.

    Methods block, and are called from threads only. Times are Unix seconds. Each method raises
    ``AsyncMcpError`` where the store cannot be read or written.
    """

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        """Claim requests for a worker that has said it lives; one entry a claim, in order.

        A claim is granted where there is none, where it is this worker's, where its worker no
        longer lives, or where it is for the same message: the queue gave that to somebody new.
        """
        ...

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        """Keep answers by their requests' keys, and give up the claims.

        An answer that is kept stays as it is, and is kept for longer; one takes the place of None.
        Payloads (``Outgoing.payload``) are None.
        """
        ...

    def release(self, worker: str, keys: Sequence[str]) -> None:
        """Give up this worker's claims to requests that go back to the queue."""
        ...

    def live(self, worker: str, until: float) -> None:
        """Say that a worker lives until then, unless it says so again."""
        ...

    def close(self) -> None:
        """Free what it holds. May be called again; other methods raise afterwards, or still work.

        What is shared stays.
        """
        ...


class MemoryAnswers:
    """For workers in one process."""

    def __init__(self, *, limit_count: int = KEPT_COUNT, limit_bytes: int = KEPT_BYTES) -> None:
        """Make it; oldest answers go first where there are too many, or too large ones."""
        self._lock = threading.Lock()
        self._kept = KeptAnswers(limit_count=limit_count, limit_bytes=limit_bytes)
        self._claims: dict[str, tuple[str, str]] = {}
        """Worker and message by request."""
        self._alive: dict[str, float] = {}

    def claim(self, worker: str, claims: Sequence[Claim], now: float) -> Sequence[Standing]:
        """See ``AnswerStore.claim``."""
        with self._lock:
            self._forget_dead(now)
            self._alive.setdefault(worker, 0.0)
            return [self._claim(worker, claim, now) for claim in claims]

    def keep(self, answers: Mapping[str, Outgoing | None], *, now: float, until: float) -> None:
        """See ``AnswerStore.keep``."""
        with self._lock:
            for key, answer in answers.items():
                known = self._kept.find(key, now) or Answered(None, until)
                first = answer if known.answer is None else known.answer
                self._kept.put(key, Answered(first, max(known.expires_at, until)), now)
                self._claims.pop(key, None)

    def release(self, worker: str, keys: Sequence[str]) -> None:
        """See ``AnswerStore.release``."""
        with self._lock:
            for key in keys:
                holder, _ = self._claims.get(key, (None, None))
                if holder == worker:
                    del self._claims[key]

    def live(self, worker: str, until: float) -> None:
        """See ``AnswerStore.live``."""
        with self._lock:
            self._alive[worker] = until

    def close(self) -> None:
        """See ``AnswerStore.close``; the other workers go on."""

    def _claim(self, worker: str, claim: Claim, now: float) -> Standing:
        known = self._kept.find(claim.key, now)
        if known is not None:
            return Kept(known.answer)
        if claim.key in self._claims:
            by, message_id = self._claims[claim.key]
            holder = Holder(by, message_id, self._alive.get(by, 0.0))
            if holder.refuses(worker, claim, now):
                return Elsewhere(by)
        self._claims[claim.key] = (worker, claim.message_id)
        return None

    def _forget_dead(self, now: float) -> None:
        dead = {worker for worker, until in self._alive.items() if until <= now - FORGET_SECONDS}
        if dead:
            self._alive = {w: until for w, until in self._alive.items() if w not in dead}
            self._claims = {k: held for k, held in self._claims.items() if held[0] not in dead}

"""The dead letters of a deployment: seen, sent back to the servers, or deleted.

Every method blocks, and raises ``BusError`` where AWS refuses or cannot be reached. In a coroutine,
call them with ``anyio.to_thread.run_sync``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final, overload

from asyncmcp_nb.broker.letter_queue import LEASE_SECONDS, LetterQueue, Sweep
from asyncmcp_nb.broker.letters import Letter, Letters
from asyncmcp_nb.broker.raw_letters import RawLetter, obstacle
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.errors import BusError, ConfigError, LetterNotFound
from asyncmcp_nb.printable import cut, one_line

ALL: Final = "all"
"""In place of ids."""

MOST_LETTERS: Final = 10_000
"""The most that one call deals with. Our choice, so that each ends while letters keep coming."""

Which = str | Letter | Iterable[str | Letter]
"""Letters, or their ids; ``"all"`` for all."""

_UNSEEN: Final = (
    f"not there, or somebody else looks at it; in that case try again in {LEASE_SECONDS} s"
)
_ERROR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class LetterOutcome:
    """What became of one letter."""

    message_id: str
    error: str | None = None
    """Why it was not dealt with, or not to the end; None where it was."""

    def __str__(self) -> str:
        """One line."""
        return f"{one_line(self.message_id)}  {cut(one_line(self.error or 'done'), _ERROR_LENGTH)}"


@dataclass(frozen=True, slots=True, repr=False)
class LetterOutcomes(Sequence[LetterOutcome]):
    """What became of letters that were to be sent back or deleted."""

    done: str
    """What was to be done, in the past tense."""
    outcomes: tuple[LetterOutcome, ...]
    interruption: str | None = None
    """What ended it early; the letters not reached stay where they are."""

    @property
    def done_count(self) -> int:
        """Letters that were dealt with."""
        return sum(outcome.error is None for outcome in self.outcomes)

    @property
    def failed(self) -> tuple[LetterOutcome, ...]:
        """Letters that were not, each with the reason."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @overload
    def __getitem__(self, index: int) -> LetterOutcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LetterOutcome, ...]: ...
    def __getitem__(self, index: int | slice) -> LetterOutcome | tuple[LetterOutcome, ...]:
        return self.outcomes[index]

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[LetterOutcome]:
        return iter(self.outcomes)

    def __repr__(self) -> str:
        """A line with the counts, and one for each letter that was not dealt with."""
        failed = self.failed
        share = f"{self.done_count:,} of {len(self):,}" if failed else f"{self.done_count:,}"
        lines = [f"{self.done} {share} dead letter{'' if len(self) == 1 else 's'}"]
        lines += [f"  {outcome}" for outcome in failed]
        if self.interruption is not None:
            lines.append(f"  ended early: {one_line(self.interruption)}")
        return "\n".join(lines)


class DeadLetters:
    """The messages that servers put aside, and those that SQS moved after too many receives."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __repr__(self) -> str:
        queue = self._deployment.dead_letter_queue_url.rpartition("/")[2]
        return f"<DeadLetters of {self._deployment.name} in {queue}: list(), redrive(), purge()>"

    def count(self) -> int:
        """How many there are, about."""
        with closing(LetterQueue.of(self._deployment)) as queue:
            return sum(queue.counts())

    def list(self, limit: int = 100) -> Letters:
        """Look at letters; they stay where they are.

        While it looks, nobody else sees them. Of letters that SQS itself moved to a FIFO queue, up
        to ten of each connection are found.

        Args:
            limit: The most to look at, up to 10,000; all are in memory.

        Raises:
            ConfigError: ``limit`` is out of bounds.
        """
        if not 1 <= limit <= MOST_LETTERS:
            raise ConfigError(f"limit: 1 to {MOST_LETTERS:,}")
        with self._sweep(most=limit) as (queue, sweep):
            most_receives = queue.max_receive_count()
            letters = tuple(raw.read(most_receives) for batch in sweep for raw in batch)
            return Letters(letters, max(sum(queue.counts()), len(letters)))

    def show(self, message_id: str) -> Letter:
        """One letter; ``print`` shows all of it.

        Raises:
            LetterNotFound: It is not there, or somebody else looks at it.
        """
        with self._sweep() as (queue, sweep):
            for raw in (letter for batch in sweep for letter in batch):
                if raw.message_id == message_id:
                    return raw.read(queue.max_receive_count())
        raise LetterNotFound(f"dead letter {message_id!r} of {self._deployment.name}: {_UNSEEN}")

    def redrive(self, which: Which) -> LetterOutcomes:
        """Send letters back to the servers' queue; each is deleted here once that took it.

        Body and attributes are as they were, without the reason. In a FIFO deployment the message
        joins those of its connection again, behind those that wait now.

        What a server would drop again stays here and is told: a request whose deadline passed, a
        control message. So does, with ``"all"``, a letter that says the same as one sent back a
        moment ago: a server may have put that aside again.

        Args:
            which: Letters, or their ids, or ``"all"``; then up to 10,000.
        """
        sent = _Sent() if which == ALL else None
        return self._settle(which, "sent back", partial(_send_back, sent=sent))

    def purge(self, which: Which) -> LetterOutcomes:
        """Delete letters for good.

        Args:
            which: Letters, or their ids, or ``"all"``; then up to 10,000.
        """
        return self._settle(which, "deleted", _delete)

    def _settle(self, which: Which, done: str, act: _Act) -> LetterOutcomes:
        missing = None if which == ALL else _ids(which)
        settled: list[LetterOutcome] = []
        interruption: str | None = None
        with self._sweep() as (queue, sweep):
            try:
                for batch in sweep if missing is None or missing else ():
                    chosen = [raw for raw in batch if missing is None or raw.message_id in missing]
                    settled += act(queue, sweep, chosen)
                    if missing is not None:
                        missing -= {raw.message_id for raw in chosen}
                        if not missing:
                            break
            except BusError as exc:
                if not settled:
                    raise
                interruption = str(exc)
        fate = "not reached" if interruption else _UNSEEN
        settled += [LetterOutcome(message_id, fate) for message_id in sorted(missing or ())]
        return LetterOutcomes(done, tuple(settled), interruption)

    @contextmanager
    def _sweep(self, *, most: int = MOST_LETTERS) -> Generator[tuple[LetterQueue, Sweep]]:
        with closing(LetterQueue.of(self._deployment)) as queue, Sweep(queue, most=most) as sweep:
            yield queue, sweep


_Act = Callable[[LetterQueue, Sweep, Sequence[RawLetter]], Sequence[LetterOutcome]]
"""Deals with letters that a sweep found, and says what became of each; raises nothing."""

_Sent = set[str]
"""Digests of letters."""


def _send_back(
    queue: LetterQueue, sweep: Sweep, found: Sequence[RawLetter], *, sent: _Sent | None
) -> Sequence[LetterOutcome]:
    now = datetime.now(UTC)
    refused: list[LetterOutcome] = []
    taken: list[RawLetter] = []
    for raw in found:
        letter = raw.read(None)
        error = obstacle(letter, now)
        if sent is not None and raw.digest in sent:
            error = f"the same was sent back a moment ago; this is here since: {letter.reason}"
        if error is None:
            try:
                queue.send_back(raw)
                taken.append(raw)
                if sent is not None:
                    sent.add(raw.digest)
            except BusError as exc:
                error = str(exc)
        if error is not None:
            refused.append(LetterOutcome(raw.message_id, error))
    deleted = _delete(queue, sweep, taken)
    return [*refused, *(_after_sending(outcome) for outcome in deleted)]


def _delete(
    _queue: LetterQueue, sweep: Sweep, found: Sequence[RawLetter]
) -> Sequence[LetterOutcome]:
    errors = sweep.delete(found)
    return [
        LetterOutcome(raw.message_id, None if error is None else str(error))
        for raw, error in zip(found, errors, strict=True)
    ]


def _after_sending(outcome: LetterOutcome) -> LetterOutcome:
    if outcome.error is None:
        return outcome
    return LetterOutcome(outcome.message_id, f"sent back, but is here still: {outcome.error}")


def _ids(which: Which) -> set[str]:
    several = [which] if isinstance(which, str | Letter) else which
    return {one.message_id if isinstance(one, Letter) else one for one in several}

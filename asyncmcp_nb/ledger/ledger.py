"""The durable record of calls: one row a call, each answer once, surviving the kernel.

It is not a queue and sends nothing: publishers and pollers call it from their threads, and views
read it from theirs. Every writing method is one transaction, committed when it returns, so a poller
that records before it acknowledges can be killed at any moment: the answer is in the file, or still
in the queue, or both, and then the second arrival is recognised.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from asyncmcp_nb.errors import ConfigError, InvalidArguments, LedgerError
from asyncmcp_nb.ledger.answers import LogLine, dump_json, severity, storable
from asyncmcp_nb.ledger.reader import LedgerReader
from asyncmcp_nb.ledger.recorder import (
    bind_request,
    record_arrival,
    record_note,
    record_refused,
    record_sent,
)
from asyncmcp_nb.ledger.records import Arrival, Binding, NewCall, Recorded, Refused, Sent
from asyncmcp_nb.ledger.status import Status
from asyncmcp_nb.ledger.store import BUSY_SECONDS, Store

NOTES: Final = "asyncmcp_nb"
"""The logger of ``Ledger.note``."""

_GIVEN_UP: Final = frozenset({Status.CANCELLED, Status.TIMED_OUT, Status.FAILED})


class Ledger(LedgerReader):
    """Calls, the requests they were sent as, their answers and logs, in one SQLite file.

    All methods block for a short while and may be called from any thread. Every one raises
    ``LedgerError`` when SQLite refuses (disk full, file damaged, locked by another process for too
    long) or the ledger is closed; a writing one has then written nothing. Times are
    Unix seconds.
    """

    @classmethod
    def open(cls, path: str | Path, *, busy_seconds: float = BUSY_SECONDS) -> Ledger:
        """Open a ledger file, or make it (mode 0600, missing folders 0700).

        Args:
            path: The file, or ``":memory:"`` for one that dies with the process.
            busy_seconds: How long a write waits for another process that writes the same file.

        Raises:
            LedgerError: It cannot be made or read, is no ledger, is damaged, or was written by a
                newer version. The file is left as it is.
        """
        return cls(Store(path, busy_seconds=busy_seconds))

    @property
    def trouble(self) -> LedgerError | None:
        """Why the latest write failed; None while they succeed."""
        return self._store.trouble

    def close(self) -> None:
        """Release the file. May be called again; every other use afterwards raises."""
        self._store.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, calls: Sequence[NewCall], bindings: Iterable[Binding] = ()) -> None:
        """Record calls as ``queued``, all or none.

        Args:
            calls: What is to be called.
            bindings: As which requests they are about to be sent; see ``bind``.

        Raises:
            InvalidArguments: Arguments are not JSON (the message names the call's tool).
            LedgerError: A call of that id is there already, or a request belongs to another one.
        """
        rows = [
            (
                storable(call.call_id),
                storable(call.tool),
                _arguments_json(call),
                call.submitted_at,
                None if call.group is None else storable(call.group),
                call.session,
                call.deadline,
                call.retry_of,
                None if call.trace_context is None else dump_json(dict(call.trace_context)),
            )
            for call in calls
        ]
        with self._store.writing() as db:
            db.executemany(
                "INSERT INTO calls (call_id, tool, arguments, submitted_at, group_name, session, "
                "deadline, retry_of, trace_context) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            for binding in bindings:
                bind_request(db, binding)

    def bind(self, bindings: Iterable[Binding]) -> list[Binding]:
        """Say as which requests calls are about to be sent; to be done before they are.

        Binding the same again does nothing.

        Returns:
            Those that are to be sent: their calls have not ended.

        Raises:
            LedgerError: There is no such call, or the request belongs to another one.
        """
        with self._store.writing() as db:
            return [binding for binding in bindings if bind_request(db, binding)]

    def mark_sent(self, sent: Iterable[Sent | tuple[str, float, int]]) -> None:
        """Say that requests were accepted by the topic; each is one more attempt.

        An answer may have been recorded before: then only ``sent_at`` and the counts are filled in.
        Calls that are not in the ledger are passed over.

        Args:
            sent: Call id, Unix seconds and bytes on the wire of each.
        """
        with self._store.writing() as db:
            for one in sent:
                record_sent(db, Sent(*one))

    def record(self, arrivals: Iterable[Arrival]) -> list[Recorded]:
        """Record what a poller took from the queue, in one transaction; acknowledge afterwards.

        The first answer to a request wins for ever, a terminal status never changes, progress never
        falls. A payload that cannot be read ends its call as ``failed``, with the reason.

        Returns:
            One outcome an arrival, in order.
        """
        with self._store.writing() as db:
            return [record_arrival(db, arrival) for arrival in arrivals]

    def refuse(self, refused: Iterable[Refused]) -> None:
        """Keep messages that could not be verified or read; acknowledge afterwards.

        They end no call, whatever they say; ``unsolicited`` lists them.
        """
        with self._store.writing() as db:
            for one in refused:
                record_refused(db, one)

    def note(self, call_id: str, text: str, *, at: float, level: str = "warning") -> bool:
        """Add a line of this side's own to a call's log messages, under the logger ``NOTES``.

        Args:
            call_id: The call.
            text: For people.
            at: Unix seconds.
            level: As of a server's log message.

        Returns:
            False where the call is not in the ledger.
        """
        with self._store.writing() as db:
            return record_note(
                db, call_id, LogLine(level, severity(level), NOTES, dump_json(text)), at=at
            )

    def finish(
        self,
        call_id: str,
        status: Status,
        *,
        at: float,
        error_code: int | None = None,
        error_message: str | None = None,
    ) -> bool:
        """End a call from this side.

        Args:
            call_id: The call.
            status: ``cancelled``, ``timed_out`` or ``failed``.
            at: Unix seconds.
            error_code: JSON-RPC code, where there is one.
            error_message: One line for people, or None.

        Returns:
            False where it had ended already (nothing changed), or is not in the ledger.

        Raises:
            ConfigError: Another status than those three.
        """
        if status not in _GIVEN_UP:
            raise ConfigError(f"a call cannot be finished as {status}; an answer does that")
        message = None if error_message is None else storable(error_message)
        with self._store.writing() as db:
            return bool(
                db.execute(
                    "UPDATE calls SET status = ?, finished_at = ?, error_code = ?, "
                    "error_message = ? WHERE call_id = ? AND status < 4",
                    (status.rank, at, error_code, message, call_id),
                ).rowcount
            )

    def expire(self, now: float) -> list[str]:
        """End every outstanding call whose deadline has passed as ``timed_out``.

        Returns:
            Their ids, earliest deadline first.
        """
        with self._store.writing() as db:
            due = db.execute(
                "SELECT position, call_id FROM calls "
                "WHERE status < 4 AND deadline IS NOT NULL AND deadline <= ? ORDER BY deadline",
                (now,),
            ).fetchall()
            db.executemany(
                "UPDATE calls SET status = ?, finished_at = ?, "
                "error_message = 'no answer before its deadline' WHERE position = ?",
                [(Status.TIMED_OUT.rank, now, position) for position, _ in due],
            )
        return [call_id for _, call_id in due]


def _arguments_json(call: NewCall) -> str:
    try:
        return dump_json(dict(call.arguments))
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidArguments(f"arguments of {call.tool} are not JSON: {exc}") from None

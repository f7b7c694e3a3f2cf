"""One message of a call into the ledger: the only place where the wire changes a call.

Each function works within the transaction that its caller holds.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from asyncmcp_nb.errors import LedgerError
from asyncmcp_nb.ledger.answers import (
    Answer,
    LogLine,
    read_error,
    read_log,
    read_progress,
    read_result,
    storable,
)
from asyncmcp_nb.ledger.blocks import drop_block, make_blocks
from asyncmcp_nb.ledger.records import (
    Arrival,
    Binding,
    Outcome,
    Recorded,
    Refused,
    Sent,
    Unsolicited,
)
from asyncmcp_nb.ledger.status import STATUSES, TERMINAL, Status, next_status

UNSOLICITED_COUNT: Final = 1_000
"""Messages without a call that are kept, the newest."""

UNSOLICITED_LENGTH: Final = 16_384
"""Characters that are kept of each."""


@dataclass(frozen=True, slots=True)
class _Target:
    """The call that an arrival belongs to, as it stands."""

    request: int
    position: int
    call_id: str
    status: Status
    progress: float | None
    answers: int
    """How often this very request was answered before."""

    @property
    def is_waiting(self) -> bool:
        """Whether an answer to this request is still news."""
        return self.answers == 0 and self.status not in TERMINAL


def bind_request(db: sqlite3.Connection, binding: Binding) -> bool:
    """Bind a request to its call.

    Returns:
        False where the call has ended: nothing is bound, and nothing is to be sent.

    Raises:
        LedgerError: There is no such call, or the request belongs to another one.
    """
    request = (binding.connection_id, storable(binding.request_id))
    bound = db.execute(
        "SELECT call_id, status < 4 FROM requests JOIN calls USING (position) "
        "WHERE connection_id = ? AND request_id = ?",
        request,
    ).fetchone()
    if bound is not None:
        if bound[0] != binding.call_id:
            raise LedgerError(
                f"request {binding.request_id} of connection {binding.connection_id} belongs to "
                f"call {bound[0]}, not {binding.call_id}"
            )
        return bool(bound[1])
    inserted = db.execute(
        "INSERT INTO requests (connection_id, request_id, position) "
        "SELECT ?, ?, position FROM calls WHERE call_id = ? AND status < 4",
        (*request, binding.call_id),
    ).rowcount
    if inserted:
        return True
    known = db.execute("SELECT 1 FROM calls WHERE call_id = ?", (binding.call_id,)).fetchone()
    if known is None:
        raise LedgerError(f"there is no call {binding.call_id}; add it before its requests")
    return False


def record_sent(db: sqlite3.Connection, sent: Sent) -> None:
    """Record that the topic accepted a request; one for an unknown call is passed over."""
    row = db.execute(
        "SELECT position, status, EXISTS (SELECT 1 FROM requests "
        "WHERE requests.position = calls.position AND answers = 0) "
        "FROM calls WHERE call_id = ?",
        (sent.call_id,),
    ).fetchone()
    if row is None:
        return
    position, rank, is_unanswered = row
    current = STATUSES[int(rank)]
    # The publisher may be slower than the question that came back for what it sent.
    is_overtaken = current is Status.INPUT_REQUIRED and not is_unanswered
    status = current if is_overtaken else next_status(current, Status.SENT)
    db.execute(
        "UPDATE calls SET status = ?, sent_at = coalesce(sent_at, ?), request_bytes = ?, "
        "attempts = attempts + 1 WHERE position = ?",
        (status.rank, sent.sent_at, sent.request_bytes, position),
    )
    if status in TERMINAL:
        drop_block(db, position)


def record_arrival(db: sqlite3.Connection, arrival: Arrival) -> Recorded:
    """Record one arrival, whatever is in it."""
    target = _find(db, arrival)
    if target is None:
        _keep_unsolicited(db, _unsolicited(arrival))
        return Recorded(Outcome.UNSOLICITED, None)
    match arrival.kind:
        case "progress":
            outcome = _record_progress(db, target, arrival)
        case "log":
            outcome = _record_log(db, target, arrival)
        case _:
            read = read_result if arrival.kind == "result" else read_error
            outcome = _record_answer(db, target, arrival, answer=read(arrival.payload))
    return Recorded(outcome, target.call_id)


def record_refused(db: sqlite3.Connection, refused: Refused) -> None:
    """Keep a message that could not be verified or read."""
    entry = Unsolicited(
        refused.connection_id,
        refused.request_id,
        "refused",
        refused.excerpt,
        refused.received_at,
        refused.size_bytes,
        refused.reason,
    )
    _keep_unsolicited(db, entry)


def record_note(db: sqlite3.Connection, call_id: str, line: LogLine, *, at: float) -> bool:
    """Add a line of our own to a call's log; False where there is no such call."""
    # Of no request: 0 is the number of none.
    inserted = db.execute(
        "INSERT INTO logs (position, request, severity, level, logger, data, received_at) "
        "SELECT position, 0, ?, ?, ?, ?, ? FROM calls WHERE call_id = ?",
        (line.severity, line.level, line.logger, line.data_json, at, call_id),
    ).rowcount
    return bool(inserted)


def _unsolicited(arrival: Arrival) -> Unsolicited:
    return Unsolicited(
        arrival.connection_id,
        arrival.request_id,
        arrival.kind,
        arrival.payload,
        arrival.received_at,
        arrival.size_bytes,
    )


def _find(db: sqlite3.Connection, arrival: Arrival) -> _Target | None:
    row = db.execute(
        "SELECT request, position, call_id, status, progress, answers "
        "FROM requests JOIN calls USING (position) WHERE connection_id = ? AND request_id = ?",
        (arrival.connection_id, storable(arrival.request_id)),
    ).fetchone()
    if row is None:
        return None
    request, position, call_id, rank, progress, answers = row
    return _Target(request, position, call_id, STATUSES[int(rank)], progress, answers)


def _record_answer(
    db: sqlite3.Connection, target: _Target, arrival: Arrival, *, answer: Answer
) -> Outcome:
    db.execute("UPDATE requests SET answers = answers + 1 WHERE request = ?", (target.request,))
    is_question = answer.status is Status.INPUT_REQUIRED
    # A question is not the call's answer: it counts only when it comes again.
    counted = 0 if is_question and target.answers == 0 else 1
    if not target.is_waiting:
        db.execute(
            "UPDATE calls SET deliveries = deliveries + ? WHERE position = ?",
            (counted, target.position),
        )
        drop_block(db, target.position)
        return Outcome.DUPLICATE
    ended_at = None if is_question else arrival.received_at
    result = storable(arrival.payload) if arrival.kind == "result" else None
    db.execute(
        "UPDATE calls SET status = ?, responded_at = ?, finished_at = ?, text = ?, result = ?, "
        "error_code = ?, error_message = ?, error_data = ?, response_bytes = ?, "
        "deliveries = deliveries + ? WHERE position = ?",
        (
            next_status(target.status, answer.status).rank,
            ended_at,
            ended_at,
            answer.text,
            result,
            answer.error_code,
            answer.error_message,
            answer.error_data_json,
            arrival.size_bytes,
            counted,
            target.position,
        ),
    )
    if is_question:
        return Outcome.UPDATED
    make_blocks(db, target.position)
    return Outcome.COMPLETED


def _record_progress(db: sqlite3.Connection, target: _Target, arrival: Arrival) -> Outcome:
    if not target.is_waiting:
        return Outcome.DUPLICATE
    progress = read_progress(arrival.payload)
    before = -1.0 if target.progress is None else target.progress
    # Overtaken by a later one: it shows that the call runs, and nothing else.
    is_stale = progress.fraction is not None and progress.fraction < before
    fraction = target.progress if is_stale or progress.fraction is None else progress.fraction
    db.execute(
        "UPDATE calls SET status = ?, running_at = coalesce(running_at, ?), progress = ?, "
        "progress_message = coalesce(?, progress_message) WHERE position = ?",
        (
            next_status(target.status, Status.RUNNING).rank,
            arrival.received_at,
            fraction,
            None if is_stale else progress.message,
            target.position,
        ),
    )
    return Outcome.UPDATED


def _record_log(db: sqlite3.Connection, target: _Target, arrival: Arrival) -> Outcome:
    line = read_log(arrival.payload)
    inserted = db.execute(
        "INSERT OR IGNORE INTO logs "
        "(position, request, sequence, severity, level, logger, data, received_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            target.position,
            target.request,
            arrival.sequence,
            line.severity,
            line.level,
            line.logger,
            line.data_json,
            arrival.received_at,
        ),
    ).rowcount
    if not inserted:
        return Outcome.DUPLICATE
    if target.is_waiting:
        status = next_status(target.status, Status.RUNNING)
        db.execute(
            "UPDATE calls SET status = ?, running_at = coalesce(running_at, ?) WHERE position = ?",
            (status.rank, arrival.received_at, target.position),
        )
    return Outcome.UPDATED


def _keep_unsolicited(db: sqlite3.Connection, entry: Unsolicited) -> None:
    db.execute(
        "INSERT INTO unsolicited "
        "(connection_id, request_id, kind, payload, received_at, size_bytes, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            storable(entry.connection_id[:UNSOLICITED_LENGTH]),
            storable(entry.request_id[:UNSOLICITED_LENGTH]),
            entry.kind,
            storable(entry.payload[:UNSOLICITED_LENGTH]),
            entry.received_at,
            entry.size_bytes,
            None if entry.reason is None else storable(entry.reason),
        ),
    )
    db.execute(
        "DELETE FROM unsolicited WHERE entry <= (SELECT max(entry) FROM unsolicited) - ?",
        (UNSOLICITED_COUNT,),
    )

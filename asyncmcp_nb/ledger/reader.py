"""Reading the ledger: single calls, pages of a table, counts, logs. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterable
from typing import Final

from asyncmcp_nb.ledger import log_query, query
from asyncmcp_nb.ledger.answers import storable
from asyncmcp_nb.ledger.block import Block
from asyncmcp_nb.ledger.parts import Columns, parts
from asyncmcp_nb.ledger.query import EVERYTHING, CallFilter
from asyncmcp_nb.ledger.records import Binding, CallRecord, LogEntry, Unsolicited
from asyncmcp_nb.ledger.schema import CALL_COLUMNS
from asyncmcp_nb.ledger.status import OUTSTANDING, STATUSES, Status
from asyncmcp_nb.ledger.store import Store

_SELECT: Final = " ".join(["SELECT", CALL_COLUMNS, "FROM calls"])


class LedgerReader:
    """What views need of a ledger. Reads never wait for the threads that write.

    All methods may be called from any thread and see what is committed by then. Every one raises
    ``LedgerError`` when SQLite refuses or the ledger is closed. Times are Unix seconds.
    """

    def __init__(self, store: Store) -> None:
        self._store: Final = store

    @property
    def path(self) -> str:
        """The file, or ``:memory:``."""
        return self._store.name

    @property
    def version(self) -> int:
        """Another one after each transaction of this process: what was read may have changed."""
        return self._store.version

    def get(self, call_id: str) -> CallRecord | None:
        """The call of this id, or None."""
        found = self.get_many([call_id])
        return found[0] if found else None

    def get_many(self, call_ids: Iterable[str]) -> list[CallRecord]:
        """The calls of these ids in the order given; ids the ledger does not have are left out."""
        wanted = list(call_ids)
        select = " ".join([_SELECT, "WHERE call_id IN (SELECT value FROM json_each(?))"])
        found = {record.call_id: record for record in self._records(select, [json.dumps(wanted)])}
        return [found[call_id] for call_id in wanted if call_id in found]

    def outstanding(self) -> list[CallRecord]:
        """Calls that have not ended, in the order of submission."""
        return self.rows(CallFilter(statuses=OUTSTANDING))

    def unsent(self) -> list[CallRecord]:
        """Calls that are not known to be sent (``queued``), in the order of submission.

        After a crash one of them may have been sent without the ledger knowing.
        """
        return self.rows(CallFilter(statuses={Status.QUEUED}))

    def rows(
        self,
        chosen: CallFilter = EVERYTHING,
        *,
        order_by: str = "position",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[CallRecord]:
        """One page of the calls that a filter lets through.

        Args:
            chosen: The filter; default: all calls.
            order_by: A name in ``query.ORDERS``: ``position`` (submission) or a column of the
                frame. Missing values are the smallest; equal ones stand in the order of
                submission.
            descending: Largest first.
            limit: The most rows, or None for all.
            offset: Rows to pass over.

        Raises:
            ConfigError: No such column, or a negative count.
        """
        statement, parameters = query.page(
            chosen, order_by=order_by, descending=descending, limit=limit, offset=offset
        )
        return self._records(statement, parameters)

    def parts(self, chosen: CallFilter = EVERYTHING) -> Generator[Block | Columns]:
        """Calls in the order of submission, without making a record of each.

        All parts are of one moment, whatever is written meanwhile; take them all, or close it.

        Args:
            chosen: The filter.

        Yields:
            A block, or for up to a thousand calls and for each of ``block.FIELDS`` a value a call.
        """
        with self._store.snapshot() as db:
            yield from parts(db, chosen)

    def call_ids(
        self,
        chosen: CallFilter,
        *,
        order_by: str,
        descending: bool,
        limit: int | None = None,
    ) -> list[str]:
        """The ids of calls, where nothing else of them is wanted; see ``rows``."""
        statement, parameters = query.page(
            chosen,
            order_by=order_by,
            descending=descending,
            limit=limit,
            offset=0,
            columns="call_id",
        )
        with self._store.reading() as db:
            return [str(row[0]) for row in db.execute(statement, parameters)]

    def count(self, chosen: CallFilter = EVERYTHING) -> int:
        """How many calls a filter lets through."""
        clause, parameters = query.where(chosen)
        statement = " ".join(["SELECT count(*) FROM calls", clause])
        with self._store.reading() as db:
            return int(db.execute(statement, parameters).fetchone()[0])

    def counts(self, chosen: CallFilter = EVERYTHING) -> dict[Status, int]:
        """How many calls there are of each status, zeros included, in the order of ``Status``."""
        clause, parameters = query.where(chosen)
        statement = " ".join(["SELECT status, count(*) FROM calls", clause, "GROUP BY status"])
        with self._store.reading() as db:
            found = dict(db.execute(statement, parameters).fetchall())
        return {status: int(found.get(status.rank, 0)) for status in STATUSES}

    def last_position(self) -> int:
        """The position of the latest call; 0 where there is none."""
        with self._store.reading() as db:
            return int(db.execute("SELECT coalesce(max(position), 0) FROM calls").fetchone()[0])

    def tools(self) -> list[str]:
        """Tools that were called, by name."""
        return self._names(query.distinct("tool"))

    def groups(self) -> list[str]:
        """Groups that calls belong to, by name."""
        return self._names(query.distinct("group_name"))

    def next_deadline(self) -> float | None:
        """The earliest deadline of an outstanding call, or None."""
        return self._number(
            "SELECT min(deadline) FROM calls WHERE status < 4 AND deadline IS NOT NULL"
        )

    def oldest_outstanding_at(self) -> float | None:
        """When the oldest outstanding call was submitted, or None where none is outstanding."""
        return self._number("SELECT min(submitted_at) FROM calls WHERE status < 4")

    def call_of(self, connection_id: str, request_id: str) -> str | None:
        """The id of the call that this request was sent for, or None."""
        found = self._names(
            "SELECT call_id FROM requests JOIN calls USING (position) "
            "WHERE connection_id = ? AND request_id = ?",
            (connection_id, storable(request_id)),
        )
        return found[0] if found else None

    def bindings_of(self, call_id: str) -> list[Binding]:
        """The requests that were bound to a call, oldest first."""
        with self._store.reading() as db:
            found = db.execute(
                "SELECT connection_id, request_id, call_id FROM requests "
                "JOIN calls USING (position) WHERE call_id = ? ORDER BY request",
                (call_id,),
            ).fetchall()
        return [Binding(*row) for row in found]

    def knows(self, connection_id: str) -> bool:
        """Whether a request of this connection was ever bound to a call."""
        with self._store.reading() as db:
            found = db.execute(
                "SELECT 1 FROM requests WHERE connection_id = ? LIMIT 1", (connection_id,)
            ).fetchone()
        return found is not None

    def last_answered(self, call_id: str) -> str | None:
        """The latest request of a call, where its answer has come; None while that is out."""
        with self._store.reading() as db:
            found = db.execute(
                "SELECT request_id, answers FROM requests JOIN calls USING (position) "
                "WHERE call_id = ? ORDER BY request DESC LIMIT 1",
                (call_id,),
            ).fetchone()
        return found[0] if found and found[1] else None

    def logs(
        self, call_id: str | None = None, *, level: str | None = None, limit: int = 1_000
    ) -> list[LogEntry]:
        """Log messages of one call or of all, in the order of arrival.

        Args:
            call_id: The call, or None for all.
            level: The least severe level wanted: ``debug``, ``info``, ``notice``, ``warning``,
                ``error``, ``critical``, ``alert`` or ``emergency``; None for all.
            limit: The most entries; the newest are kept.

        Raises:
            ConfigError: No such level.
        """
        statement, parameters = log_query.newest(call_id, level, limit)
        with self._store.reading() as db:
            found = db.execute(statement, parameters).fetchall()
        return [LogEntry(*row) for row in reversed(found)]

    def log_count(self, call_id: str | None = None, *, level: str | None = None) -> int:
        """How many log messages there are of one call or of all.

        Args:
            call_id: The call, or None for all.
            level: As of ``logs``.

        Raises:
            ConfigError: No such level.
        """
        statement, parameters = log_query.count(call_id, level)
        with self._store.reading() as db:
            return int(db.execute(statement, parameters).fetchone()[0])

    def unsolicited(self) -> list[Unsolicited]:
        """Messages that belong to no call, in the order of arrival; the newest 1,000 are kept."""
        with self._store.reading() as db:
            found = db.execute(
                "SELECT connection_id, request_id, kind, payload, received_at, size_bytes, reason "
                "FROM unsolicited ORDER BY entry"
            ).fetchall()
        return [Unsolicited(*row) for row in found]

    def _records(self, statement: str, parameters: Collection[str | int]) -> list[CallRecord]:
        with self._store.reading() as db:
            return [CallRecord.from_row(row) for row in db.execute(statement, tuple(parameters))]

    def _names(self, statement: str, parameters: tuple[str, ...] = ()) -> list[str]:
        with self._store.reading() as db:
            return [str(row[0]) for row in db.execute(statement, parameters)]

    def _number(self, statement: str) -> float | None:
        with self._store.reading() as db:
            found = db.execute(statement).fetchone()[0]
        return None if found is None else float(found)

"""How a server is doing, as values: one in a thread, or many worker processes together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from asyncmcp_nb.sns_sqs.depths import UNKNOWN, Measured
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics

NOTHING: Final = ServerStatistics()
"""Of a server that has not begun."""

_HEAD: Final = ("worker", "id", "pid", "state", "in flight", "answered", "restarts", "up")
_COUNTS_FROM: Final = 4
"""From this column on there are numbers, which end at the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """How one worker process of a pool is doing."""

    slot: int
    """Its place in the pool, from 0; it stays when its process is started anew."""
    worker_id: str
    """8 hex digits that name its control queue; they stay as well."""
    pid: int | None
    """Of its process; None while there is none."""
    state: str
    """``starting``, ``serving``, ``queue unreachable``, ``restarting``, ``stopping`` or
    ``stopped``."""
    restart_count: int
    """How often its process was started anew."""
    up_seconds: float
    """Since its process was started; 0 while there is none."""
    statistics: ServerStatistics
    """Counts of all its processes so far. What a killed one did in its last second is missing."""
    requests: Mapping[str, int]
    """AWS requests by operation, of all its processes so far."""
    error: str | None
    """Why it does not serve now; None where it does."""
    last_end: str | None
    """How its latest process that ended did so, such as ``killed by SIGKILL``."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ServerStatus:
    """How a server is doing."""

    name: str
    """As the server calls itself."""
    deployment: str
    state: str
    """``starting``, ``serving``, ``queue unreachable``, ``stopping``, ``stopped`` or ``failed``; of
    worker processes also ``restarting``, where none serves at the moment."""
    up_seconds: float
    statistics: ServerStatistics
    requests: Mapping[str, int]
    """AWS requests by operation."""
    error: str | None = None
    """Why it failed, or cannot reach its queue."""
    workers: tuple[WorkerStatus, ...] = ()
    """Each worker process; empty for a server in a thread."""
    queue: Measured = UNKNOWN
    """The queue that all workers of the deployment share."""
    dead_letters: Measured = UNKNOWN
    """The deployment's dead-letter queue, whoever put them there."""

    @property
    def request_count(self) -> int:
        """AWS requests, all operations together."""
        return sum(self.requests.values())

    @property
    def requests_per_answer(self) -> float | None:
        """AWS requests for each answer; None where there was none."""
        answered_count = self.statistics.answered_count
        return self.request_count / answered_count if answered_count else None

    def __repr__(self) -> str:
        return f"<ServerStatus {self}>"

    def __str__(self) -> str:
        counts = self.statistics
        oldest = counts.oldest_in_flight_seconds
        parts = (
            f"{self.name}@{self.deployment}",
            f"{self.state}{self._strength()}",
            f"{counts.in_flight_count} in flight",
            None if oldest is None else f"oldest {oldest:.0f} s",
            None if self.queue.depth is None else f"{self.queue.waiting_count:,} waiting",
            f"{counts.answered_count} answered",
            f"{counts.redelivered_count} redelivered",
            _some(counts.duplicate_count, "duplicates dropped"),
            _some(counts.unsolicited_count, "unsolicited"),
            _some(counts.refused_topic_count, "of reply topics not allowed"),
            _some(counts.lost_lease_count, "leases lost"),
            f"{counts.parked_count} dead letter{'' if counts.parked_count == 1 else 's'}",
            f"up {self.up_seconds:.0f} s",
            self.error,
        )
        return " · ".join(part for part in parts if part)

    def _strength(self) -> str:
        if not self.workers:
            return ""
        serving, total = sum(w.state == "serving" for w in self.workers), len(self.workers)
        most = f"{total} worker{'' if total == 1 else 's'}"
        is_whole = serving == total or self.state in {"stopping", "stopped", "failed"}
        return f" · {most}" if is_whole else f" · {serving} of {most}"


def total(parts: Iterable[ServerStatistics]) -> ServerStatistics:
    """The counts of several added up, the oldest request of all, and the first error there is."""
    found = list(parts)
    values: dict[str, Any] = {}
    for entry in fields(ServerStatistics):
        each = [getattr(part, entry.name) for part in found]
        if entry.name.endswith("_count"):
            values[entry.name] = sum(each)
            continue
        told = [value for value in each if value is not None]
        values[entry.name] = min(told, default=None) if entry.name.endswith("_at") else _first(told)
    return ServerStatistics(**values)


def total_requests(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """AWS requests of several, added up by operation."""
    sums: dict[str, int] = {}
    for part in parts:
        for operation, count in part.items():
            sums[operation] = sums.get(operation, 0) + count
    return sums


def ended(statistics: ServerStatistics) -> ServerStatistics:
    """What stays of a process's counts when it is gone: it works on nothing, and asks nobody."""
    idle = replace(statistics, in_flight_count=0, oldest_in_flight_at=None, stream_count=0)
    return replace(idle, last_error=None)


def worker_table(workers: Sequence[WorkerStatus]) -> list[str]:
    """One line a worker under a line of names, for a terminal."""
    rows = [_HEAD, *(_row(worker) for worker in workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [_line(row, widths) for row in rows]
    notes = ["", *(_note(worker) for worker in workers)]
    return [f"{line}{note}".rstrip() for line, note in zip(lines, notes, strict=True)]


def _row(worker: WorkerStatus) -> tuple[str, ...]:
    return (
        str(worker.slot),
        worker.worker_id,
        "-" if worker.pid is None else str(worker.pid),
        worker.state,
        f"{worker.statistics.in_flight_count:,}",
        f"{worker.statistics.answered_count:,}",
        f"{worker.restart_count:,}",
        f"{worker.up_seconds:.0f} s",
    )


def _line(row: tuple[str, ...], widths: Sequence[int]) -> str:
    cells = [
        cell.rjust(width) if column >= _COUNTS_FROM else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def _first(values: Sequence[Any]) -> Any:
    return values[0] if values else None


def _some(count: int, words: str) -> str | None:
    return f"{count:,} {words}" if count else None


def _note(worker: WorkerStatus) -> str:
    said = worker.error or (None if worker.state == "stopped" else worker.last_end)
    return "" if said is None else f"  {' '.join(said.split())}"

"""One place in a pool of worker processes: what its process does, and when the next is due. Pure.

Events come in as method calls with the time of a monotonic clock; ``status`` and ``due_at`` say
what follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from asyncmcp_nb.server.backoff import Backoff
from asyncmcp_nb.server.pool_messages import Failed, Ready, Report, Vitals
from asyncmcp_nb.server.status import NOTHING, WorkerStatus, ended, total, total_requests
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics


@dataclass(frozen=True, slots=True)
class _Counts:
    statistics: ServerStatistics
    requests: Mapping[str, int]

    def __add__(self, other: _Counts) -> _Counts:
        return _Counts(
            total([self.statistics, other.statistics]),
            total_requests([self.requests, other.requests]),
        )


_NO_COUNTS = _Counts(NOTHING, {})


class Slot:
    """Its worker id stays while its processes come and go."""

    def __init__(self, number: int, worker_id: str) -> None:
        self.number = number
        self.worker_id = worker_id
        self.state = "starting"
        """As ``WorkerStatus.state``."""
        self.name: str | None = None
        """As its server calls itself, once it has started."""
        self.due_at: float | None = 0.0
        """When a process shall be started; None while there is one, or none is wanted."""
        self.last_end: str | None = None
        self._pid: int | None = None
        self._started_at = 0.0
        self._ready_at: float | None = None
        self._start_count = 0
        self._backoff = Backoff()
        self._error: str | None = None
        self._failure: str | None = None
        self._wanted = True
        self._counts = _NO_COUNTS
        self._former = _NO_COUNTS

    @property
    def is_ready(self) -> bool:
        """Whether its present process has begun to serve."""
        return self._ready_at is not None

    def begin(self, pid: int, now: float) -> None:
        """A process was started."""
        self.state = "starting"
        self.due_at = None
        self._pid = pid
        self._started_at = now
        self._start_count += 1

    def take(self, report: Report, now: float) -> None:
        """The process said something."""
        match report:
            case Ready(name):
                self.name, self._ready_at, self._error = name, now, None
                self.state = "serving" if self._wanted else "stopping"
            case Failed(reason):
                self._failure = reason
            case Vitals():
                self._counts = _Counts(report.statistics, report.requests)
                if self.is_ready and self._wanted:
                    self.state, self._error = report.state, report.error

    def end(self, how: str, now: float) -> None:
        """The process is gone, or could not be started.

        Args:
            how: Such as ``killed by SIGKILL``; a reason that it gave itself is worth more.
            now: The clock.
        """
        served_seconds = 0.0 if self._ready_at is None else now - self._ready_at
        self.last_end = self._failure or how
        answered_count = self._counts.statistics.answered_count
        self._former += _Counts(ended(self._counts.statistics), self._counts.requests)
        self._counts = _NO_COUNTS
        self._pid = self._ready_at = self._failure = None
        self._start_count = max(self._start_count, 1)
        self._backoff = self._backoff.after_death(served_seconds, answered_count=answered_count)
        if self._wanted:
            self.state, self._error = "restarting", self.last_end
            self.due_at = now + self._backoff.delay_seconds
        else:
            self.state, self._error = "stopped", None

    def retire(self) -> None:
        """No further process is wanted."""
        self._wanted, self.due_at, self._error = False, None, None
        self.state = "stopped" if self._pid is None else "stopping"

    def status(self, now: float) -> WorkerStatus:
        """A snapshot."""
        counts = self._former + self._counts
        return WorkerStatus(
            slot=self.number,
            worker_id=self.worker_id,
            pid=self._pid,
            state=self.state,
            restart_count=max(0, self._start_count - 1),
            up_seconds=0.0 if self._pid is None else now - self._started_at,
            statistics=counts.statistics,
            requests=counts.requests,
            error=self._error,
            last_end=self.last_end,
        )

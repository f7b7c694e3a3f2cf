"""Worker processes that compete for one queue, and what keeps them alive.

A thread starts them, hears of all that happens to them, and starts anew what died. The processes
learn by the end of a pipe when this one is gone, and then end by themselves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Self

from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.server.handle import STOP_SECONDS, RunningServer
from asyncmcp_nb.server.pool_messages import Assignment, Failed
from asyncmcp_nb.server.slot import Slot
from asyncmcp_nb.server.status import ServerStatus, total, total_requests, worker_table
from asyncmcp_nb.server.worker_process import Ended, Told, WorkerProcess
from asyncmcp_nb.sns_sqs.depths import DepthGauge

logger = logging.getLogger(__name__)

START_SECONDS: Final = 120.0
"""How long a process may take to import its app and start. Our choice: models load slowly."""
_REAP_SECONDS: Final = 5.0
"""How long a process may take to be gone after SIGKILL."""
_CLEAN_UP_SECONDS: Final = 10.0
"""How long removing the control queues may take."""


@dataclass(frozen=True, slots=True)
class _Stop:
    deadline: float


@dataclass(slots=True, eq=False)
class _Member:
    slot: Slot
    assignment: Assignment
    process: WorkerProcess | None = None
    kill_at: float | None = None
    """When its process has taken too long to start, or to end."""


class WorkerPool(RunningServer):
    """Processes that serve one app on one queue."""

    def __init__(
        self,
        assignments: Sequence[Assignment],
        *,
        keeps_errors: bool = True,
        gauge: DepthGauge | None = None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a pool; ``start`` starts its processes.

        Args:
            assignments: One for each process; they differ by worker id and control queue.
            keeps_errors: Keep what the processes write to standard error, to explain why one does
                not start. Otherwise it goes where that of this process goes.
            gauge: Measures the deployment's queues.
            on_stop: Called last, in the pool's thread.
        """
        first = assignments[0]
        self.name = first.app
        self.deployment = first.deployment.name
        self.gauge = gauge
        self._queues = first.deployment.server_queue_url, first.deployment.dead_letter_queue_url
        self._members = [
            _Member(Slot(number, assignment.worker_id), assignment)
            for number, assignment in enumerate(assignments)
        ]
        self._drain_seconds = first.drain_seconds
        self._keeps_errors = keeps_errors
        self._on_stop = on_stop
        # Processes that are started later work where the first did.
        self._directory = str(Path.cwd())
        self._lock = threading.Lock()
        self._events: SimpleQueue[Told | Ended | _Stop] = SimpleQueue()
        self._started_at = time.monotonic()
        self._settled = threading.Event()
        self._is_up = False
        self._stop_at: float | None = None
        self._failure: str | None = None
        self._failure_lines: tuple[str, ...] = ()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="asyncmcp-pool", daemon=True)

    def __repr__(self) -> str:
        status = self.snapshot()
        return "\n  ".join([f"<Server {status}", *worker_table(status.workers)]) + ">"

    def start(self) -> Self:
        """Start all processes, and wait until each takes requests.

        Raises:
            ServeError: One could not start; none is left. Its last lines are in the error's notes.
        """
        self._thread.start()
        try:
            # The pool's thread sees to the time, and ends what takes longer.
            self._settled.wait(START_SECONDS + _REAP_SECONDS)
        except BaseException:
            self.stop()
            raise
        if self._is_up:
            return self
        self.stop()
        error = ServeError(self._failure or f"{self.name} was stopped before it served")
        if self._failure_lines:
            error.add_note("\n".join(("the last lines of that process:", *self._failure_lines)))
        raise error

    @property
    def is_serving(self) -> bool:
        """Whether it keeps processes alive that take requests."""
        return self._is_up and self._stop_at is None and not self._is_over

    def snapshot(self) -> ServerStatus:
        """``status`` that causes no request; of a process that is alive at most a second old."""
        now = time.monotonic()
        with self._lock:
            workers = tuple(member.slot.status(now) for member in self._members)
            state = self._state({worker.state for worker in workers})
        troubles = [worker.error for worker in workers if worker.error is not None]
        return ServerStatus(
            name=self.name,
            deployment=self.deployment,
            state=state,
            up_seconds=now - self._started_at,
            statistics=total(worker.statistics for worker in workers),
            requests=total_requests(worker.requests for worker in workers),
            error=self._failure or next(iter(troubles), None),
            workers=workers,
            queue=self._measured(self._queues[0]),
            dead_letters=self._measured(self._queues[1]),
        )

    def stop(self, timeout: float | None = None) -> None:
        """Have each process finish what it has in hand, hand back the rest, and end.

        Args:
            timeout: Seconds until what is left is killed; its requests are taken by others when
                their leases end. None for the time to drain and five seconds.
        """
        patience = self._drain_seconds + STOP_SECONDS if timeout is None else timeout
        self._events.put(_Stop(time.monotonic() + patience))
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(patience + _REAP_SECONDS + _CLEAN_UP_SECONDS)

    def _state(self, states: set[str]) -> str:
        if self._is_over:
            return "stopped" if self._failure is None else "failed"
        if self._stop_at is not None:
            return "stopping"
        # What one worker does, the pool does; else what there is hope for.
        order = ("serving", "queue unreachable", "starting", "restarting")
        best = next((state for state in order if state in states), "restarting")
        return best if self._settled.is_set() else "starting"

    # -- the pool's thread ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._has_ended():
                now = time.monotonic()
                self._start_due(now)
                self._kill_late(now)
                self._settle()
                event = self._next_event()
                if event is not None:
                    with self._lock:
                        self._take(event, time.monotonic())
        except Exception:  # boundary: the thread's end; nothing may be left running
            logger.exception("the pool of %s failed", self.name)
            self._failure = "the pool failed; its log says why"
        finally:
            self._end()

    def _end(self) -> None:
        for member in self._members:
            if member.process is not None:
                logger.error("worker process %d is left behind", member.process.pid)
                member.process.kill()
        try:
            self._on_stop()
        finally:
            self._is_over = True
            self._settled.set()

    def _has_ended(self) -> bool:
        if self._stop_at is None:
            return False
        given_up = time.monotonic() > self._stop_at + _REAP_SECONDS
        return given_up or all(member.process is None for member in self._members)

    def _next_event(self) -> Told | Ended | _Stop | None:
        """What happens next; None where it is time to do something before."""
        dues = [m.kill_at if m.process is not None else m.slot.due_at for m in self._members]
        dues.append(None if self._stop_at is None else self._stop_at + _REAP_SECONDS)
        wakes = [due for due in dues if due is not None]
        left = max(0.0, min(wakes) - time.monotonic()) if wakes else None
        try:
            return self._events.get(timeout=left)
        except Empty:
            return None

    def _start_due(self, now: float) -> None:
        for member in self._members:
            due_at = member.slot.due_at
            if member.process is None and due_at is not None and due_at <= now:
                self._start(member, now)

    def _start(self, member: _Member, now: float) -> None:
        try:
            process = WorkerProcess(
                member.assignment,
                self._events.put,
                directory=self._directory,
                keeps_errors=self._keeps_errors,
            )
        except OSError as exc:
            with self._lock:
                self._note_end(member, f"{type(exc).__name__}: {exc}", ())
            return
        with self._lock:
            member.process, member.kill_at = process, now + START_SECONDS
            member.slot.begin(process.pid, now)

    def _kill_late(self, now: float) -> None:
        for member in self._members:
            if member.process is None or member.kill_at is None or member.kill_at > now:
                continue
            logger.warning("worker process %d takes too long; it is killed", member.process.pid)
            if self._stop_at is None:
                with self._lock:
                    member.slot.take(Failed(f"not within {START_SECONDS:.0f} s"), now)
            member.process.kill()
            member.kill_at = None

    def _settle(self) -> None:
        if self._stop_at is None and all(member.slot.is_ready for member in self._members):
            self.name = self._members[0].slot.name or self.name
            self._is_up = True
            self._settled.set()

    # -- events, under the lock -------------------------------------------------------------------

    def _take(self, event: Told | Ended | _Stop, now: float) -> None:
        if isinstance(event, _Stop):
            self._begin_stop(event.deadline)
            return
        for member in self._members:
            if member.process is not event.process:
                continue
            if isinstance(event, Told):
                member.slot.take(event.report, now)
                if member.slot.is_ready and self._stop_at is None:
                    member.kill_at = None
            else:
                member.process = None
                self._note_end(member, event.how, event.process.last_lines)

    def _note_end(self, member: _Member, how: str, lines: tuple[str, ...]) -> None:
        slot = member.slot
        slot.end(how, time.monotonic())
        if self._stop_at is not None:
            return
        where = f"worker {slot.number} of {self.name}"
        if self._settled.is_set() or slot.name is not None:
            logger.warning("%s ended: %s; it is started anew", where, slot.last_end)
            return
        self._failure = f"{where} did not start: {slot.last_end}"
        self._failure_lines = lines
        self._begin_stop(time.monotonic() + self._drain_seconds + STOP_SECONDS)
        self._settled.set()

    def _begin_stop(self, deadline: float) -> None:
        is_first = self._stop_at is None
        self._stop_at = deadline if self._stop_at is None else min(self._stop_at, deadline)
        for member in self._members:
            if is_first:
                member.slot.retire()
            if is_first and member.process is not None:
                member.process.terminate()
            member.kill_at = self._stop_at

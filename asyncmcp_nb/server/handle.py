"""A server that runs in a thread of this process, with an event loop of its own."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

import anyio
import anyio.to_thread
from mcp.server.lowlevel.server import Server

from asyncmcp_nb.bus import Bus
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.errors import BusError, ServeError
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.server.responder import HANDLER_FAILURES
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.server.status import NOTHING, ServerStatus
from asyncmcp_nb.sns_sqs.answers import AnswerStore
from asyncmcp_nb.sns_sqs.depths import UNKNOWN, DepthGauge, Measured
from asyncmcp_nb.sns_sqs.handoff import Handoff
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics

logger = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 5.0
"""How long requests in hand may finish when a server is stopped, unless told otherwise."""
STOP_SECONDS: Final = 5.0
"""How long the rest of stopping may take: handing back, acknowledging, the app's own clean-up."""

_START_SECONDS: Final = 30.0
"""How long a server's lifespan may take to start."""


class RunningServer(ABC):
    """A server that was started: its status, and its end. A context manager, sync and async."""

    name: str
    """As the server calls itself."""
    deployment: str
    """Whose requests it takes."""
    gauge: DepthGauge | None = None
    """Measures the deployment's queues, where somebody may."""

    def __repr__(self) -> str:
        return f"<Server {self.snapshot()}>"

    @property
    @abstractmethod
    def is_serving(self) -> bool:
        """Whether it takes requests."""

    @property
    def status(self) -> ServerStatus:
        """A snapshot, with the depths of queues as last measured; a thread renews old ones."""
        if self.gauge is not None and self.is_serving:
            self.gauge.refresh()
        return self.snapshot()

    def check(self) -> ServerStatus:
        """``status`` with depths of queues measured now; blocks for a request for each queue."""
        if self.gauge is not None and self.is_serving:
            self.gauge.check()
        return self.snapshot()

    @abstractmethod
    def snapshot(self) -> ServerStatus:
        """``status`` that causes no request, for what looks often."""

    def _measured(self, queue: str | None) -> Measured:
        return UNKNOWN if self.gauge is None else self.gauge.latest(queue)

    @abstractmethod
    def stop(self, timeout: float | None = None) -> None:
        """Let requests in hand finish, hand the others back to the queue, and stop.

        Args:
            timeout: The most to wait, in seconds. None for as long as they may finish, and five
                seconds for the rest.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await anyio.to_thread.run_sync(self.stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a worker has in common with the others of its deployment or host."""

    sealer: Sealer | None = None
    """Of 2025-era sessions; None for one of its own."""
    answers: AnswerStore | None = None
    """Which requests the others run, and what they answered."""
    claim_checks: ClaimChecks | None = None
    """Where messages go that are too large for their topic; its store is closed when it stops."""


class ServerHandle(RunningServer):
    """A server in a thread of this process."""

    def __init__(
        self,
        server: Server[Any],
        bus: Bus,
        config: SnsSqsTransportConfig,
        *,
        deployment: str,
        shared: Shared | None = None,
        drain_seconds: float = DRAIN_SECONDS,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a handle; ``start`` starts the server.

        Args:
            server: What to serve.
            bus: Where its queue is; closed when it stops.
            config: Its queue, its topic and the timings.
            deployment: Name, for people.
            shared: What it has in common with other workers.
            drain_seconds: How long requests in hand may finish when it is stopped.
            on_stop: Called last, in the server's thread.
        """
        self.name = server.name
        self.deployment = deployment
        self._server = server
        self._bus = bus
        self._config = config
        self.gauge = DepthGauge(bus, [config.sqs_queue_url, config.dead_letter_queue_url])
        self._shared = shared or Shared()
        self._drain_seconds = drain_seconds
        self._on_stop = on_stop
        self._started_at = time.monotonic()
        self._settled = threading.Event()
        self._host: Host | None = None
        self._is_taking = False
        self._stop: Callable[[], object] = lambda: None
        self._last = NOTHING
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="asyncmcp-server", daemon=True)

    def start(self) -> Self:
        """Start the thread and wait until the server's lifespan has begun.

        Raises:
            ServeError: The lifespan failed, or took more than 30 seconds.
        """
        self._thread.start()
        if not self._settled.wait(_START_SECONDS):
            raise ServeError(f"{self.name} did not start within {_START_SECONDS:.0f} s")
        if self._error is not None:
            raise ServeError(f"{self.name} did not start: {self._error}")
        return self

    @property
    def is_serving(self) -> bool:
        """Whether it takes requests."""
        return self._is_taking

    def snapshot(self) -> ServerStatus:
        """``status`` that causes no request, for what looks often."""
        host = self._host
        counts = self._last if host is None else host.statistics()
        error = self._error or (None if counts.last_error is None else str(counts.last_error))
        return ServerStatus(
            name=self.name,
            deployment=self.deployment,
            state=self._state(counts),
            up_seconds=time.monotonic() - self._started_at,
            statistics=counts,
            requests=self._requests(),
            error=error,
            queue=self._measured(self._config.sqs_queue_url),
            dead_letters=self._measured(self._config.dead_letter_queue_url),
        )

    def stop(self, timeout: float | None = None) -> None:
        """Let requests in hand finish for the time to drain, hand the others back, and stop.

        Args:
            timeout: Seconds to wait for the thread; it is left to itself after that, and what it
                still works on is handed back. None for the time to drain and five seconds.
        """
        self._is_taking = False
        self._stop()
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return
        self._thread.join(self._drain_seconds + STOP_SECONDS if timeout is None else timeout)
        host = self._host
        if self._thread.is_alive() and host is not None:
            # A tool blocks the loop, which then never came to it.
            host.close()

    def _requests(self) -> Mapping[str, int]:
        done, claim_checks = self._bus.statistics(), self._shared.claim_checks
        if claim_checks is not None:
            done += claim_checks.store.statistics()
        return done.requests

    def _state(self, counts: ServerStatistics) -> str:
        if self._is_taking:
            # Without the answers that workers share it serves nonetheless.
            is_deaf = isinstance(counts.last_error, BusError)
            return "queue unreachable" if is_deaf else "serving"
        if self._host is not None:
            return "stopping"
        if self._error is not None:
            return "failed"
        return "stopped" if self._settled.is_set() else "starting"

    def _run(self) -> None:
        try:
            anyio.run(self._serve)
        except HANDLER_FAILURES as exc:  # boundary: the thread's end; start() or the status tells
            logger.exception("the server failed")
            self._error = _reason(exc)
        finally:
            self._settled.set()
            self._bus.close()
            if self._shared.claim_checks is not None:
                self._shared.claim_checks.store.close()
            self._on_stop()

    async def _serve(self) -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = max(limiter.total_tokens, self._config.max_in_flight)
        stop, handoff = anyio.Event(), Handoff()
        self._stop = partial(handoff.post, stop.set)
        try:
            async with hosting(
                self._server,
                self._bus,
                self._config,
                sealer=self._shared.sealer,
                drain_seconds=self._drain_seconds,
                answers=self._shared.answers,
                claim_checks=self._shared.claim_checks,
            ) as self._host:
                self._is_taking = True
                self._settled.set()
                try:
                    await stop.wait()
                finally:
                    self._is_taking = False
        finally:
            if self._host is not None:
                self._last = self._host.statistics()
                self._host = None


def _reason(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = cast("BaseExceptionGroup[BaseException]", exc).exceptions[0]
    return f"{type(exc).__name__}: {exc}"

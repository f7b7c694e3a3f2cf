"""A server that runs in a thread of this process, with an event loop of its own."""

from __future__ import annotations

import logging
import threading
import time
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
from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.server.host import Host, hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.handoff import Handoff
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics

logger = logging.getLogger(__name__)

_START_SECONDS: Final = 30.0
"""How long a server's lifespan may take to start."""
_DRAIN_SECONDS: Final = 5.0
"""How long requests in hand may finish when a server is stopped."""

_NOTHING = ServerStatistics(
    in_flight_count=0,
    answered_count=0,
    redelivered_count=0,
    parked_count=0,
    handed_back_count=0,
    lost_lease_count=0,
    last_error=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """How a server is doing."""

    name: str
    """As the server calls itself."""
    deployment: str
    state: str
    """``starting``, ``serving``, ``queue unreachable``, ``stopped`` or ``failed``."""
    up_seconds: float
    statistics: ServerStatistics
    requests: Mapping[str, int]
    """AWS requests by operation."""
    error: str | None = None
    """Why it failed, or cannot reach its queue."""

    def __str__(self) -> str:
        counts = self.statistics
        error = "" if self.error is None else f" · {self.error}"
        return (
            f"{self.name}@{self.deployment} · {self.state} · {counts.in_flight_count} in flight · "
            f"{counts.answered_count} answered · {counts.redelivered_count} redelivered · "
            f"{counts.parked_count} dead letters · up {self.up_seconds:.0f} s{error}"
        )


class ServerHandle:
    """A running server: its status, and its end. A context manager, sync and async."""

    def __init__(
        self,
        server: Server[Any],
        bus: Bus,
        config: SnsSqsTransportConfig,
        *,
        deployment: str,
        sealer: Sealer | None = None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        """Make a handle; ``start`` starts the server.

        Args:
            server: What to serve.
            bus: Where its queue is; closed when it stops.
            config: Its queue, its topic and the timings.
            deployment: Name, for people.
            sealer: Of 2025-era sessions.
            on_stop: Called last, in the server's thread.
        """
        self.name = server.name
        """As the server calls itself."""
        self.deployment = deployment
        self._server = server
        self._bus = bus
        self._config = config
        self._sealer = sealer
        self._on_stop = on_stop
        self._started_at = time.monotonic()
        self._settled = threading.Event()
        self._host: Host | None = None
        self._stop: Callable[[], object] = lambda: None
        self._last = _NOTHING
        self._error: str | None = None
        self._thread = threading.Thread(target=self._run, name="asyncmcp-server", daemon=True)

    def __repr__(self) -> str:
        return f"<Server {self.status}>"

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
        return self._host is not None

    @property
    def status(self) -> ServerStatus:
        """A snapshot."""
        host = self._host
        counts = self._last if host is None else host.statistics()
        error = self._error or (None if counts.last_error is None else str(counts.last_error))
        return ServerStatus(
            name=self.name,
            deployment=self.deployment,
            state=self._state(counts),
            up_seconds=time.monotonic() - self._started_at,
            statistics=counts,
            requests=self._bus.statistics().requests,
            error=error,
        )

    def stop(self, timeout: float = _DRAIN_SECONDS + 5.0) -> None:
        """Let requests in hand finish for up to five seconds, hand the others back, and stop.

        Args:
            timeout: Seconds to wait for the thread; it is left to itself after that.
        """
        self._stop()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout)

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
        await anyio.to_thread.run_sync(partial(self.stop))

    def _state(self, counts: ServerStatistics) -> str:
        if self._host is not None:
            return "serving" if counts.last_error is None else "queue unreachable"
        if self._error is not None:
            return "failed"
        return "stopped" if self._settled.is_set() else "starting"

    def _run(self) -> None:
        try:
            anyio.run(self._serve)
        except Exception as exc:  # boundary: the thread's end; start() or the status tells
            logger.exception("the server failed")
            self._error = _reason(exc)
        finally:
            self._settled.set()
            self._bus.close()
            self._on_stop()

    async def _serve(self) -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = max(limiter.total_tokens, self._config.max_in_flight)
        stop, handoff = anyio.Event(), Handoff()
        self._stop = partial(handoff.post, stop.set)
        async with hosting(
            self._server,
            self._bus,
            self._config,
            sealer=self._sealer,
            drain_seconds=_DRAIN_SECONDS,
        ) as host:
            self._host = host
            self._settled.set()
            try:
                await stop.wait()
            finally:
                self._last = host.statistics()
                self._host = None


def _reason(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = cast("BaseExceptionGroup[BaseException]", exc).exceptions[0]
    return f"{type(exc).__name__}: {exc}"

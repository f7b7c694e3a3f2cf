"""Starting servers: an app, a deployment and its bus put together."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from asyncmcp_nb import broker, registry
from asyncmcp_nb.config import (
    MIN_KEY_BYTES,
    OUR_DIALECT,
    Deployment,
    SnsSqsTransportConfig,
    read_session_key,
)
from asyncmcp_nb.errors import AsyncMcpError, ConfigError
from asyncmcp_nb.logs import plain
from asyncmcp_nb.places import Where, open_claim_checks, resolve
from asyncmcp_nb.server.adapt import App, lowlevel_of, split_path
from asyncmcp_nb.server.answer_file import open_answers
from asyncmcp_nb.server.handle import DRAIN_SECONDS, RunningServer, ServerHandle, Shared
from asyncmcp_nb.server.identity import new_worker_id
from asyncmcp_nb.server.pool import WorkerPool
from asyncmcp_nb.server.pool_messages import Assignment
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.sns_sqs.depths import DepthGauge

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT: Final = 64
"""Requests that a worker works on at a time, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a worker works."""

    max_in_flight: int = MAX_IN_FLIGHT
    drain_seconds: float = DRAIN_SECONDS
    lease_seconds: float = 30.0

    def __post_init__(self) -> None:
        """Check what no other value object checks."""
        if not 0 <= self.drain_seconds <= 3600:
            raise ConfigError("drain_seconds: 0 to 3,600")


def serve(
    app: App,
    where: Where = None,
    *,
    workers: int = 0,
    max_in_flight: int = MAX_IN_FLIGHT,
    drain_seconds: float = DRAIN_SECONDS,
) -> RunningServer:
    """Serve an MCP server's tools over a deployment's queues.

    Args:
        app: ``MCPServer``, low-level ``Server``, or ``"package.module:attribute"``.
        where: A deployment, a profile's name, or nothing for the embedded broker.
        workers: 0 for a thread of this process; else this many processes, which compete for the
            queue and are started anew when they die. Each imports the app, so it must be given as
            ``"package.module:attribute"``.
        max_in_flight: Requests that each worker works on at a time; further ones stay in the queue.
        drain_seconds: How long requests in hand may finish when the server is stopped; then they
            are handed back to the queue.

    Returns:
        A handle with ``status`` and ``stop()``; also a context manager. With ``workers``,
        ``status.workers`` has each process.

    Raises:
        ServeError: ``app`` is no server, or could not start.
        ConfigError: A number is out of its range, or ``app`` is nothing that a process can import.
        AsyncMcpError: The deployment cannot be found or reached, as ``connect`` says.
    """
    tuning = Tuning(max_in_flight=max_in_flight, drain_seconds=drain_seconds)
    if workers:
        return serve_in_processes(app, where, workers=workers, tuning=tuning)
    return serve_in_thread(app, where, tuning)


def serve_in_thread(app: App, where: Where, tuning: Tuning) -> ServerHandle:
    """``serve`` with a thread of this process.

    Raises:
        ServeError: As for ``serve``.
        ConfigError: As for ``serve``.
        AsyncMcpError: As for ``serve``.
    """
    # First, so that what cannot be served starts no broker.
    server = lowlevel_of(app)
    deployment = _ours(resolve(where))
    worker_id = new_worker_id()
    remove = partial(_remove_workers, deployment, [worker_id])
    try:
        config = transport_config(
            deployment,
            worker_id=worker_id,
            control_queue_url=broker.ensure_worker(deployment, worker_id),
            message_limit_bytes=broker.topic_limit_bytes(deployment),
            max_in_flight=tuning.max_in_flight,
            lease_seconds=tuning.lease_seconds,
        )
        handle = make_handle(
            server, deployment, config, drain_seconds=tuning.drain_seconds, on_stop=remove
        )
    except BaseException:
        remove()
        raise
    try:
        handle.start()
    except BaseException:
        handle.stop(timeout=1.0)
        raise
    _register(handle)
    return handle


def serve_in_processes(
    app: App,
    where: Where = None,
    *,
    workers: int,
    tuning: Tuning | None = None,
    keeps_errors: bool = True,
) -> WorkerPool:
    """``serve`` with worker processes.

    Args:
        app: As for ``serve``.
        where: As for ``serve``.
        workers: How many, at least 1.
        tuning: How each works.
        keeps_errors: Keep what the processes write to standard error, to explain why one does not
            start; otherwise it goes where that of this process goes.

    Raises:
        ServeError: As for ``serve``.
        ConfigError: As for ``serve``.
        AsyncMcpError: As for ``serve``.
    """
    if workers < 1:
        raise ConfigError(f"workers: 0 for a thread, else a number of processes; not {workers}")
    path = _importable(app)
    deployment = _ours(resolve(where))
    worker_ids = [new_worker_id() for _ in range(workers)]
    remove = partial(_remove_workers, deployment, worker_ids)
    try:
        assignments = _assignments(path, deployment, worker_ids, tuning=tuning or Tuning())
        bus = broker.open_bus(deployment)
    except BaseException:
        remove()
        raise

    def end() -> None:
        bus.close()
        remove()

    gauge = DepthGauge(bus, [deployment.server_queue_url, deployment.dead_letter_queue_url])
    pool = WorkerPool(assignments, keeps_errors=keeps_errors, gauge=gauge, on_stop=end)
    pool.start()
    _register(pool)
    return pool


def transport_config(
    deployment: Deployment,
    *,
    worker_id: str,
    control_queue_url: str,
    message_limit_bytes: int,
    max_in_flight: int,
    lease_seconds: float,
) -> SnsSqsTransportConfig:
    """How a worker reaches the queues of a deployment, in whatever process it runs.

    Raises:
        ConfigError: A number is out of its range.
    """
    return SnsSqsTransportConfig(
        sqs_queue_url=deployment.server_queue_url,
        sns_topic_arn=deployment.response_topic_arn,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        control_queue_url=control_queue_url,
        worker_id=worker_id,
        request_topic_arn=deployment.request_topic_arn,
        allowed_reply_topics=deployment.allowed_reply_topics,
        signing_keys=deployment.signing_keys,
        message_limit_bytes=message_limit_bytes,
        max_in_flight=max_in_flight,
        lease_seconds=lease_seconds,
    )


def make_handle(
    app: App,
    deployment: Deployment,
    config: SnsSqsTransportConfig,
    *,
    drain_seconds: float,
    session_key: bytes | None = None,
    on_stop: Callable[[], None] = lambda: None,
) -> ServerHandle:
    """A server in a thread, not started yet, in whatever process it runs.

    Args:
        app: What to serve.
        deployment: Where.
        config: As ``transport_config`` makes it.
        drain_seconds: How long requests in hand may finish when it is stopped.
        session_key: Shared with other workers, where the deployment names no file with a key.
        on_stop: Called when it has stopped.

    Raises:
        ServeError: ``app`` is no server.
        ConfigError: The session key cannot be read, or is too short.
    """
    key = read_session_key(deployment.session_key_file) or session_key
    server, sealer = lowlevel_of(app, key), Sealer(key)
    return ServerHandle(
        server,
        broker.open_bus(deployment),
        config,
        deployment=deployment.name,
        shared=Shared(
            sealer=sealer,
            answers=open_answers(deployment),
            claim_checks=open_claim_checks(deployment),
        ),
        drain_seconds=drain_seconds,
        on_stop=on_stop,
    )


def _assignments(
    path: str, deployment: Deployment, worker_ids: Sequence[str], *, tuning: Tuning
) -> list[Assignment]:
    """What each process is to do; makes their control queues."""
    # Without a key of the deployment's, sessions last as long as the pool.
    own_key = os.urandom(MIN_KEY_BYTES) if deployment.session_key_file is None else None
    # Not left to the workers, which would fail one by one.
    read_session_key(deployment.session_key_file)
    message_limit_bytes = broker.topic_limit_bytes(deployment)
    found: list[Assignment] = []
    for worker_id in worker_ids:
        assignment = Assignment(
            app=path,
            deployment=deployment,
            worker_id=worker_id,
            control_queue_url=broker.ensure_worker(deployment, worker_id),
            message_limit_bytes=message_limit_bytes,
            max_in_flight=tuning.max_in_flight,
            lease_seconds=tuning.lease_seconds,
            drain_seconds=tuning.drain_seconds,
            session_key=own_key,
            import_path=tuple(sys.path),
        )
        found.append(assignment)
    return found


def _ours(deployment: Deployment) -> Deployment:
    """A deployment whose servers are ours.

    Raises:
        ConfigError: They are not; clients there would wait for what we do not say.
    """
    if deployment.dialect != OUR_DIALECT:
        raise ConfigError(
            f"the servers of {deployment.name!r} are those of the {deployment.dialect} package; to "
            f"serve there, give the deployment the dialect {OUR_DIALECT!r}"
        )
    return deployment


def _importable(app: App) -> str:
    """The path of an app that another process can import.

    Raises:
        ConfigError: It is an object of this process.
        ServeError: It is no such path.
    """
    if not isinstance(app, str):
        raise ConfigError(
            f"worker processes import what they serve, and {type(app).__name__} is an object of "
            'this process: put it into a module and give "package.module:attribute", or serve it '
            "with workers=0"
        )
    split_path(app)
    return app


def _register(server: RunningServer) -> None:
    registry.servers.add(server)
    registry.forget_tools_of(server.deployment)


def _remove_workers(deployment: Deployment, worker_ids: Sequence[str]) -> None:
    for worker_id in worker_ids:
        try:
            broker.remove_worker(deployment, worker_id)
        except AsyncMcpError as exc:
            logger.info("control queue of worker %s stays behind: %s", worker_id, plain(exc))

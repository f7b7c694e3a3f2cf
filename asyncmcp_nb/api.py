"""The composition root: deployments, buses, ledgers, sessions and servers are put together."""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, WeakValueDictionary

import anyio.to_thread
from mcp_types import Implementation

from asyncmcp_nb import broker
from asyncmcp_nb._version import __version__
from asyncmcp_nb.config import (
    Deployment,
    Era,
    SnsSqsTransportConfig,
    default_profile,
    load_profile,
)
from asyncmcp_nb.errors import AsyncMcpError, ConfigError
from asyncmcp_nb.ledger import CallRecord, Ledger
from asyncmcp_nb.server.adapt import App, lowlevel_of
from asyncmcp_nb.server.handle import ServerHandle
from asyncmcp_nb.server.identity import new_worker_id
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.seat import take_seat
from asyncmcp_nb.session.session import Session

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

Where = Deployment | str | None
"""A deployment, a profile's name, or None: ``ASYNCMCP_NB_PROFILE``, else the embedded broker."""

_sessions: WeakValueDictionary[tuple[str, str | None], Session] = WeakValueDictionary()
"""Open sessions of this process by deployment and the name asked for."""
_servers: WeakSet[ServerHandle] = WeakSet()


def resolve(where: Where = None) -> Deployment:
    """The deployment that is meant; starts the embedded broker where that is it. Blocks.

    Raises:
        ProfileNotFound: No profile of that name.
        ConfigError: The profile is unusable.
        BrokerError: The embedded broker did not start.
        MissingDependency: The embedded broker needs moto, which is not installed.
    """
    if isinstance(where, Deployment):
        return where
    profile = where or default_profile()
    return broker.embedded() if profile is None else load_profile(profile)


# -- sessions -------------------------------------------------------------------------------------


def connect(
    where: Where = None,
    *,
    name: str | None = None,
    era: Era = "2026-07-28",
    ledger: str | Path | None = None,
    **client_options: Any,
) -> Connecting:
    """Connect to the MCP servers of a deployment.

    ::

        session = await connect()                  # in a notebook or coroutine
        async with connect("staging") as session: ...
        with connect(name="nightly") as session:   # in a script without a loop

    In the 2026 era it returns though no server is there: calls wait in the queue. Connecting again
    under the same name finds the calls of before; doing so in one process closes the former
    session.

    Args:
        where: A deployment, a profile's name, or nothing for the embedded broker.
        name: The client's name: its queue and its ledger. Made from the notebook's path by default.
        era: MCP revision to speak. ``2025-11-25`` waits for a server's handshake.
        ledger: The ledger's file, or ``":memory:"``; in the user's data directory by default.
        **client_options: Further arguments of the SDK's ``Client``, such as
            ``elicitation_callback``, ``sampling_callback``, ``list_roots_callback``,
            ``logging_callback``, ``message_handler``.

    Returns:
        What to await or enter.

    Raises:
        AsyncMcpError: When awaited or entered: ``ProfileNotFound``, ``ConfigError``, ``NameInUse``,
            ``BrokerError``, ``BusUnavailable``, ``BusDenied``, ``LedgerError``,
            ``MissingDependency``.
    """
    return Connecting(partial(_assemble, where, name, era, ledger, client_options), where, name)


class Connecting:
    """A session to be: await it, or use it as a context manager, async or (without a loop) sync."""

    def __init__(
        self, assemble: Callable[[], SessionParts], where: Where, name: str | None
    ) -> None:
        self._assemble = assemble
        self._where = where
        self._name = name
        self._session: Session | None = None

    def __repr__(self) -> str:
        return "<a session to be: `await` it, or use it in a `with` or `async with` statement>"

    def __await__(self) -> Generator[Any, Any, Session]:
        return self._open().__await__()

    async def __aenter__(self) -> Session:
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def __enter__(self) -> Session:
        if _is_loop_running():
            raise ConfigError("a loop is running here: use `await connect(...)` or `async with`")
        home = Home.in_thread()
        try:
            self._session = home.wait_for(partial(self._open, home))
        except BaseException:
            home.stop()
            raise
        return self._session

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            self._session.close_blocking()

    async def _open(self, home: Home | None = None) -> Session:
        deployment = await anyio.to_thread.run_sync(resolve, self._where)
        key = (deployment.name, self._name)
        former = _sessions.get(key)
        if former is not None:
            await former.close()
        parts = await anyio.to_thread.run_sync(self._assemble)
        session = Session(parts, home or Home.here())
        try:
            await session.open()
        except BaseException:
            await session.close()
            raise
        _sessions[key] = session
        return session


def _assemble(where: Where, name: str | None, era: Era, *rest: Any) -> SessionParts:
    ledger_file, options = rest
    deployment = resolve(where)
    seat = take_seat(deployment, name, ledger_file)
    try:
        queue_url = broker.ensure_client(deployment, seat.name)
        limit_bytes = broker.topic_limit_bytes(deployment)
        ledger = Ledger.open(seat.ledger_path)
    except BaseException:
        seat.release()
        raise
    return SessionParts(
        name=seat.name,
        deployment=deployment.name,
        endpoint=deployment.endpoint_url or deployment.region,
        era=era,
        bus=broker.open_bus(deployment),
        config=SnsSqsTransportConfig(
            sqs_queue_url=queue_url,
            sns_topic_arn=deployment.request_topic_arn,
            client_id=seat.name,
            message_limit_bytes=limit_bytes,
        ),
        ledger=ledger,
        views=PandasViews(),
        client_options={
            "client_info": Implementation(name="asyncmcp-nb", version=__version__),
            **options,
        },
        panel=_panel,
        on_close=seat.release,
    )


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _panel(session: Session) -> Any:
    from asyncmcp_nb.ui.panel import Panel

    return Panel(session)


class PandasViews:
    """The log's views, with pandas imported when one is asked for."""

    def frame(self, records: Sequence[CallRecord]) -> pd.DataFrame:
        """See ``LogViews.frame``."""
        from asyncmcp_nb.frame import to_frame

        return to_frame(records)

    def results(self, records: Sequence[CallRecord]) -> pd.DataFrame:
        """See ``LogViews.results``."""
        from asyncmcp_nb.frame import to_results

        return to_results(records)

    def export(self, records: Sequence[CallRecord], path: Path, redact: Any) -> Path:
        """See ``LogViews.export``."""
        from asyncmcp_nb.frame import export

        return export(records, path, redact=redact)

    def timeline(self, records: Sequence[CallRecord]) -> Any:
        """See ``LogViews.timeline``."""
        from asyncmcp_nb.frame import timeline

        return timeline(records)

    def join(self, source: Any, records: Sequence[CallRecord]) -> pd.DataFrame:
        """See ``LogViews.join``."""
        from asyncmcp_nb.frame import join_answers

        return join_answers(source, records)


# -- servers --------------------------------------------------------------------------------------


def serve(
    app: App, where: Where = None, *, workers: int = 0, max_in_flight: int = 64
) -> ServerHandle:
    """Serve an MCP server's tools over a deployment's queues, in a thread of this process.

    Args:
        app: ``MCPServer``, low-level ``Server``, or ``"package.module:attribute"``.
        where: A deployment, a profile's name, or nothing for the embedded broker.
        workers: 0 for a thread of this process. Worker processes are not available in this version.
        max_in_flight: Requests worked on at a time; further ones stay in the queue for other
            workers.

    Returns:
        A handle with ``status`` and ``stop()``; also a context manager.

    Raises:
        ServeError: ``app`` is no server, or its lifespan failed.
        ConfigError: ``workers`` is not 0, or ``max_in_flight`` is below 1.
        AsyncMcpError: The deployment cannot be found or reached, as ``connect`` says.
    """
    if workers != 0:
        raise ConfigError(
            "this version serves in a thread (workers=0); for more, start more processes that "
            "serve the same deployment: they share the queue"
        )
    server = lowlevel_of(app)
    deployment = resolve(where)
    worker_id = new_worker_id()
    control_queue_url = broker.ensure_worker(deployment, worker_id)
    handle = ServerHandle(
        server,
        broker.open_bus(deployment),
        SnsSqsTransportConfig(
            sqs_queue_url=deployment.server_queue_url,
            sns_topic_arn=deployment.response_topic_arn,
            dead_letter_queue_url=deployment.dead_letter_queue_url,
            control_queue_url=control_queue_url,
            worker_id=worker_id,
            allowed_reply_topics=deployment.allowed_reply_topics,
            message_limit_bytes=broker.topic_limit_bytes(deployment),
            max_in_flight=max_in_flight,
        ),
        deployment=deployment.name,
        sealer=Sealer.from_file(deployment.session_key_file),
        on_stop=partial(_remove_worker, deployment, worker_id),
    )
    handle.start()
    _servers.add(handle)
    for session in list(_sessions.values()):
        if not session.is_closed and session.deployment == deployment.name:
            session.forget_tools()
    return handle


def _remove_worker(deployment: Deployment, worker_id: str) -> None:
    try:
        broker.remove_worker(deployment, worker_id)
    except AsyncMcpError as exc:
        logger.info("control queue of worker %s stays behind: %s", worker_id, exc)


@atexit.register
def _close_all() -> None:
    """Flush acknowledgements and hand back requests when the process ends in an orderly way."""
    for handle in list(_servers):
        handle.stop(timeout=2.0)
    for session in list(_sessions.values()):
        session.flush()

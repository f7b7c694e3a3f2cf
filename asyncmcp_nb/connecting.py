"""Starting sessions: a deployment, its bus, a name and a ledger put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from difflib import get_close_matches
from functools import partial
from inspect import signature
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import anyio.to_thread
from mcp import Client
from mcp_types import Implementation

from asyncmcp_nb import broker, person, registry
from asyncmcp_nb._version import __version__
from asyncmcp_nb.config import OUR_DIALECT, Deployment, Era, SnsSqsTransportConfig
from asyncmcp_nb.displays import WidgetDisplays
from asyncmcp_nb.errors import ConfigError, HandshakeTimedOut
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.places import Where, open_claim_checks, resolve
from asyncmcp_nb.session.envelope import HANDSHAKE_ERA
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.parts import HANDSHAKE_SECONDS, SessionParts
from asyncmcp_nb.session.policy import Fixed, OnQuestion, Policies, Roots
from asyncmcp_nb.session.seat import take_seat
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.views import PandasViews

_AWAIT_IT: Final = "await it first: session = await connect(...)"

_OURS: Final = frozenset({"server", "mode", "message_handler"})
"""What the SDK's client is given by us, and by nobody else."""


def connect(
    where: Where = None,
    *,
    name: str | None = None,
    era: Era = "2026-07-28",
    ledger: str | Path | None = None,
    timeout: float = HANDSHAKE_SECONDS,
    on_elicit: OnQuestion | Fixed | None = None,
    on_sample: OnQuestion | Fixed | None = None,
    roots: Roots | OnQuestion | Fixed | None = None,
    **client_options: Any,
) -> Connecting:
    """Connect to the MCP servers of a deployment.

    ::

        session = await connect()                  # in a notebook or coroutine
        async with connect("staging") as session: ...
        with connect(name="nightly") as session:   # in a script without a loop

    In the 2026 era it returns though no server is there: calls wait in the queue. Connecting again
    under the same name finds the calls of before, and in one process closes the former session.

    Args:
        where: A deployment, a profile's name, or nothing for the embedded broker.
        name: The client's name: its queue and its ledger. Made from the notebook's path by default.
        era: MCP revision to speak. ``2025-11-25`` waits for a server's handshake, and is the only
            one for a deployment of the dialect ``asyncmcp``.
        ledger: The ledger's file, which one session at a time may have, or ``":memory:"``; in the
            user's data directory by default.
        timeout: Seconds to wait for the handshake.
        on_elicit: Answers what servers ask: a function of a ``Question``, plain or async, that
            returns the content to accept with (``True`` for none), None to decline, or a
            ``Reply``. Or ``"ask"`` a person, by ``session.questions``: the default in a notebook
            that somebody has open. Or ``"decline"``, the default elsewhere; the log says so.
        on_sample: Likewise for the words of a model: a text, or a dict of ``text`` and ``model``.
        roots: Folders that servers may use: paths or addresses, or likewise a function.
        **client_options: Further arguments of the SDK's ``Client``, others are refused at once. Its
            callbacks, such as ``elicitation_callback``, answer in place of the three above.

    Returns:
        What to await or enter.

    Raises:
        AsyncMcpError: When awaited or entered: ``ProfileNotFound``, ``ConfigError``, ``NameInUse``,
            ``LedgerInUse``, ``LedgerError``, ``BrokerError``, ``BusUnavailable``, ``BusDenied``,
            ``MissingDependency``, ``HandshakeTimedOut``.
    """
    assemble = partial(
        _assemble,
        name=name,
        era=era,
        ledger_file=ledger,
        handshake_seconds=timeout,
        policies=Policies(
            on_elicit=on_elicit, on_sample=on_sample, roots=roots, has_person=person.is_there()
        ),
        client_options=_known(client_options),
    )
    return Connecting(assemble, where, name)


class Connecting:
    """A session to be: await it, or use it as a context manager, async or (without a loop) sync."""

    def __init__(
        self, assemble: Callable[[Deployment], SessionParts], where: Where, name: str | None
    ) -> None:
        self._assemble = assemble
        self._where = where
        self._name = name
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"<no session yet: {_AWAIT_IT}, or use it in a `with` or `async with` statement>"

    def __getattr__(self, name: str) -> Any:
        # Names with an underscore are Python's and IPython's own, who only try whether they exist.
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(f"no session yet, and so no {name!r}; {_AWAIT_IT}")

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
        home = home or Home.here()
        deployment = await anyio.to_thread.run_sync(resolve, self._where)
        key = (deployment.name, self._name)
        former = registry.sessions.get(key)
        if former is not None:
            await former.close()
        parts = await anyio.to_thread.run_sync(self._assemble, deployment)
        session = Session(parts, home)
        try:
            await session.open()
        except BaseException as exc:
            await session.close()
            if isinstance(exc, TimeoutError):
                raise HandshakeTimedOut(_nobody(deployment, parts)) from None
            raise
        registry.sessions[key] = session
        return session


def _known(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options that the SDK's client takes of others; what it does not is refused."""
    taken = signature(Client).parameters.keys() - _OURS
    unknown = [name for name in given if name not in taken]
    if not unknown:
        return given
    own = [name for name in signature(connect).parameters if name != "client_options"]
    near = get_close_matches(unknown[0], [*own, *sorted(taken)], n=1)
    hint = f", did you mean {near[0]!r}?" if near else f"; there are: {', '.join(own)}"
    raise ConfigError(f"connect() has no option {unknown[0]!r}{hint}")


def _assemble(
    deployment: Deployment,
    *,
    name: str | None,
    era: Era,
    ledger_file: str | Path | None,
    handshake_seconds: float,
    policies: Policies,
    client_options: Mapping[str, Any],
) -> SessionParts:
    if deployment.dialect != OUR_DIALECT and era != HANDSHAKE_ERA:
        raise ConfigError(
            f"the servers of {deployment.name!r} are those of the asyncmcp package and speak "
            f"{HANDSHAKE_ERA}: connect(..., era={HANDSHAKE_ERA!r})"
        )
    with ExitStack() as opened:
        seat = take_seat(deployment, name, ledger_file)
        opened.callback(seat.release)
        config = _client_config(deployment, seat.name)
        ledger = opened.enter_context(Ledger.open(seat.ledger_path))
        bus = opened.enter_context(closing(broker.open_bus(deployment)))
        claim_checks = open_claim_checks(deployment)
        opened.pop_all()
    return SessionParts(
        name=seat.name,
        deployment=deployment.name,
        endpoint=deployment.endpoint_url or deployment.region,
        era=era,
        handshake_seconds=handshake_seconds,
        bus=bus,
        claim_checks=claim_checks,
        config=config,
        server_queue_url=deployment.server_queue_url,
        dead_letter_queue_url=deployment.dead_letter_queue_url,
        ledger=ledger,
        views=PandasViews(),
        policies=policies,
        client_options={
            "client_info": Implementation(name="asyncmcp-nb", version=__version__),
            **client_options,
        },
        displays=WidgetDisplays(),
        on_close=seat.release,
    )


def _client_config(deployment: Deployment, name: str) -> SnsSqsTransportConfig:
    """How a client of this name reaches a deployment; makes its queue."""
    return SnsSqsTransportConfig(
        sqs_queue_url=broker.ensure_client(deployment, name),
        sns_topic_arn=deployment.request_topic_arn,
        client_id=name,
        dialect=deployment.dialect,
        reply_topic_arn=broker.reply_topic_arn(deployment, name),
        signing_keys=deployment.signing_keys,
        message_limit_bytes=broker.topic_limit_bytes(deployment),
    )


def _nobody(deployment: Deployment, parts: SessionParts) -> str:
    """That no server answered the handshake, and what to do about it."""
    if deployment.dialect == OUR_DIALECT:
        step = "start one with %%mcp serve, serve(app) or `asyncmcp-nb serve module:app`"
    else:
        step = (
            f"start one of the asyncmcp package, which reads {deployment.server_queue_url} and may "
            f"publish to {parts.config.reply_topic_arn}"
        )
    return (
        f"no server of {deployment.name!r} answered the handshake within "
        f"{parts.handshake_seconds:g} s; {step}, or wait longer with connect(..., timeout=)"
    )


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

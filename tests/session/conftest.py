"""A session on the memory bus, with the worker in the same loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from mcp.server.lowlevel.server import Server
from mcp_types import Implementation

from asyncmcp_nb.bus import BusStatistics
from asyncmcp_nb.config import SnsSqsTransportConfig
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.ledger.store import BUSY_SECONDS
from asyncmcp_nb.server.host import hosting
from asyncmcp_nb.server.sealing import Sealer
from asyncmcp_nb.session.home import Home
from asyncmcp_nb.session.parts import SessionParts
from asyncmcp_nb.session.policy import Policies
from asyncmcp_nb.session.session import Session
from asyncmcp_nb.sns_sqs.messages import ClaimChecks
from asyncmcp_nb.views import PandasViews
from tests.helpers import (
    DEAD_LETTERS,
    MODERN,
    SERVER_QUEUE,
    MemoryDeployment,
    memory_deployment,
)

SETTINGS = {field.name for field in fields(SnsSqsTransportConfig)}
"""Options of a session here that are its transport's."""


class KeptOpen:
    """A bus that its session may close without ending it for the others."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        for name in ("publish", "receive", "ack", "extend", "send", "measure"):
            setattr(self, name, getattr(bus, name))

    def statistics(self) -> BusStatistics:
        return self._bus.statistics()

    def close(self) -> None:
        """Leave it open."""


class Stage:
    """A deployment, a ledger file, and sessions and workers to put on them."""

    def __init__(self, deployment: MemoryDeployment, folder: Path, stack: AsyncExitStack) -> None:
        self.deployment = deployment
        self.ledger_file = folder / "calls.sqlite"
        self._stack = stack
        self._sealer = Sealer()

    async def session(self, name: str = "alice", **options: Any) -> Session:
        """An open session; it is closed at the end of the test."""
        session = Session(self.parts(name, **options), Home.here())
        self._stack.push_async_callback(session.close)
        return await session.open()

    def parts(self, name: str = "alice", *, era: str = MODERN, **options: Any) -> SessionParts:
        """What a session here is made of."""
        config = {key: options.pop(key) for key in list(options) if key in SETTINGS}
        bus = options.pop("bus", self.deployment.bus)
        claim_checks = options.pop("claim_checks", None)
        return SessionParts(
            name=name,
            deployment="stage",
            endpoint="memory",
            era=era,
            bus=KeptOpen(bus),  # type: ignore[arg-type] # forwards all of it
            claim_checks=claim_checks,
            config=self.deployment.client(name, **config),
            server_queue_url=SERVER_QUEUE,
            dead_letter_queue_url=DEAD_LETTERS,
            ledger=Ledger.open(
                options.pop("ledger", self.ledger_file),
                busy_seconds=options.pop("busy_seconds", BUSY_SECONDS),
            ),
            views=PandasViews(),
            policies=options.pop("policies", Policies()),
            client_options={"client_info": Implementation(name="tests", version="1"), **options},
        )

    async def serve(self, server: Server[Any], **settings: Any) -> None:
        """Serve until the end of the test."""
        await self._stack.enter_async_context(self.serving(server, **settings))

    @asynccontextmanager
    async def serving(
        self, server: Server[Any], *, claim_checks: ClaimChecks | None = None, **settings: Any
    ) -> AsyncGenerator[None]:
        """Serve within a block."""
        config = self.deployment.server(**settings)
        async with hosting(
            server, self.deployment.bus, config, sealer=self._sealer, claim_checks=claim_checks
        ):
            yield


@pytest.fixture
def memory() -> Iterator[MemoryDeployment]:
    with memory_deployment() as made:
        yield made


@pytest.fixture
async def stage(memory: MemoryDeployment, tmp_path: Path) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(memory, tmp_path, stack)

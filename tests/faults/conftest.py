"""Sessions in this loop, workers in threads, and a bus between them that misbehaves as told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio
import pytest
from mcp_types import CallToolResult

from asyncmcp_nb.bus import Faults
from asyncmcp_nb.session.session import Session
from tests.faults.crew import Crew
from tests.helpers import memory_deployment, no_threads_left
from tests.session.conftest import Stage

PATIENCE_SECONDS = 30.0
MEASURED = "measured"
"""A test's property that is printed at the end of the run."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if name == MEASURED:
                terminalreporter.write_line(str(value))


class Floor:
    """One deployment on the memory bus: its sessions and its workers."""

    def __init__(self, stage: Stage, crew: Crew) -> None:
        self.stage = stage
        self.crew = crew
        self.bus = stage.deployment.bus
        self.runs = crew.runs

    async def session(self, name: str = "alice", **options: Any) -> Session:
        """A session; equal names share a ledger."""
        self.stage.ledger_file = self.stage.ledger_file.with_name(f"{name}.sqlite")
        return await self.stage.session(name, **options)


class OpenFloor(Protocol):
    """Makes a floor; everything on it is closed afterwards, and no thread is left."""

    def __call__(self, faults: Faults | None = None, /, **settings: Any) -> Any: ...


@pytest.fixture
def open_floor(tmp_path: Path) -> OpenFloor:
    @asynccontextmanager
    async def opened(faults: Faults | None = None, /, **settings: Any) -> AsyncGenerator[Floor]:
        with no_threads_left(), memory_deployment(faults) as deployment:
            crew = Crew(deployment, **settings)
            try:
                async with AsyncExitStack() as stack:
                    yield Floor(Stage(deployment, tmp_path, stack), crew)
            finally:
                await anyio.to_thread.run_sync(crew.close)

    return opened


async def answers_of(session: Session, call_ids: Sequence[str]) -> list[CallToolResult]:
    """What calls come to, within the patience of a test."""
    with anyio.fail_after(PATIENCE_SECONDS):
        return [await session.get(call_id) for call_id in call_ids]


def each_delivered_once(session: Session, call_ids: Sequence[str]) -> bool:
    """Whether no answer came a second time."""
    return {session.get(call_id).record.deliveries for call_id in call_ids} == {1}

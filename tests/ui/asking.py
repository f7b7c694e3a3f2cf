"""A session whose server asks back, with a person to answer."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from mcp_types import ListToolsResult, PaginatedRequestParams, Tool

from asyncmcp_nb.session import Call, Policies, Session
from tests.helpers import eventually, memory_deployment
from tests.session.asking_servers import asking_server
from tests.session.conftest import Stage

PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def asking_session(folder: Path) -> AsyncGenerator[Session]:
    """It asks what ``ask`` is told to: kinds of questions."""
    with memory_deployment() as made:
        async with AsyncExitStack() as stack:
            stage = Stage(made, folder, stack)
            await stage.serve(asking_server(on_list_tools=list_tools))
            yield await stage.session(policies=Policies(has_person=True))


async def list_tools(_: object, __: PaginatedRequestParams | None) -> ListToolsResult:
    """The one tool."""
    return ListToolsResult(tools=[Tool(name="ask", input_schema={"type": "object"})])


def until(holds: Callable[[], bool]) -> None:
    """Wait, blocking the loop, until something that another thread does has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)


async def asked(session: Session, *kinds: str) -> Call:
    """A call that waits for answers to questions of these kinds."""
    call = session.submit("ask", kinds=list(kinds))
    await eventually(lambda: len(session.questions.open(call.id)) == len(kinds))
    return call


async def told(call: Call) -> dict[str, object]:
    """What the server was told of each kind."""
    content: dict[str, dict[str, object]] = (await call).structured_content or {}
    return content["said"]

"""Displays of session types in IPython: registered by name, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from mcp_types import Tool

from asyncmcp_nb.session import Session, ToolList
from asyncmcp_nb.ui.display import DISPLAYS, Display, register, unregister
from asyncmcp_nb.ui.still import session as session_html
from tests.helpers import memory_deployment
from tests.session.conftest import Stage
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page, result, said


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Session]:
    """A session that no server has answered."""
    with memory_deployment() as memory:
        async with AsyncExitStack() as stack:
            yield await Stage(memory, tmp_path, stack).session()


@pytest.fixture
def shell() -> Iterator[Any]:
    made: Any = InteractiveShell()
    register(made)
    yield made
    unregister(made)
    made.history_manager.end_session()


def shown(shell: Any, value: Any) -> dict[str, str]:
    bundle, _ = shell.display_formatter.format(value)
    return bundle


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: display.name)
def test_every_type_is_where_its_display_looks_for_it(display: Display) -> None:
    found = getattr(import_module(display.module), display.name)

    assert (found.__module__, found.__name__) == (display.module, display.name)


async def test_every_object_of_a_session_has_html_and_text(shell: Any, session: Session) -> None:
    call = session.submit("echo", text=HOSTILE)
    answer = await call
    group = session.map("echo", [HOSTILE])
    await group
    tools = session.tools
    assert tools is not None

    for value in (call, answer, group, tools, tools[0], session, session.status, session.log):
        bundle = shown(shell, value)
        assert page(bundle["text/html"]).text
        assert bundle["text/plain"]


async def test_a_terminal_gets_no_widget_and_makes_none(shell: Any, session: Session) -> None:
    widgets: dict[str, Any] = import_module("ipywidgets.widgets.widget")._instances
    before = len(widgets)
    call = session.submit("echo", text="x")
    bundles = [shown(shell, value) for value in (session, call)]

    assert [set(bundle) for bundle in bundles] == [{"text/html", "text/plain"}] * 2
    assert len(widgets) == before


async def test_a_bare_session_is_status_tools_and_calls(shell: Any, session: Session) -> None:
    call = session.submit("echo", text=HOSTILE)
    await call
    bundle = shown(shell, session)
    await session.close()
    closed = shown(shell, session)

    seen = page(bundle["text/html"]).text
    for words in ("connected", "Tools (2)", "echo(text: string)", call.id):
        assert words in seen
    for words in ("connected", "echo(text: string)", call.id):
        assert words in bundle["text/plain"]
    assert "%mcp connect" in page(closed["text/html"]).text
    assert closed["text/plain"].startswith("<Session ui@")


async def test_many_tools_are_counted_in_the_text_and_not_all_named(alone: Session) -> None:
    alone._engine.catalogue.tools = ToolList(  # pyright: ignore[reportPrivateUsage] # as if answered
        Tool(name=f"tool_{number}", input_schema={}) for number in range(50)
    )

    lines = session_html.session_text(alone).splitlines()

    assert sum(line.startswith("tool_") for line in lines) == 8
    assert "… and 42 more tools" in lines


def test_an_answer_is_its_words(shell: Any) -> None:
    assert shown(shell, result(said("hello")))["text/plain"] == "hello"


def test_unregistering_leaves_pythons_own(shell: Any) -> None:
    unregister(shell)
    bundle = shown(shell, result(said("hello")))

    assert "text/html" not in bundle
    assert bundle["text/plain"].startswith("CallToolResult(")

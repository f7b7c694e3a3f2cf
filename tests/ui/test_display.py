"""Displays of session types in IPython: registered by name, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.display import DISPLAYS, Display, register, unregister
from tests.ui.conftest import HOSTILE
from tests.ui.test_renderers import page, result, said


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


def test_an_answer_is_its_words(shell: Any) -> None:
    assert shown(shell, result(said("hello")))["text/plain"] == "hello"


def test_unregistering_leaves_pythons_own(shell: Any) -> None:
    unregister(shell)
    bundle = shown(shell, result(said("hello")))

    assert "text/html" not in bundle
    assert bundle["text/plain"].startswith("CallToolResult(")

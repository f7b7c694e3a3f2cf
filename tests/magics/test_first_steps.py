"""What somebody meets on the first day: names they were shown, a forgotten word, no server yet."""

from __future__ import annotations

import pytest

from tests.magics.conftest import Notebook

pytestmark = pytest.mark.moto


@pytest.fixture(scope="module")
def alone(notebook: Notebook) -> Notebook:
    """A notebook that is connected, and no server is there."""
    notebook.ok("from asyncmcp_nb import connect\nsession = connect(name='first')")
    bound = notebook.ok("%mcp connect local --name first")
    assert "first@local" in bound.said
    return notebook


def test_a_session_that_was_not_awaited_gives_way_to_that_of_connect(alone: Notebook) -> None:
    assert alone.value("session.name") == "'first'"


def test_local_names_the_embedded_broker(alone: Notebook) -> None:
    assert alone.value("session.deployment") == "'local'"
    assert alone.complete("%mcp connect loc") == ["%mcp connect local"]

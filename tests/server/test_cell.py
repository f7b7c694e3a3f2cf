"""A cell's functions as tools."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from mcp.client import Client
from mcp_types import TextContent

from asyncmcp_nb.errors import ServeError
from asyncmcp_nb.server.cell import CellFunctions, functions_of, make_app

CELL = '''
import math
from os import getcwd

LIMIT = 7

def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b

async def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()

def helper(x):
    return x

def _hidden():
    """Not for others."""

class Thing:
    def method(self):
        """Not at the top."""
'''


def run(source: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "cell"}
    exec(source, namespace)  # noqa: S102 - a cell is code that its author runs
    return namespace


def test_public_functions_with_a_docstring_are_tools() -> None:
    assert functions_of(CELL) == CellFunctions(tools=("add", "shout"), undocumented=("helper",))


def test_looking_for_functions_does_not_run_the_cell() -> None:
    source = 'raise ZeroDivisionError\ndef tool():\n    """A tool."""'

    assert functions_of(source).tools == ("tool",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def broken(:", "line 1 of the cell is not Python"),
        ("x = 1", "nothing to serve: the cell defines no function"),
        ("", "nothing to serve: the cell defines no function"),
        ("def plain():\n    return 1", "nothing to serve: plain has no docstring"),
        ('def _own():\n    """Own."""', "nothing to serve: the cell defines no function"),
    ],
)
def test_a_cell_without_a_tool_is_refused_with_the_reason(source: str, reason: str) -> None:
    with pytest.raises(ServeError) as caught:
        functions_of(source)

    assert str(caught.value).startswith(reason)


async def test_the_tools_of_a_cell_can_be_called() -> None:
    app = make_app("cell", functions_of(CELL).tools, run(CELL))

    async with Client(app) as client:
        tools = {tool.name: tool.description for tool in (await client.list_tools()).tools}
        total = await client.call_tool("add", {"a": 20, "b": 22})
        loud = await client.call_tool("shout", {"text": "hey"})

    assert (app.name, tools) == ("cell", {"add": "Add two numbers.", "shout": "Say it louder."})
    assert (total.structured_content, loud.structured_content) == (
        {"result": 42},
        {"result": "HEY"},
    )


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ("int: return 'x'", "does not fit its annotation: result: Input should be a valid integer"),
        ("list[int]: return [1, 0.5]", "does not fit its annotation: result.1: Input should be a"),
        ("'bytes': return b'\\xff'", "is not JSON: "),
    ],
)
async def test_a_result_that_its_annotation_denies_is_told_of(result: str, told: str) -> None:
    app = make_app("cell", ("tool",), run(f"def tool() -> {result}"))

    async with Client(app) as client:
        answer = await client.call_tool("tool", {})

    (text,) = answer.content
    assert isinstance(text, TextContent)
    assert answer.is_error
    assert text.text.startswith(f"Error executing tool tool: its result {told}")


@pytest.mark.parametrize("value", [None, 7, "text"])
def test_a_name_that_is_no_function_any_more_is_refused(value: Any) -> None:
    with pytest.raises(ServeError, match="tool is not a function after the cell ran"):
        make_app("cell", ("tool",), {"tool": value})


@pytest.mark.parametrize(
    "source",
    [
        'def tool(x: "NoSuchType"):\n    """A tool."""',
        'def tool(_own: int):\n    """A tool."""',
        'class Odd: ...\ndef tool(x: Odd):\n    """A tool."""',
    ],
)
def test_a_signature_that_makes_no_schema_is_refused(source: str) -> None:
    with pytest.raises(ServeError, match="tool cannot be a tool"):
        make_app("cell", ("tool",), run(source))


def test_making_a_server_leaves_the_processs_logging_alone() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    make_app("cell", ("add",), run(CELL))

    assert (list(root.handlers), root.level) == before

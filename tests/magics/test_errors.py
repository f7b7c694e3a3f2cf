"""Errors as one line: whoever wrote them, they stay words."""

from __future__ import annotations

import os

import pytest

from asyncmcp_nb.errors import AsyncMcpError, CallFailed
from asyncmcp_nb.magics.errors import OneLineError, ToolAnsweredError, nearest, variables

HOSTILE = "\x1b[31mred\x1b]8;;http://192.0.2.1\x07\n\u202egpj.exe\x00"
SPELLED = "\\u001b[31mred\\u001b]8;;http://192.0.2.1\\u0007 \\u202egpj.exe\\u0000"


@pytest.mark.parametrize("error", [ToolAnsweredError(HOSTILE), CallFailed(HOSTILE, code=-32000)])
def test_what_a_server_says_reaches_no_terminal_but_as_words(error: AsyncMcpError) -> None:
    assert str(OneLineError(error)) == SPELLED


def test_so_does_an_exception_that_a_traceback_shows() -> None:
    assert str(CallFailed(HOSTILE, code=-32000)) == SPELLED.replace(" ", "\n")


def test_a_line_of_a_megabyte_is_cut_and_says_where_the_rest_is() -> None:
    line = str(OneLineError(ToolAnsweredError("y" * 1_000_000)))

    assert line == "y" * 600 + "… (%mcp tb has the rest)"


def test_names_that_are_not_listed_are_counted() -> None:
    names = [f"tool_{number}" for number in range(17)]

    told = nearest("zzz", names)

    assert (told.startswith("; there are: tool_0, "), told.endswith("tool_14 and 2 more")) == (
        True,
    ) * 2


def test_only_variables_are_named_to_who_mistypes_one() -> None:
    names: dict[str, object] = {
        "In": [],
        "Out": {},
        "_": 1,
        "os": os,
        "open": open,
        "str": str,
        "frame": [1],
        "n": 2,
    }

    assert variables(names) == ["frame", "n"]

"""The text of a cell that makes a call makes that call."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types import Tool

from asyncmcp_nb.errors import InvalidArguments
from asyncmcp_nb.magics.coerce import arguments_of
from asyncmcp_nb.magics.commands import COMMANDS
from asyncmcp_nb.magics.interpolate import fill_json
from asyncmcp_nb.magics.parser import parse
from asyncmcp_nb.magics.words import split
from asyncmcp_nb.session.validation import check_content
from asyncmcp_nb.ui.form.codes import LINE_LENGTH, as_magic, as_python
from asyncmcp_nb.ui.form.json_text import same
from tests.ui.form.instances import Instances, anything, texts
from tests.ui.form.schemas import SCHEMAS

VARIABLES = {"x": "wrong", "name": "wrong"}
SOME = settings(max_examples=40, derandomize=True, database=None)


def run_python(code: str) -> list[Any]:
    """The tool and the arguments of a Python cell, which is read and never run."""
    (statement,) = ast.parse(code).body
    assert isinstance(statement, ast.Assign)
    assert isinstance(statement.value, ast.Call)
    assert ast.unparse(statement.value.func) == "session.submit"
    return list(map(ast.literal_eval, statement.value.args))


def run_magic(code: str, tool: Tool) -> list[Any]:
    """The same of a cell with a magic, by the magic's own parsers."""
    line, _, body = code.partition("\n")
    command, *words = split(line.removeprefix("%%mcp ").removeprefix("%mcp "))
    assert command.text == "call"
    found = COMMANDS["call"]
    if code.startswith("%%"):
        assert found.cell_grammar is not None
        name = parse(words, found.cell_grammar).words["TOOL"]
        return [name, fill_json(body, VARIABLES)]
    assert found.grammar is not None
    assert "\n" not in code
    given_words = parse(words, found.grammar)
    return [given_words.words["TOOL"], arguments_of(tool, given_words.rest, VARIABLES)]


TOOLS = {
    name: schema
    for name, schema in SCHEMAS.items()
    if isinstance(schema, dict) and (schema.get("type") == "object" or "properties" in schema)
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_magic_makes_the_call_that_it_is_the_text_of(name: str) -> None:
    schema = TOOLS[name]
    tool = Tool(name=name, input_schema=schema)

    @SOME
    @given(Instances(schema).of_root())
    def check(arguments: dict[str, Any]) -> None:
        try:
            check_content(schema, arguments)
        except InvalidArguments:
            return  # It could not be sent.
        for known in (schema, None):
            assert same(run_magic(as_magic(name, arguments, known), tool), [name, arguments])

    check()


@SOME
@given(texts, st.dictionaries(texts, anything, max_size=4))
def test_any_tool_and_arguments_are_kept(tool: str, arguments: dict[str, Any]) -> None:
    python, magic = as_python(tool, arguments), as_magic(tool, arguments)

    assert same(run_python(python), [tool, arguments])
    if tool and magic.startswith("%"):
        any_tool = Tool(name=tool, input_schema={"type": "object"})
        assert same(run_magic(magic, any_tool), [tool, arguments])
    assert all(c.isprintable() or c == "\n" for c in python + magic)


def test_short_calls_are_one_line() -> None:
    schema = {
        "properties": {"a": {"type": "integer"}, "s": {"type": "string"}, "f": {"type": "boolean"}}
    }
    arguments = {"a": 1, "s": "two words", "f": True, "b": [1, 2]}

    assert as_python("add", {"a": 1, "b": 2}) == 'call = session.submit("add", {"a": 1, "b": 2})'
    assert as_magic("add", arguments, schema) == '%mcp call add a=1 s="two words" f=true b:=[1, 2]'


def test_long_calls_are_several_lines() -> None:
    arguments = {"text": "a" * 70, "rows": [{"n": 1}, {"n": 2}]}

    assert as_python("send", arguments) == (
        'call = session.submit("send", {\n'
        f'    "text": "{"a" * 70}",\n'
        '    "rows": [{"n": 1}, {"n": 2}],\n'
        "})"
    )
    assert as_magic("send", arguments).startswith('%%mcp call send\n{\n  "text": ')
    assert all(len(line) <= LINE_LENGTH for line in as_python("send", arguments).splitlines())


def test_braces_do_not_become_variables() -> None:
    arguments = {"q": "{{x}} {{{x}}}"}

    code = as_magic("t", arguments, {"properties": {"q": {"type": "string"}}})

    assert run_magic(code, Tool(name="t", input_schema={"type": "object"}))[1] == arguments

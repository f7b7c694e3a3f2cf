"""Tools as HTML: signature, hints in words, long descriptions folded, schemas on demand."""

from __future__ import annotations

import pytest
from mcp_types import Tool, ToolAnnotations

from asyncmcp_nb.ui.still import text
from asyncmcp_nb.ui.still import tools as tool_html
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def test_tools_are_a_table_with_signature_description_and_hints() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    notes = ToolAnnotations(read_only_hint=True, destructive_hint=False)
    tools = [
        Tool(name="t", description="Line.\nMore.", input_schema=schema, annotations=notes),
        Tool(
            name=HOSTILE,
            description=HOSTILE,
            title=HOSTILE,
            input_schema={"properties": {HOSTILE: {"enum": [HOSTILE]}}},
        ),
    ]

    shown = page(tool_html.tools_html(tools)).text

    assert "t(a: integer)" in shown
    assert "read-only" in shown
    assert "destructive" not in shown
    assert text.tools_text(tools[:1]) == "t(a: integer)\n    Line."
    assert "\u202e" not in text.tools_text(tools)


def test_no_tools_are_no_tools() -> None:
    assert page(tool_html.tools_html([])).text == "no tools"
    assert text.tools_text([]) == "no tools"


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (None, []),
        (ToolAnnotations(), []),
        (ToolAnnotations(read_only_hint=True), ["read-only"]),
        (ToolAnnotations(read_only_hint=True, destructive_hint=True), ["read-only"]),
        (ToolAnnotations(read_only_hint=False), ["makes changes"]),
        (
            ToolAnnotations(destructive_hint=True, idempotent_hint=True),
            ["destructive", "idempotent"],
        ),
        (ToolAnnotations(destructive_hint=False), ["adds only"]),
        (ToolAnnotations(open_world_hint=True), ["open world"]),
        (ToolAnnotations(open_world_hint=False), ["closed world"]),
    ],
)
def test_hints_are_words_and_only_what_was_said(
    notes: ToolAnnotations | None, words: list[str]
) -> None:
    tool = Tool(name="t", input_schema={}, annotations=notes)

    assert [said for _, said in tool_html.hints_of(tool)] == words
    assert all(icon for icon, _ in tool_html.hints_of(tool))


def test_details_have_the_schemas_folded_with_their_size() -> None:
    tool = Tool(name="t", title="The T", input_schema=SCHEMA, output_schema={"type": "object"})

    shown = page(tool_html.tool_html(tool))

    assert "t The T" in shown.text
    assert "no description" in shown.text
    assert "t(a: integer)" in shown.text
    assert "Input schema (115 bytes)" in shown.text
    assert "Output schema (22 bytes)" in shown.text
    assert shown.tags.count("details") == 2
    assert "open" not in dict(shown.attributes)


def test_a_long_description_is_folded_and_a_short_one_is_not() -> None:
    long = Tool(name="t", description="The start.\n\n" + "word " * 200, input_schema={})
    short = Tool(name="t", description="The start.", input_schema={})

    assert page(tool_html.tool_details(long)).tags.count("details") == 2
    assert page(tool_html.tool_details(short)).tags.count("details") == 1
    assert "The start. … (all of it)" in page(tool_html.tool_details(long)).text


def test_a_hostile_tool_is_only_text() -> None:
    schema = {"type": "object", "properties": {HOSTILE: {"enum": [HOSTILE], "title": HOSTILE}}}
    tool = Tool(
        name=HOSTILE,
        title=HOSTILE,
        description=HOSTILE * 50,
        input_schema=schema,
        output_schema=schema,
        annotations=ToolAnnotations(title=HOSTILE, destructive_hint=True),
    )

    assert "alert" in page(tool_html.tool_html(tool)).text


def test_a_table_of_very_many_tools_says_what_it_leaves_out() -> None:
    tools = [Tool(name=f"t{number}", input_schema={}) for number in range(500)]

    shown = page(tool_html.tools_html(tools))

    assert shown.tags.count("tr") == 101
    assert "500 tools; not shown: 400 more tools" in shown.text

"""The line below an input says what is wrong in the place of the help, and keeps its room."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.ui.form.model import FormModel
from asyncmcp_nb.ui.form.node import Node
from asyncmcp_nb.ui.form_view.notes import more, notes
from tests.ui.still.test_still import page

HELPED = {"type": "integer", "maximum": 9, "description": "How many"}
LONG = "What it stands for. " * 20


def place(schema: dict[str, Any]) -> Node:
    """The only field of a form."""
    (node,) = FormModel({"type": "object", "properties": {"it": schema}}).root.children
    return node


def test_what_is_wrong_stands_before_the_description_and_in_place_of_the_limits() -> None:
    node = place(HELPED)

    before = notes(node, None, is_touched=True).markup
    wrong = notes(node, "must be at most 9", is_touched=True).markup

    assert page(before).text == "How many · at most 9"
    assert page(wrong).text == "✗must be at most 9 · How many"


def test_a_line_keeps_the_room_of_what_it_would_say_and_of_what_it_said() -> None:
    node, message = place(HELPED), "must be at most 9, and then some more"

    wrong = notes(node, message, is_touched=True, room="")
    mended = notes(node, None, is_touched=True, room=wrong.room)

    assert 'data-words="How many · at most 9"' in wrong.markup
    assert message in wrong.room
    assert f'data-words="{wrong.room}"' in mended.markup
    assert message not in page(mended.markup).text
    assert mended.room == wrong.room


@pytest.mark.parametrize(
    ("schema", "has_line"),
    [
        ({"type": "string"}, False),
        ({"type": "number"}, True),
        ({"type": "string", "minLength": 2}, True),
        ({"type": "string", "description": LONG}, False),
    ],
)
def test_room_is_kept_free_where_something_can_be_wrong(
    schema: dict[str, Any], has_line: bool
) -> None:
    assert bool(notes(place(schema), None, is_touched=False).markup) is has_line


def test_a_description_that_is_too_long_for_the_line_is_folded() -> None:
    node = place({"type": "string", "minLength": 2, "description": LONG})

    assert page(notes(node, None, is_touched=False).markup).text == "at least 2 characters"
    assert more(node.field).startswith("<details")
    assert more(place(HELPED).field) == ""


def test_what_a_server_writes_cannot_leave_the_room() -> None:
    hostile = '"><img src=x onerror=alert(1)>'

    shown = notes(place(HELPED), hostile, is_touched=True, room=hostile * 3).markup

    assert "<img" not in shown

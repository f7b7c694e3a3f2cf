"""The form of a tool: what it sends, what it never sends, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp.server.lowlevel.server import Server
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from asyncmcp_nb.session import Call, Session
from asyncmcp_nb.ui.tools.form import ToolForm
from tests.helpers import eventually, memory_deployment
from tests.session.conftest import Stage
from tests.ui.conftest import HOSTILE
from tests.ui.form.filling import at, button, come_from_page, labels, seen, words
from tests.ui.still.test_still import page

ADD = Tool(
    name="add",
    title="Add up",
    description="Adds two numbers.\n\n    In detail.",
    input_schema={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 1}},
        "required": ["a"],
    },
    annotations=ToolAnnotations(read_only_hint=True),
)
WIPE = Tool(
    name="wipe",
    input_schema={"type": "object", "properties": {"table": {"type": "string"}}},
    annotations=ToolAnnotations(destructive_hint=True),
)
RIDE = Tool(
    name="ride",
    input_schema={
        "type": "object",
        "properties": {
            "address": {
                "type": "object",
                "title": "Address",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
            "unit": {"enum": ["km", "mile"]},
        },
        "required": ["address", "unit"],
    },
)
STRANGE = Tool(
    name="strange",
    title=HOSTILE,
    description=HOSTILE,
    input_schema={"type": "object", "properties": {"x": {"type": "string", "title": HOSTILE}}},
)


class Shelf:
    """A server whose tools can be changed; each answers with its arguments."""

    def __init__(self, *tools: Tool) -> None:
        self.tools = list(tools)
        self.called: list[tuple[str, Mapping[str, Any]]] = []
        self.server: Server[Any] = Server(
            "shelf", on_list_tools=self._list, on_call_tool=self._call
        )

    async def _list(self, _: Any, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(self.tools))

    async def _call(self, _: Any, params: CallToolRequestParams) -> CallToolResult:
        self.called.append((params.name, params.arguments or {}))
        return CallToolResult(content=[TextContent(type="text", text="answered")])


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(ADD, WIPE, RIDE, STRANGE)


@pytest.fixture
async def session(shelf: Shelf, tmp_path: Path) -> AsyncIterator[Session]:
    with memory_deployment() as memory:
        async with AsyncExitStack() as stack:
            stage = Stage(memory, tmp_path, stack)
            await stage.serve(shelf.server)
            made = await stage.session()
            await made.list_tools()
            yield made


class Desk:
    """A form, and the calls that it sent."""

    def __init__(self, session: Session, tool: Tool, **values: Any) -> None:
        self.calls: list[Call] = []
        self.form = ToolForm(session, tool, values, on_submit=self.calls.append)
        self.widget: Any = self.form.widget


def is_ready(desk: Desk) -> bool:
    """Whether Send looks as if it would send."""
    send = button(desk, "Send")
    return (send.tooltip, "amcp-waits" in send._dom_classes) == ("send this call", False)


async def relist(session: Session, shelf: Shelf, *tools: Tool) -> None:
    shelf.tools = list(tools)
    await session.list_tools()


# -- sending ----------------------------------------------------------------------------------


async def test_what_is_filled_in_is_sent_and_stays_for_the_next_call(
    session: Session, shelf: Shelf
) -> None:
    desk = Desk(session, ADD)

    at(desk, "a *").value = "9007199254740993"
    button(desk, "Send").click()
    await desk.calls[0]

    assert shelf.called == [("add", {"a": 9007199254740993})]
    assert at(desk, "a *").value == "9007199254740993"
    assert f"sent as call {desk.calls[0].id}" in words(desk)


async def test_send_says_whether_it_is_ready_and_can_be_pressed_in_any_case(
    session: Session,
) -> None:
    desk = Desk(session, ADD)
    found = [(is_ready(desk), "Cannot be sent yet: a needs a value" in words(desk))]

    at(desk, "a *").value = "1"
    found.append((is_ready(desk), "Cannot be sent yet" in words(desk)))

    assert found == [(False, True), (True, False)]
    assert not button(desk, "Send").disabled


async def test_a_press_in_vain_names_what_is_missing_and_says_it_beside_the_fields(
    session: Session,
) -> None:
    desk = Desk(session, RIDE)
    before = words(desk)

    come_from_page(button(desk, "Send"))
    pressed = words(desk)
    at(desk, "city *").value = "Oslo"
    after = words(desk)

    assert "✗" not in before
    assert "Not sent: 2 fields need a value: Address / city, unit" in pressed
    assert pressed.count("✗required") == 2
    assert "Cannot be sent yet: unit needs a value" in after
    assert desk.calls == []


async def test_a_double_click_sends_once(session: Session) -> None:
    desk = Desk(session, ADD, a=1)

    come_from_page(button(desk, "Send"))
    come_from_page(button(desk, "Send"))

    assert len(desk.calls) == 1


async def test_a_form_that_is_mended_and_sent_at_once_is_sent(session: Session) -> None:
    desk = Desk(session, ADD, a=1)

    for text in ("no number", "2", "3"):
        at(desk, "a *").value = text
        come_from_page(button(desk, "Send"))

    assert [call.arguments["a"] for call in desk.calls] == [2, 3]


async def test_nothing_invalid_is_sent_whoever_asks_for_it(session: Session, shelf: Shelf) -> None:
    desk = Desk(session, ADD)
    at(desk, "a *").value = "no number"

    button(desk, "Send").click()
    come_from_page(button(desk, "Send"))
    desk.form.submit()

    assert desk.calls == []
    assert len(session.log) == 0
    assert "✗" in words(desk)


async def test_json_that_is_not_finished_is_not_passed_over(session: Session) -> None:
    desk = Desk(session, ADD, a=1)

    at(desk, "JSON").value = '{"a": 2'
    button(desk, "Send").click()

    assert desk.calls == []
    assert "JSON: " in words(desk)


async def test_a_form_starts_with_the_values_it_is_given(session: Session) -> None:
    desk = Desk(session, ADD, a=5)

    assert at(desk, "a *").value == "5"
    assert is_ready(desk)


async def test_values_of_one_form_are_not_in_another(session: Session) -> None:
    first, second = Desk(session, ADD), Desk(session, ADD)

    at(first, "a *").value = "1"
    at(first, "b").value = "2"

    assert second.form.model.value() == {}
    assert [at(second, label).value for label in labels(second)[:2]] == ["", ""]


async def test_reset_empties_the_form(session: Session) -> None:
    desk = Desk(session, ADD, a=5)
    at(desk, "b").value = "x"

    button(desk, "Reset").click()

    assert (at(desk, "a *").value, at(desk, "b").value) == ("", "")
    assert "✗" not in words(desk)


async def test_a_timeout_travels_with_the_call(session: Session) -> None:
    desk = Desk(session, ADD, a=1)

    at(desk, "Timeout, s").value = "30"
    button(desk, "Send").click()
    record = desk.calls[0].record

    assert record.deadline is not None
    assert round(record.deadline - record.submitted_at) == 30


@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan"])
async def test_a_timeout_that_is_none_holds_sending_up(session: Session, text: str) -> None:
    desk = Desk(session, ADD, a=1)

    at(desk, "Timeout, s").value = text

    button(desk, "Send").click()

    assert not is_ready(desk)
    assert desk.calls == []
    assert "Not sent: the timeout is no number of seconds" in words(desk)


# -- tools that destroy -------------------------------------------------------------------------


async def test_a_destructive_tool_asks_once_before_it_is_sent(session: Session) -> None:
    desk = Desk(session, WIPE, table="users")

    button(desk, "Send").click()
    asked = (len(desk.calls), "Really send wipe?" in words(desk))
    button(desk, "Send it").click()

    assert asked == (0, True)
    assert [call.arguments for call in desk.calls] == [{"table": "users"}]
    assert "Really send" not in words(desk)


async def test_keep_editing_sends_nothing_and_asks_again(session: Session) -> None:
    desk = Desk(session, WIPE)

    button(desk, "Send").click()
    button(desk, "Keep editing").click()
    button(desk, "Send").click()

    assert desk.calls == []
    assert "Really send wipe?" in words(desk)


async def test_an_edit_takes_the_question_back(session: Session) -> None:
    desk = Desk(session, WIPE)
    button(desk, "Send").click()

    at(desk, "table").value = "x"

    assert "Really send" not in words(desk)
    assert button(desk, "Send").description == "Send"


# -- errors and news of the server --------------------------------------------------------------


async def test_a_tool_that_is_gone_is_said_and_not_sent(session: Session, shelf: Shelf) -> None:
    desk = Desk(session, ADD, a=1)
    await relist(session, shelf, WIPE)

    desk.form.render(session)

    button(desk, "Send").click()

    assert not is_ready(desk)
    assert desk.calls == []
    assert "Not sent: the server does not list add any more" in words(desk)


async def test_a_changed_tool_is_said_and_its_form_is_made_anew_with_what_fits(
    session: Session, shelf: Shelf
) -> None:
    desk = Desk(session, ADD, a=1)
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "c": {"type": "string"}}}
    await relist(session, shelf, Tool(name="add", input_schema=schema))

    desk.form.render(session)
    said = "The server has changed this tool" in words(desk)
    button(desk, "Reload the form").click()
    desk.form.render(session)

    assert said
    assert "c" in labels(desk)
    assert "The server has changed" not in words(desk)
    assert desk.form.model.value() == {"a": 1}
    assert not is_ready(desk)


async def test_what_the_session_refuses_is_one_line(session: Session, shelf: Shelf) -> None:
    desk = Desk(session, ADD, a=1)
    await relist(session, shelf, WIPE)

    button(desk, "Send").click()

    assert desk.calls == []
    assert "no tool 'add'" in words(desk)


async def test_a_closed_session_is_said(session: Session) -> None:
    desk = Desk(session, ADD, a=1)
    await session.close()

    button(desk, "Send").click()
    first = words(desk)
    desk.form.freeze("closed")
    button(desk, "Send").click()

    assert "the session is closed" in first.lower() or "session is closed" in first
    assert not is_ready(desk)
    assert "Not sent: the session is closed; connect again" in words(desk)


async def test_an_error_of_whoever_shows_the_call_is_said(session: Session) -> None:
    def fail(_: Call) -> None:
        raise RuntimeError("no room")

    form = ToolForm(session, ADD, {"a": 1}, on_submit=fail)
    form.bar.send.click()

    assert "RuntimeError: no room" in words(form)


# -- code, saved notebooks, strangers ------------------------------------------------------------


async def test_the_call_is_shown_as_the_text_of_a_cell_and_follows_the_form(
    session: Session,
) -> None:
    desk = Desk(session, ADD, a=1)

    button(desk, "Copy as Python").click()
    as_python = words(desk)
    button(desk, "Copy as %mcp").click()
    at(desk, "a *").value = "2"
    as_magic = words(desk)
    button(desk, "Copy as %mcp").click()

    assert 'call = session.submit("add", {"a": 1})' in as_python
    assert "%mcp call add a=2" in as_magic
    assert "%mcp" not in words(desk)


async def test_alone_it_shows_the_answer_below(session: Session) -> None:
    shown = session_form(session, "add", a=1)
    shown.part.bar.send.click()

    await eventually(lambda: "answered" in words(shown))
    bundle = shown._repr_mimebundle_()
    shown.close()

    assert "answered" in page(bundle["text/html"]).text
    assert "answered" in bundle["text/plain"]


async def test_a_saved_notebook_has_the_fields_as_a_table(session: Session) -> None:
    shown = session_form(session, "add", a=1)
    bundle = shown._repr_mimebundle_()
    shown.close()

    saved = page(bundle["text/html"]).text
    assert all(part in saved for part in ("Add up", "read-only", "a *", "whole number", "default"))
    assert "b    (not sent, default 1)" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


async def test_a_hostile_tool_is_text(session: Session) -> None:
    shown = session_form(session, "strange", x=HOSTILE)
    bundle = shown._repr_mimebundle_()
    text = words(shown)
    raw = [w for w in seen(shown.widget) if getattr(w, "description_allow_html", False)]
    shown.close()

    assert "onerror" in text
    assert "onerror" in page(bundle["text/html"]).text
    assert "\u202e" not in bundle["text/plain"]
    assert raw == []


def session_form(session: Session, tool: str, **values: Any) -> Any:
    from asyncmcp_nb.displays import WidgetDisplays

    return WidgetDisplays().form(session, tool, values)

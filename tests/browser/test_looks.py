"""What is cut, and what does not stand where its neighbours do."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenCells
from tests.browser.lab import WIDTHS
from tests.browser.stage import START

AT = len(START)

MODEL = '''\
from mcp.server.mcpserver.resolve import Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent


def _ask() -> Sample:
    said = TextContent(type="text", text="Say it in one word.")
    return Sample([SamplingMessage(role="user", content=said)], max_tokens=9)


@app.tool()
async def shorten(answer: Annotated[CreateMessageResult, Resolve(_ask)]) -> str:
    """Ask a model."""
    return str(answer.content)

await session.list_tools();
'''

EDGES = "boxes => boxes.map(box => Math.round(box.getBoundingClientRect().left))"
CUT = """
cells => cells.filter(one => {
  // Half a pixel too little is enough for an ellipsis, and is lost in scrollWidth.
  const last = [...one.children].filter(child => child.offsetWidth).at(-1);
  const [place, words] = [one, last].map(box => box.getBoundingClientRect());
  return words.right > place.right;
}).map(one => one.innerText)
"""


def test_the_fields_of_a_question_stand_below_each_other(open_cells: OpenCells) -> None:
    lab = open_cells(*START, MODEL, "session.submit('shorten')")
    lab.run_all()
    question = lab.output(AT + 1)
    expect(question).to_contain_text("what a model would say")

    fields = question.locator(".amcp-asked .amcp-card-field")

    expect(fields).to_have_count(2)
    assert len(set(fields.locator(".widget-label").evaluate_all(EDGES))) == 1
    assert len(set(fields.locator("textarea, input").evaluate_all(EDGES))) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_no_status_or_time_of_the_table_is_cut(open_cells: OpenCells, width: int) -> None:
    lab = open_cells(*START, "session.submit('decide')\nsession.panel()")
    lab.run_all()
    table = lab.output(AT).locator(".amcp-calls")
    lab.use_width(width)
    expect(table).to_contain_text("input required")

    assert table.locator(".amcp-t-body .amcp-t-c-status").evaluate_all(CUT) == []
    # The time stands last where there is little room.
    assert table.locator(".amcp-t-cells").evaluate_all(CUT) == []


MANY = """\
async def many({}) -> str:
    \'\'\'Takes many things.\'\'\'
    return a0

app.tool()(many)
await session.list_tools();
"""


def test_send_stays_in_view_below_a_form_that_scrolls(open_cells: OpenCells) -> None:
    many = MANY.format(", ".join(f"a{number}: str" for number in range(15)))
    lab = open_cells(*START, many, "session.panel()")
    lab.run_all()
    panel = lab.output(AT + 1)
    panel.get_by_role("listbox", name="Tools").select_option(label="many")
    zone = panel.locator(".amcp-zone-form")
    send = zone.get_by_role("button", name="Send", exact=True)
    last = zone.get_by_label("A14 *")

    expect(send).to_be_visible()
    within = zone.evaluate(
        """(zone, send) => {
          const [outer, inner] = [zone, send].map(one => one.getBoundingClientRect());
          return zone.scrollHeight > zone.clientHeight && inner.bottom <= outer.bottom;
        }""",
        send.element_handle(),
    )
    assert within
    # Where the keyboard goes is not behind it.
    last.focus()
    below, above = last.bounding_box(), send.bounding_box()
    assert below is not None
    assert above is not None
    assert below["y"] + below["height"] <= above["y"]

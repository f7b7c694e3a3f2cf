"""A server that means ill: nothing that it says is executed, asked for, or breaks the layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenCells
from tests.browser.hostile_server import WAYS

PROJECT = Path(__file__).resolve().parents[2]

START = f"""\
%load_ext asyncmcp_nb
import sys
sys.path.insert(0, {str(PROJECT)!r})
from asyncmcp_nb import connect, serve
from tests.browser import hostile_server as evil
session = await connect(name="victim", on_elicit="ask")
server = serve(evil.make_server())
await session.list_tools();
"""

CALL = """\
arguments = dict.fromkeys(evil.STRINGS[3::4], evil.STRINGS[0])
calls = {way: session.submit(way, {evil.STRINGS[3]: evil.ALL}) for way in evil.WAYS}
more = [session.submit(f"{n} {text}", {text: text}) for n, text in enumerate(evil.STRINGS)]
import asyncio
while sum(not call.is_done for call in [*calls.values(), *more]) > 2:
    await asyncio.sleep(0.1)  # one is asked about, one never ends
"""

SHOW = (
    "session.tool_list()",
    "session.form('text', **{evil.STRINGS[3]: evil.ALL})",
    "session.panel()",
    "session.table()",
    "session.messages()",
    "session.tools",
    "session.log",
    "session",
    *(f"calls[{way!r}]" for way in WAYS),
    *(f"await calls[{way!r}]" for way in WAYS if way not in ("protocol", "ask", "wait")),
)


@pytest.mark.timeout(240)
def test_nothing_of_a_hostile_server_is_executed_or_breaks_the_layout(
    open_cells: OpenCells,
) -> None:
    lab = open_cells(START, CALL, *SHOW)
    lab.run_all()

    panel = lab.output(2 + SHOW.index("session.panel()"))
    for tool in ("text", "ask"):
        panel.get_by_role("listbox", name="Tools").select_option(index=WAYS.index(tool))
        panel.get_by_role("button", name="Send", exact=True).click()
    table = lab.output(2 + SHOW.index("session.table()"))
    for number in range(len(WAYS)):
        table.get_by_role("button", name=re.compile("^Open")).nth(number).click()
    expect(lab.output(2 + SHOW.index("calls['ask']"))).to_contain_text("The server asks you")
    lab.page.evaluate(OPEN_ALL)

    assert lab.page.evaluate("window.__executed") is None
    assert lab.page.locator(".jp-OutputArea").locator(DANGEROUS).all_inner_texts() == []
    assert lab.too_wide() == []
    lab.screenshots("hostile", widths=(800,))


OPEN_ALL = """
() => document.querySelectorAll('.jp-OutputArea details').forEach(one => { one.open = true; })
"""
DANGEROUS = ", ".join(
    (
        *("script", "iframe", "object", "embed", "base", "meta", "link", "form"),
        *("[onerror]", "[onload]", "[onclick]", "[srcdoc]", "[href^='javascript' i]"),
        *("[href^='data:text' i]", "[src^='http://192' i]", "[src^='javascript' i]"),
        # Formulas of a server: nobody asked for them, and their errors are loud.
        "mjx-container",
    )
)

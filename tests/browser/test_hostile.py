"""A server that means ill: nothing that it says is executed, asked for, or breaks the layout."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import OpenCells
from tests.browser.hostile_server import WAYS
from tests.browser.lab import Lab
from tests.notebooks.running import read

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
    *(f"await calls[{way!r}]" for way in WAYS if way not in ("protocol", "loud", "ask", "wait")),
    "session.messages(); session.status",
    "server.status",
    "server",
    "%mcp tools",
    "%mcp status",
    "%mcp log",
    "%mcp call text",
    "group = session.map('error', [{evil.STRINGS[3]: evil.ALL}, {evil.STRINGS[3]: evil.LONG}])\n"
    "await group",
    "group",
    "await group.frame()",
    "session.log.results()",
    "session.log.timeline()",
    "session.log.latency()",
    "session.log.throughput()",
    "session.log.export('evil.html')",
)
RAISES = (
    "%mcp call error",
    "%mcp call protocol",
    "%mcp call loud",
    f"%mcp call {'<b>' * 50}",
    "await calls['protocol']",
    "await calls['loud']",
    "%mcp call error",
    "%mcp tb",
)
"""What ends with the server's words in red."""


@pytest.mark.timeout(480)
def test_nothing_of_a_hostile_server_is_executed_or_breaks_the_layout(
    open_cells: OpenCells, folder: Path
) -> None:
    lab = open_cells(START, CALL, *SHOW, *RAISES)
    lab.run_all(last=2 + len(SHOW))
    for number in range(len(RAISES)):
        lab.wait(lab.start(2 + len(SHOW) + number))

    panel = lab.output(2 + SHOW.index("session.panel()"))
    for tool in ("text", "ask"):
        panel.get_by_role("listbox", name="Tools").select_option(index=WAYS.index(tool))
        panel.get_by_role("button", name="Send", exact=True).click()
    table = lab.output(2 + SHOW.index("session.table()"))
    for number in range(len(WAYS)):
        table.get_by_role("button", name=re.compile("^Open")).nth(number).click()
    expect(lab.output(2 + SHOW.index("calls['ask']"))).to_contain_text("The server asks you")
    for chart in ("timeline", "latency", "throughput"):
        _hover(lab, 2 + SHOW.index(f"session.log.{chart}()"))
    lab.page.evaluate(OPEN_ALL)

    assert lab.page.evaluate("window.__executed") is None
    assert lab.page.locator(".jp-OutputArea").locator(DANGEROUS).all_inner_texts() == []
    assert _coloured(lab, (START, CALL, *SHOW, *RAISES)) == {}
    assert lab.too_wide() == []
    lab.screenshots("hostile", widths=(800,))
    lab.save()
    assert _trouble_of_page(lab, folder / "evil.html") == []
    assert _trouble_of_page(lab, _as_page(folder / "notebook.ipynb")) == []


def _coloured(lab: Lab, cells: Sequence[str]) -> dict[str, list[str]]:
    """What escape sequences made, which JupyterLab takes for colours as a terminal does.

    Tracebacks of exceptions have colours of their own.
    """
    found = {
        cell: lab.output(index).locator("[class*='ansi-']").all_inner_texts()
        for index, cell in enumerate(cells)
        if cell not in ("await calls['protocol']", "await calls['loud']")
    }
    return {cell: texts for cell, texts in found.items() if texts}


def _hover(lab: Lab, index: int) -> None:
    """Move over a chart, so that each of its marks may say what it is."""
    chart = lab.output(index).locator("canvas, svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    for step in range(1, 12):
        lab.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * step / 12)


def _as_page(notebook: Path) -> Path:
    """A saved notebook as nbconvert shows it, which GitHub's page is made of too."""
    exporters: Any = importlib.import_module("nbconvert.exporters")
    html, _ = exporters.HTMLExporter().from_notebook_node(read(notebook))
    made = notebook.with_suffix(".html")
    made.write_text(html, "utf-8")
    return made


def _trouble_of_page(lab: Lab, path: Path) -> list[str]:
    """What a file does that it should not, opened in a page of its own that reaches nothing."""
    page = lab.page.context.new_page()
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile("^(?!file:|data:)"), refuse)
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(path.as_uri())
    page.evaluate(OPEN_ALL)
    executed = page.evaluate("window.__executed")
    page.close()
    far = [url for url in asked if "cdn" not in url]
    return far if executed is None else [f"executed: {executed}", *far]


OPEN_ALL = """
() => document.querySelectorAll('details').forEach(one => { one.open = true; })
"""
DANGEROUS = ", ".join(
    (
        *("script", "iframe", "object", "embed", "base", "meta", "link"),
        "form:not(.vega-bindings)",  # a chart's own, and empty
        *("[onerror]", "[onload]", "[onclick]", "[srcdoc]", "[href^='javascript' i]"),
        *("[href^='data:text' i]", "[src^='http://192' i]", "[src^='javascript' i]"),
        # Formulas of a server: nobody asked for them, and their errors are loud.
        # How a frame shows is for pandas to say, and its formulas are harmless.
        "mjx-container:not(table.dataframe mjx-container)",
    )
)

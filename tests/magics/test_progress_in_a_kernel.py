"""Bars where cells wait: in a real kernel, and where stderr is a file."""

from __future__ import annotations

import pytest

from tests.magics.conftest import Notebook

SERVE = """%%mcp serve gated
import asyncio, threading

gate = threading.Event()

async def gated(n: int) -> int:
    "Answers when the gate opens."
    if n == 13:
        raise ValueError("unlucky")
    while n and not gate.is_set():
        await asyncio.sleep(0.01)
    return n
"""

SETUP = """
from asyncmcp_nb import as_completed
from asyncmcp_nb.ui.progress import bar as progress_bar
from asyncmcp_nb.ui.progress import screens as progress_screens

progress_bar.PATIENCE_SECONDS = 0.0
is_kept_shut = False

def opening(show):
    def shown(self, reading):
        show(self, reading)
        if not is_kept_shut:
            gate.set()
    return shown

for screen in (progress_screens.CellOutput, progress_screens.LastLine):
    screen.show = opening(screen.show)
"""


@pytest.fixture(scope="module")
def gated(notebook: Notebook) -> Notebook:
    """A notebook whose server answers once a bar is shown."""
    notebook.ok(SERVE)
    notebook.ok("%mcp connect --name bars")
    notebook.ok("await session.list_tools()")
    notebook.ok(SETUP)
    return notebook


def lines(output: object) -> list[str]:
    """All that a cell has left for a reader, the last state of what was replaced only."""
    updated = getattr(output, "updated", [])
    shown = getattr(output, "shown", [])
    texts = [bundle["text/plain"] for bundle in (updated[-1:] or shown)]
    return [*texts, *getattr(output, "stderr", "").splitlines()]


def test_a_wait_ends_with_one_line(gated: Notebook) -> None:
    output = gated.ok("gate.clear()\nended = await session.map('gated', [1, 2, 13])")

    (line,) = [line for line in lines(output) if "3 calls in" in line]
    assert line.endswith(", 1 failed")
    assert "\x1b" not in output.stderr
    assert "\r" not in output.stderr


def test_a_cell_that_ends_with_the_group_it_waited_for_shows_it_once(gated: Notebook) -> None:
    output = gated.ok("gate.clear()\nawait session.map('gated', [1, 2])")

    assert len(output.shown) == 1
    assert "text/html" in output.shown[0]


def test_a_group_that_is_done_shows_its_line_in_a_later_cell(gated: Notebook) -> None:
    gated.ok("group = session.map('gated', [0])\nawait group;")

    assert "1 call in" in gated.value("group")


def test_completed_calls_come_with_a_bar_where_asked(gated: Notebook) -> None:
    source = """
gate.clear()
found = [call async for call in as_completed(session.map('gated', [0, 2]), progress=True)]
"""
    (line,) = [line for line in lines(gated.ok(source)) if "calls in" in line]

    assert "2 calls in" in line
    assert gated.value("len(found)") == "2"


def test_completed_calls_of_no_group_have_a_bar_too(gated: Notebook) -> None:
    source = """
gate.clear()
some = [session.submit('gated', n=n) for n in range(3)]
async for call in as_completed(some, progress=True):
    pass
"""
    found = lines(gated.ok(source))

    assert [line for line in found if "calls: 3 calls in" in line], found


def test_completed_calls_have_no_bar_where_nobody_asked(gated: Notebook) -> None:
    source = "gate.set()\nasync for call in as_completed(session.map('gated', [1, 2])): pass"

    assert lines(gated.ok(source)) == []


def test_whoever_gives_up_waiting_is_told_what_goes_on(gated: Notebook) -> None:
    source = """
gate.clear()
is_kept_shut = True
left = session.map('gated', [1, 2])
try:
    left.wait(timeout=1.5)
except TimeoutError:
    pass
"""
    output = gated.ok(source)
    gated.ok("is_kept_shut = False\ngate.set()\nawait left;")

    (line,) = [line for line in lines(output) if "go on" in line]
    assert "0 of 2 calls had ended after" in line
    assert line.endswith("; 2 go on")


def test_two_bars_at_a_time_end_with_a_line_each(gated: Notebook) -> None:
    source = """
gate.clear()
one, two = session.map('gated', [1], group='one'), session.map('gated', [2, 0], group='two')
await asyncio.gather(*(asyncio.ensure_future(group._wait()) for group in (one, two)));
"""
    output = gated.ok(source)
    texts = [bundle["text/plain"] for bundle in output.updated] + output.stderr.splitlines()

    assert sum(text.startswith("one: 1 call in") for text in texts) == 1
    assert sum(text.startswith("two: 2 calls in") for text in texts) == 1


def test_a_group_has_a_timeline_of_its_own_calls(gated: Notebook) -> None:
    gated.ok("gate.set()\nmine = await session.map('gated', [1, 2])")

    assert gated.value("mine.timeline()").startswith("Timeline of 2 calls (2 done) from ")


def test_bars_leave_no_threads(gated: Notebook) -> None:
    source = """
import threading
bars = [t for t in threading.enumerate() if t.name == "asyncmcp-bar"]
for bar in bars:
    bar.join(5)
[t.name for t in threading.enumerate() if t.name == "asyncmcp-bar"]
"""
    assert gated.value(source) == "[]"

"""``await`` where a magic stands at the top level of a cell, and nowhere else."""

from __future__ import annotations

import asyncio

import pytest

from asyncmcp_nb.magics.await_injection import AwaitInjector, inject

LINE = "get_ipython().run_line_magic('mcp', 'call add')"
AWAITED = "(await get_ipython().run_line_magic('mcp', 'await call add'))"
ALONE = "(await get_ipython().run_line_magic('mcp', 'await-alone call add'))"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{LINE}\n", f"{ALONE}\n"),
        (f"x = {LINE}\n", f"x = {AWAITED}\n"),
        (f"a, b = 1, {LINE}\n", f"a, b = 1, {AWAITED}\n"),
        (f"for i in range(3):\n    x = {LINE}\n", f"for i in range(3):\n    x = {AWAITED}\n"),
        (f"if {LINE}:\n    {LINE}\n", f"if {AWAITED}:\n    {ALONE}\n"),
        (f"with a as b:\n    {LINE}\n", f"with a as b:\n    {ALONE}\n"),
        (
            f"print('\N{SNOWMAN}\N{GRINNING FACE}', {LINE})\n",
            f"print('\N{SNOWMAN}\N{GRINNING FACE}', {AWAITED})\n",
        ),
        (f"{LINE}.content; {LINE}\n", f"{AWAITED}.content; {ALONE}\n"),
        (f"await {LINE}\n", "await get_ipython().run_line_magic('mcp', 'await-alone call add')\n"),
        (
            f"x = await {LINE}\n",
            "x = await get_ipython().run_line_magic('mcp', 'await call add')\n",
        ),
        (
            "get_ipython().run_cell_magic('mcp', 'serve x', 'f = 1\\n')\n",
            "(await get_ipython().run_cell_magic('mcp', 'await-alone serve x', 'f = 1\\n'))\n",
        ),
        (
            "get_ipython().run_line_magic('mcp', '''call\n add''')\nx = 1\n",
            "(await get_ipython().run_line_magic('mcp', 'await-alone call\\n add'))\nx = 1\n",
        ),
    ],
)
def test_at_the_top_level_the_answer_is_awaited(before: str, after: str) -> None:
    assert inject(before, "mcp") == after


@pytest.mark.parametrize(
    "source",
    [
        f"def f():\n    {LINE}\n",
        f"async def f():\n    return {LINE}\n",
        f"f = lambda: {LINE}\n",
        f"class C:\n    x = {LINE}\n",
        f"[{LINE} for i in range(3)]\n",
        f"for x in ({LINE} for i in y):\n    pass\n",
        "get_ipython().run_line_magic('time', 'mcp')\n",
        "get_ipython().run_cell_magic('time', '', \"get_ipython().run_line_magic('mcp', 'x')\")\n",
        "get_ipython().run_line_magic('mcp', line)\n",
        "other().run_line_magic('mcp', 'x')\n",
        f"this is no Python {LINE}\n",
    ],
)
def test_elsewhere_the_source_stays_as_it_is(source: str) -> None:
    assert inject(source, "mcp") == source


def test_lines_that_python_does_not_break_are_not_broken() -> None:
    source = f"x = 'a\u2028b\x0cc'\n{LINE}\n"

    assert inject(source, "mcp") == f"x = 'a\u2028b\x0cc'\n{ALONE}\n"


def transformed(injector: AwaitInjector) -> bool:
    return injector([f"{LINE}\n"]) == [f"{ALONE}\n"]


def test_what_runs_inside_a_running_cell_is_left_alone() -> None:
    injector = AwaitInjector("mcp")
    before = transformed(injector)

    injector.pre_run_cell()
    injector.pre_run_cell()
    inside = transformed(injector)
    injector.post_run_cell()
    still_inside = transformed(injector)
    injector.post_run_cell()

    assert (before, inside, still_inside, transformed(injector)) == (True, False, False, True)


async def test_a_cell_in_another_task_is_another_cell() -> None:
    injector = AwaitInjector("mcp")

    async def cell_that_never_ends() -> bool:
        injector.pre_run_cell()
        return transformed(injector)

    assert await asyncio.create_task(cell_that_never_ends()) is False
    assert transformed(injector) is True

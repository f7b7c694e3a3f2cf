"""The bar of a group: one output that moves by itself and keeps its last state."""

from __future__ import annotations

import gc
import threading
from typing import Any

from asyncmcp_nb import CallGroup, Deployment, connect, serve
from asyncmcp_nb.ui.group_bar import GroupBar
from tests.helpers import tool_server


class Output:
    """An output of a cell: what was shown in it, and when there was something new."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, obj: Any, **kwargs: Any) -> None:
        assert kwargs == {"raw": True}
        self.shown.append(obj)


async def test_the_bar_moves_to_the_end_and_its_thread_ends(deployment: Deployment) -> None:
    async with connect(deployment) as session:
        group = session.map("echo", [{"n": n} for n in range(30)])
        output = Output()
        bar = GroupBar(group, output).start()
        with serve(tool_server(), deployment):
            await group

        assert bar.join(5)
        assert "0 % ended" in output.shown[0]["text/plain"]
        assert "100 % ended" in output.shown[-1]["text/plain"]
        assert "of 30 calls ended" in output.shown[-1]["text/html"]


async def test_a_group_that_nobody_holds_is_not_followed(deployment: Deployment) -> None:
    async with connect(deployment) as session:
        group: CallGroup | None = session.map("echo", [{"n": 1}])
        shown = threading.Event()

        class Telling(Output):
            def update(self, obj: Any, **kwargs: Any) -> None:
                super().update(obj, **kwargs)
                shown.set()

        bar = GroupBar(group, Telling()).start()
        assert shown.wait(5)
        group = None
        gc.collect()
        bar.poke()

        assert bar.join(5)

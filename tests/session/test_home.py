"""The loop that a session lives on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from asyncmcp_nb.errors import ConfigError, SessionClosed
from asyncmcp_nb.session.home import Home
from tests.helpers import PATIENCE_SECONDS


async def test_those_who_wait_in_turn_share_one_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.here()
    loop = asyncio.get_running_loop()
    beats: list[float] = []

    def call_later(seconds: float, *_: Any) -> None:
        beats.append(seconds)

    monkeypatch.setattr(loop, "call_later", call_later)

    for _ in range(50):
        with home.beating():
            await asyncio.sleep(0)

    assert len(beats) == 1


async def test_who_waits_for_a_home_that_stops_is_told() -> None:
    home = Home.in_thread()
    begun = threading.Event()

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.create_task(asyncio.to_thread(home.wait_for, for_ever))
    assert await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    await asyncio.to_thread(home.stop)

    with pytest.raises(SessionClosed, match="connect again"):
        await asyncio.wait_for(waiting, PATIENCE_SECONDS)
    with pytest.raises(SessionClosed, match="connect again"):
        home.submit(for_ever)


def test_where_no_loop_of_asyncio_runs_there_is_no_home() -> None:
    with pytest.raises(ConfigError, match="a session needs a loop of asyncio's"):
        Home.here()

"""The loop that a session lives on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asyncmcp_nb.session.home import Home


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

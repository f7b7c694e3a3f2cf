"""A click counts only where the person could see what it hits."""

from __future__ import annotations

import threading

import anyio

from asyncmcp_nb.ui.kit.stillness import Stillness
from tests.ui.waiting import PATIENCE_SECONDS


async def settled(stillness: Stillness, number: int) -> bool:
    for _ in range(int(PATIENCE_SECONDS * 1000)):
        if stillness.is_settled(number):
            break
        await anyio.sleep(0.001)
    return stillness.is_settled(number)


async def test_a_move_settles_once_the_loop_has_been_free() -> None:
    stillness = Stillness(0.01)

    number = stillness.move()
    at_once = stillness.is_settled(number)

    assert not at_once
    assert await settled(stillness, number)


async def test_a_move_does_not_settle_while_a_cell_blocks() -> None:
    stillness = Stillness(0.01)
    number = stillness.move()

    threading.Event().wait(0.05)  # the loop stands still, and clicks wait

    assert not stillness.is_settled(number)


async def test_moves_come_from_any_thread() -> None:
    stillness = Stillness(0.0)
    thread = threading.Thread(target=stillness.move)
    thread.start()
    thread.join(PATIENCE_SECONDS)

    assert await settled(stillness, 1)
    assert not stillness.is_settled(2)


def test_without_a_loop_nobody_clicks() -> None:
    stillness = Stillness()

    assert stillness.is_settled(stillness.move())

"""A click counts only where the person could see what it hits."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio

from asyncmcp_nb.ui.kit.stillness import Move, Stillness
from tests.ui.waiting import PATIENCE_SECONDS


async def settled(stillness: Stillness, move: Move) -> bool:
    for _ in range(int(PATIENCE_SECONDS * 1000)):
        if stillness.is_settled(move):
            break
        await anyio.sleep(0.001)
    return stillness.is_settled(move)


def in_thread(do: Callable[[], object]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join(PATIENCE_SECONDS)


async def test_a_move_settles_once_the_loop_has_been_free() -> None:
    stillness = Stillness(0.01)

    move = stillness.move()
    at_once = stillness.is_settled(move)

    assert not at_once
    assert await settled(stillness, move)


async def test_a_move_does_not_settle_while_a_cell_blocks() -> None:
    stillness = Stillness(0.01)
    move = stillness.move()

    threading.Event().wait(0.05)  # the loop stands still, and its clicks wait

    assert not stillness.is_settled(move)


async def test_where_clicks_do_not_wait_a_move_settles_while_a_cell_blocks() -> None:
    stillness = Stillness(0.01)
    long = Stillness(3600)
    moves = stillness.move(), long.move()
    clicks: list[bool] = []

    def click() -> None:
        clicks.extend((stillness.is_settled(moves[0]), long.is_settled(moves[1])))

    threading.Event().wait(0.05)  # the loop stands still
    in_thread(click)

    assert clicks == [True, False]


async def test_moves_come_from_any_thread() -> None:
    stillness = Stillness(0.0)
    moves: list[Move] = []

    in_thread(lambda: moves.append(stillness.move()))

    assert await settled(stillness, moves[0])
    assert not stillness.is_settled(stillness.move())


def test_without_a_loop_nobody_clicks() -> None:
    stillness = Stillness()

    assert stillness.is_settled(stillness.move())

"""Waking many at once, and doing at once what many ask for; on asyncio and on trio."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import anyio
import anyio.to_thread
import pytest

from asyncmcp_nb.errors import AsyncMcpError, InvalidArguments
from asyncmcp_nb.session.waiting import Gathering, Waiter, wake
from tests.helpers import PATIENCE_SECONDS


@pytest.fixture(params=anyio.get_available_backends())
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


class Doubling:
    """Doubles numbers, but no negative ones, and notes which it was given together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append([*numbers])
        refused = [number for number in numbers if number < 0]
        if refused:
            raise InvalidArguments(f"{refused[0]} is negative")
        return [number * 2 for number in numbers]


async def ask_all(gathering: Gathering[int, int], numbers: Sequence[int]) -> dict[int, object]:
    found: dict[int, object] = {}

    async def ask(number: int) -> None:
        try:
            found[number] = await gathering.ask(number)
        except InvalidArguments as exc:
            found[number] = str(exc)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for number in numbers:
                tasks.start_soon(ask, number)
    return found


# -- gathering -------------------------------------------------------------------------------------


async def test_what_tasks_ask_for_in_one_turn_is_done_as_one() -> None:
    double = Doubling()

    found = await ask_all(Gathering(double), range(20))

    assert found == {number: 2 * number for number in range(20)}
    assert [sorted(batch) for batch in double.batches] == [[*range(20)]]


async def test_what_is_asked_for_later_is_done_by_itself() -> None:
    double = Doubling()
    gathering: Gathering[int, int] = Gathering(double)

    assert [await gathering.ask(1), await gathering.ask(2)] == [2, 4]

    assert double.batches == [[1], [2]]


async def test_what_is_refused_for_one_is_done_for_the_others() -> None:
    double = Doubling()

    found = await ask_all(Gathering(double), [1, -2, 3])

    assert found == {1: 2, -2: "-2 is negative", 3: 6}


async def test_a_task_that_is_cancelled_changes_nothing_for_the_others() -> None:
    double = Doubling()
    gathering: Gathering[int, int] = Gathering(double)
    found: list[int] = []

    async def ask(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            found.append(await gathering.ask(number))

    first = anyio.CancelScope()
    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for number, scope in ((1, first), (2, anyio.CancelScope())):
                tasks.start_soon(ask, number, scope)
            await anyio.lowlevel.checkpoint()
            first.cancel()

    assert 4 in found
    assert [sorted(batch) for batch in double.batches] == [[1, 2]]


async def test_where_it_breaks_off_nobody_waits_for_ever() -> None:
    def interrupted(_: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    gathering: Gathering[int, int] = Gathering(interrupted)
    ended: list[str] = []

    async def ask(number: int) -> None:
        try:
            await gathering.ask(number)
        except (KeyboardInterrupt, AsyncMcpError) as exc:
            ended.append(type(exc).__name__)

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(ask, number)

    assert sorted(ended) == ["AsyncMcpError", "AsyncMcpError", "KeyboardInterrupt"]


async def test_two_loops_do_not_wait_for_each_other() -> None:
    double = Doubling()
    gathering: Gathering[int, int] = Gathering(double)

    def elsewhere() -> int:
        return anyio.run(gathering.ask, 5)

    with anyio.fail_after(PATIENCE_SECONDS):
        assert await anyio.to_thread.run_sync(elsewhere) == 10
        assert await gathering.ask(6) == 12


# -- waking ----------------------------------------------------------------------------------------


async def test_each_waiter_has_what_is_its_own() -> None:
    waiters: list[Waiter[int]] = [Waiter() for _ in range(5)]
    found: list[int | None] = []

    async def wait(waiter: Waiter[int]) -> None:
        found.append(await waiter.wait())

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            for waiter in waiters:
                tasks.start_soon(wait, waiter)
            threading.Thread(
                target=lambda: wake([(waiter, n) for n, waiter in enumerate(waiters)])
            ).start()

    assert sorted(filter(None, found)) == [1, 2, 3, 4]


async def test_waiters_of_several_loops_are_all_woken() -> None:
    here: Waiter[str] = Waiter()
    made = threading.Event()
    there: list[Waiter[str]] = []
    found: list[str | None] = []

    async def wait_there() -> None:
        there.append(Waiter())
        made.set()
        with anyio.fail_after(PATIENCE_SECONDS):
            found.append(await there[0].wait())

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, lambda: anyio.run(wait_there))
            await anyio.to_thread.run_sync(made.wait)
            wake([(here, "here"), (there[0], "there")])
            found.append(await here.wait())

    assert sorted(filter(None, found)) == ["here", "there"]

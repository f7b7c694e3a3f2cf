"""Waking many at once, and doing at once what many ask for; on asyncio and on trio."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from asyncmcp_nb.session.waiting import Gathering, Waiter, wake
from tests.helpers import PATIENCE_SECONDS


@pytest.fixture(params=anyio.get_available_backends())
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


# -- gathering -------------------------------------------------------------------------------------


async def in_one_turn(gathering: Gathering[int], numbers: Sequence[int]) -> None:
    """Put each number from a task of its own, all of which are ready at once."""

    async def put(number: int) -> None:
        gathering.put(number)

    async with anyio.create_task_group() as tasks:
        for number in numbers:
            tasks.start_soon(put, number)


def nothing_lost(numbers: Sequence[int]) -> None:
    pytest.fail(f"lost: {numbers}")


async def test_what_tasks_have_in_one_turn_is_given_on_together() -> None:
    given: list[list[int]] = []
    all_given = anyio.Event()

    def give(numbers: Sequence[int]) -> None:
        given.append(sorted(numbers))
        all_given.set()

    with anyio.fail_after(PATIENCE_SECONDS):
        await in_one_turn(Gathering(give, lose=nothing_lost), range(20))
        await all_given.wait()

    assert given == [[*range(20)]]


async def test_what_comes_later_is_given_on_by_itself() -> None:
    send, receive = anyio.create_memory_object_stream[Sequence[int]](2)
    gathering: Gathering[int] = Gathering(send.send_nowait, lose=nothing_lost)

    with send, receive, anyio.fail_after(PATIENCE_SECONDS):
        gathering.put(1)
        first = await receive.receive()
        gathering.put(2)
        assert [first, await receive.receive()] == [[1], [2]]


async def test_where_giving_breaks_off_what_may_be_lost_is_told() -> None:
    lost: list[int] = []

    def interrupted(_: Sequence[int]) -> None:
        raise KeyboardInterrupt

    async def until_interrupted() -> None:
        await in_one_turn(Gathering(interrupted, lose=lost.extend), range(3))
        await anyio.sleep(PATIENCE_SECONDS)

    def elsewhere() -> None:
        with pytest.raises(KeyboardInterrupt):
            anyio.run(until_interrupted)

    with anyio.fail_after(PATIENCE_SECONDS):
        await anyio.to_thread.run_sync(elsewhere)

    assert sorted(lost) == [0, 1, 2]


async def test_loops_do_not_wait_for_each_other() -> None:
    given: list[tuple[int, int]] = []

    def give(numbers: Sequence[int]) -> None:
        given.extend((number, threading.get_ident()) for number in numbers)

    gathering: Gathering[int] = Gathering(give, lose=nothing_lost)

    async def there() -> int:
        gathering.put(1)
        with anyio.fail_after(PATIENCE_SECONDS):
            while (1, threading.get_ident()) not in given:
                await anyio.lowlevel.checkpoint()
        return threading.get_ident()

    with anyio.fail_after(PATIENCE_SECONDS):
        gathering.put(2)
        other = await anyio.to_thread.run_sync(anyio.run, there)
        while len(given) < 2:
            await anyio.lowlevel.checkpoint()

    assert sorted(given) == [(1, other), (2, threading.get_ident())]


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

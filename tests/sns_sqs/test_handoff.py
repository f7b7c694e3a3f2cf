"""From threads to an event loop, on asyncio and on trio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.to_thread
import pytest
from mcp.shared.message import SessionMessage

from asyncmcp_nb.errors import BusUnavailable
from asyncmcp_nb.sns_sqs.handoff import Handoff, Mailbox
from asyncmcp_nb.sns_sqs.streams import Publication, StreamWriter
from tests.helpers import PATIENCE_SECONDS, notification


@pytest.fixture(params=anyio.get_available_backends())
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


ITEM = SessionMessage(notification("notifications/initialized"))


async def in_thread(call: Callable[[], object]) -> object:
    return await anyio.to_thread.run_sync(call)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def turned() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that a test turns itself, as a notebook's cells do."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


# -- handoff ---------------------------------------------------------------------------------------


async def test_calls_from_threads_run_on_the_loop_in_order() -> None:
    handoff = Handoff()
    ran: list[tuple[int, int]] = []
    done = anyio.Event()

    def post() -> None:
        for number in range(100):
            handoff.post(lambda number=number: ran.append((number, threading.get_ident())))
        handoff.post(done.set)

    with anyio.fail_after(PATIENCE_SECONDS):
        await in_thread(post)
        await done.wait()

    assert ran == [(number, threading.get_ident()) for number in range(100)]


async def test_a_call_posted_on_the_loop_runs_later_not_at_once() -> None:
    handoff = Handoff()
    done = anyio.Event()

    assert handoff.post(done.set)

    assert not done.is_set()
    with anyio.fail_after(PATIENCE_SECONDS):
        await done.wait()


async def test_the_loops_own_thread_is_home() -> None:
    handoff = Handoff()

    assert handoff.is_home()
    assert not await in_thread(handoff.is_home)


def test_ctrl_c_in_a_call_keeps_none_of_those_after_it(turned: asyncio.AbstractEventLoop) -> None:
    ran: list[str] = []
    over = asyncio.Event()

    async def begin() -> None:
        handoff = Handoff()
        handoff.post(interrupted)
        handoff.post(lambda: ran.append("the waiter of another call"))
        handoff.post(over.set)
        await over.wait()

    beginning = turned.create_task(begin())
    with pytest.raises(KeyboardInterrupt):
        turned.run_until_complete(beginning)
    # As in a cell that blocks: it is broken off, and the loop turns on for the next.
    turned.run_until_complete(asyncio.wait_for(beginning, PATIENCE_SECONDS))

    assert ran == ["the waiter of another call"]


def test_ctrl_c_while_a_call_is_posted_keeps_none_of_those_after_it(
    turned: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def begin() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(turned, "call_soon_threadsafe", interrupted)
            handoff = Handoff()
        with pytest.raises(KeyboardInterrupt):
            handoff.post(over.set)
        monkeypatch.setattr(handoff, "_schedule", turned.call_soon_threadsafe)
        handoff.post(lambda: None)
        await asyncio.wait_for(over.wait(), PATIENCE_SECONDS)

    turned.run_until_complete(begin())


@pytest.mark.parametrize("backend", anyio.get_available_backends())
def test_a_closed_loop_takes_no_calls(backend: str) -> None:
    async def make() -> tuple[Handoff, Mailbox[int]]:
        handoff = Handoff()
        return handoff, Mailbox(handoff)

    handoff, mailbox = anyio.run(make, backend=backend)

    assert [handoff.post(lambda: None) for _ in range(2)] == [False, False]
    assert mailbox.put(1) is False


# -- mailbox ---------------------------------------------------------------------------------------


@pytest.fixture
async def mailbox() -> Mailbox[int]:
    return Mailbox(Handoff(), limit_count=3)


async def test_a_reader_that_waits_gets_what_a_thread_puts_in(mailbox: Mailbox[int]) -> None:
    got: list[int] = []

    async def read() -> None:
        got.append(await mailbox.receive())

    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            assert await in_thread(lambda: mailbox.put(1))

    assert got == [1]


async def test_a_reader_gets_everything_in_order_from_a_busy_thread() -> None:
    mailbox: Mailbox[int] = Mailbox(Handoff())

    def fill() -> None:
        for number in range(1000):
            mailbox.put(number)
        mailbox.end()

    thread = threading.Thread(target=fill)
    thread.start()
    with anyio.fail_after(PATIENCE_SECONDS):
        got = [number async for number in mailbox]
    thread.join(PATIENCE_SECONDS)

    assert got == list(range(1000))


async def test_a_full_mailbox_takes_only_what_must_arrive(mailbox: Mailbox[int]) -> None:
    assert [mailbox.put(number) for number in range(4)] == [True, True, True, False]
    assert mailbox.put(9, force=True)
    assert len(mailbox) == 4

    with anyio.fail_after(PATIENCE_SECONDS):
        assert [await mailbox.receive() for _ in range(4)] == [0, 1, 2, 9]


async def test_an_ended_mailbox_gives_what_it_has_and_then_the_end(mailbox: Mailbox[int]) -> None:
    mailbox.put(1)
    mailbox.end()

    assert mailbox.put(2) is False
    with anyio.fail_after(PATIENCE_SECONDS):
        assert await mailbox.receive() == 1
        with pytest.raises(anyio.EndOfStream):
            await mailbox.receive()


async def test_the_end_wakes_a_reader_that_waits(mailbox: Mailbox[int]) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read_to_the_end, mailbox)
            await anyio.wait_all_tasks_blocked()
            await in_thread(mailbox.end)


async def _read_to_the_end(mailbox: Mailbox[int]) -> None:
    assert [item async for item in mailbox] == []


async def test_closing_drops_what_is_there_and_wakes_the_reader(mailbox: Mailbox[int]) -> None:
    with anyio.fail_after(PATIENCE_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read_to_the_end, mailbox)
            await anyio.wait_all_tasks_blocked()
            await mailbox.aclose()
    assert (len(mailbox), mailbox.put(1)) == (0, False)


async def test_a_mailbox_closes_itself_as_a_context(mailbox: Mailbox[int]) -> None:
    async with mailbox as same:
        same.put(1)

    assert (len(mailbox), mailbox.put(2)) == (0, False)


async def test_a_cancelled_reader_loses_nothing(mailbox: Mailbox[int]) -> None:
    with anyio.move_on_after(0) as scope:
        await mailbox.receive()
    mailbox.put(1)

    with anyio.fail_after(PATIENCE_SECONDS):
        assert (scope.cancelled_caught, await mailbox.receive()) == (True, 1)


# -- publications and the write stream -------------------------------------------------------------


async def test_a_publication_is_settled_from_a_thread() -> None:
    publication = Publication(Handoff())

    with anyio.fail_after(PATIENCE_SECONDS):
        await in_thread(lambda: publication.done(None))
        await publication.wait()


async def test_a_publication_that_was_given_up_raises_why() -> None:
    publication = Publication(Handoff())
    why = BusUnavailable("down")

    with anyio.fail_after(PATIENCE_SECONDS):
        await in_thread(lambda: publication.done(why))
        with pytest.raises(BusUnavailable) as caught:
            await publication.wait()

    assert caught.value is why


def writer(sent: list[SessionMessage]) -> StreamWriter:
    async def send(item: SessionMessage) -> None:
        sent.append(item)

    return StreamWriter(send)


async def test_a_writer_hands_on_what_is_written() -> None:
    sent: list[SessionMessage] = []

    async with writer(sent) as stream:
        await stream.send(ITEM)

    assert sent == [ITEM]


Close = Callable[[StreamWriter], Awaitable[None]]


async def _leave(stream: StreamWriter) -> None:
    async with stream:
        pass


@pytest.mark.parametrize("close", [StreamWriter.aclose, _leave])
async def test_a_closed_writer_refuses(close: Close) -> None:
    sent: list[SessionMessage] = []
    stream = writer(sent)

    await close(stream)

    with pytest.raises(anyio.ClosedResourceError):
        await stream.send(ITEM)
    assert sent == []

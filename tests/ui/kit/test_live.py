"""Views that move: one thread a session, views apart from each other, and an end to all of it."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from asyncmcp_nb.session import Session
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.kit.live import Live
from asyncmcp_nb.ui.statuses import present
from tests.ui.waiting import PATIENCE_SECONDS, until


class Clock:
    """A view that counts how often it is rendered."""

    def __init__(self, shows: Callable[[], object] = lambda: None) -> None:
        self.widget = widgets.html_box()
        self.renders = 0
        self._shows = shows
        self.words: str | None = None
        self.threads: set[str] = set()

    def render(self, session: Session) -> None:
        assert session is not None
        self.renders += 1
        self.threads.add(threading.current_thread().name)
        self._shows()

    def freeze(self, words: str) -> None:
        self.words = words


class Ticker(Clock):
    """One that knows what a second changes."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks = 0

    def tick(self, session: Session) -> None:
        assert session is not None
        self.ticks += 1


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "asyncmcp-views"]


def breaks() -> None:
    raise TypeError("<b>not\ntoday</b>")


async def test_one_thread_serves_all_views_of_a_session(session: Session) -> None:
    views = [Clock() for _ in range(5)]
    lives = [Live(session, view) for view in views]

    session.log.notify([])
    until(lambda: all(view.renders for view in views))

    assert len(threads()) == 1
    assert {name for view in views for name in view.threads} == {"asyncmcp-views"}
    for live in lives:
        live.stop()
    until(lambda: not threads())


async def test_views_that_are_shown_together_say_the_same_time(session: Session) -> None:
    passed: dict[int, list[float]] = {}

    def slow(number: int) -> Callable[[], object]:
        def show() -> None:
            passed.setdefault(number, []).append(present())
            begun = time.time()
            until(lambda: time.time() > begun)

        return show

    views = [Clock(slow(number)) for number in range(3)]
    lives = [Live(session, view) for view in views]
    session.log.notify([])
    until(lambda: all(view.renders for view in views))

    assert len({moments[0] for moments in passed.values()}) == 1
    assert present() > passed[0][0]
    for live in lives:
        live.stop()
    until(lambda: not threads())


async def test_a_view_is_rendered_five_times_a_second_at_most(session: Session) -> None:
    view = Clock()
    live = Live(session, view)
    pause, begun = threading.Event(), time.monotonic()

    for _ in range(100):
        session.log.notify([])
        pause.wait(0.01)
    until(lambda: view.renders > 0)
    live.stop()
    live.join(PATIENCE_SECONDS)
    took_seconds = time.monotonic() - begun

    assert 1 <= view.renders <= took_seconds / 0.2 + 1


async def test_nothing_is_rendered_while_nothing_changes(session: Session) -> None:
    view, ticker = Clock(), Ticker()
    session.log.notify([])
    lives = [Live(session, view), Live(session, ticker)]
    until(lambda: view.renders == ticker.renders == 1)

    until(lambda: ticker.ticks >= 2)

    assert (view.renders, ticker.renders) == (1, 1)
    for live in lives:
        live.stop()


async def test_a_call_that_is_out_ticks_views_that_cannot_tick_themselves(
    session: Session,
) -> None:
    call = session.submit("wait_for_ever")
    view = Clock()
    live = Live(session, view)

    until(lambda: view.renders >= 3)
    call.cancel()
    live.stop()


async def test_what_nobody_tells_of_is_noticed(session: Session) -> None:
    """A call that is recorded and cannot be sent is in the ledger, and no observer hears of it."""
    view = Clock()
    live = Live(session, view)
    until(lambda: view.renders == 1)
    ledger: Any = session.log.ledger

    ledger.note("nobody", "words", at=1.0)
    until(lambda: view.renders == 2)

    live.stop()


async def test_a_poke_renders_one_view(session: Session) -> None:
    view, other = Clock(), Clock()
    live, another = Live(session, view), Live(session, other)
    until(lambda: view.renders == other.renders == 1)

    live.poke()
    until(lambda: view.renders == 2)

    assert other.renders == 1
    live.stop()
    another.stop()


async def test_a_view_that_raises_says_so_and_the_others_go_on(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = Clock(breaks), Clock()
    lives = [Live(session, broken), Live(session, whole)]
    with caplog.at_level(logging.CRITICAL):
        until(lambda: not lives[0].is_running)

    session.log.notify([])
    until(lambda: whole.renders >= 2)

    assert broken.words == "this stands still: TypeError: <b>not today</b>; run the cell again"
    assert lives[1].is_running
    lives[1].stop()


async def test_a_view_that_takes_long_leaves_the_processor_to_others(session: Session) -> None:
    nap = threading.Event()
    slow, quick = Clock(lambda: nap.wait(0.1)), Clock()
    begun = time.monotonic()
    lives = [Live(session, slow), Live(session, quick)]

    while quick.renders < 6:
        session.log.notify([])
        nap.wait(0.02)
        assert time.monotonic() < begun + PATIENCE_SECONDS
    took_seconds = time.monotonic() - begun

    # A twentieth of the time, however long it was: 0.1 s in 2 s.
    assert 1 <= slow.renders <= took_seconds / 2 + 1
    for live in lives:
        live.stop()


async def test_the_oldest_of_too_many_views_stands_still_and_says_so(session: Session) -> None:
    views = [Clock() for _ in range(26)]
    lives = [Live(session, view) for view in views]

    until(lambda: [live.is_running for live in lives] == [False] * 2 + [True] * 24)

    words = "newer views of this session move; run the cell again for one here"
    assert [view.words for view in views] == [words] * 2 + [None] * 24
    for live in lives:
        live.stop()


async def test_a_view_whose_widget_is_closed_is_rendered_no_more(session: Session) -> None:
    view = Clock()
    live = Live(session, view)
    view.widget.close()

    until(lambda: not live.is_running)
    until(lambda: not threads())

    assert view.words is None


async def test_a_view_that_no_page_shows_any_more_rests_until_one_does(session: Session) -> None:
    view, shown = Clock(), Clock()
    live, other = Live(session, view), Live(session, shown)
    until(lambda: view.renders == shown.renders == 1)
    traits: Any = view.widget
    # As a front end tells: it made a view, and took it away again.
    traits._view_count = 1
    traits._view_count = 0
    until(lambda: view.renders == 2)

    session.log.notify([])
    until(lambda: shown.renders == 2)
    at_rest = view.renders
    traits._view_count = 1
    until(lambda: view.renders == 3)

    assert at_rest == 2
    live.stop()
    other.stop()


async def test_closing_the_session_shows_the_last_there_is_and_ends_the_thread(
    session: Session,
) -> None:
    read: list[tuple[bool, int]] = []
    view = Clock(lambda: read.append((session.is_closed, session.log.ledger.count())))
    live = Live(session, view)
    until(lambda: view.renders == 1)

    await session.close()

    assert (read, threads()) == ([(False, 0), (True, 0)], [])
    assert (live.is_running, view.words) == (False, None)


async def test_neither_view_nor_session_is_kept_alive(session: Session) -> None:
    view = Clock()
    live = Live(session, view)
    seen = weakref.ref(view)
    del view
    gc.collect()

    until(lambda: not live.is_running)

    assert seen() is None


async def test_views_of_a_session_can_be_made_again_after_the_last_has_ended(
    session: Session,
) -> None:
    first = Live(session, Clock())
    first.stop()
    until(lambda: not threads())
    view = Clock()
    second = Live(session, view)

    session.log.notify([])
    until(lambda: view.renders >= 1)

    second.stop()

"""Bars that follow calls from a thread: when they show, what stays, and that they end."""

from __future__ import annotations

import gc
import io
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from asyncmcp_nb.ledger import CallRecord, Status
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.tally import Tally
from asyncmcp_nb.ui.progress.bar import Follower, watching
from asyncmcp_nb.ui.progress.progress import Reading, last_line, moving_line
from asyncmcp_nb.ui.progress.screens import CellOutput, LastLine, TerminalBar, screen_here


class Nobody:
    """The owner of calls whose rows nobody asks for, and which it does not keep."""

    def keep(self, call: Call) -> None:
        """Let it go."""


nobody: Any = Nobody()


def row(call_id: str, status: Status) -> CallRecord:
    """The row of a call."""
    optional = dict.fromkeys(("deadline", "progress", "progress_message", "error_code"))
    optional |= dict.fromkeys(("error_message", "request_bytes", "response_bytes", "group"))
    optional |= dict.fromkeys(("sent_at", "responded_at", "finished_at", "retry_of", "text"))
    optional |= dict.fromkeys(("error_data_json", "result_json"))
    return CallRecord(
        position=1,
        call_id=call_id,
        tool="score",
        status=status,
        submitted_at=0.0,
        deliveries=0,
        attempts=0,
        session="s",
        arguments_json="{}",
        **optional,  # pyright: ignore[reportArgumentType] - None for all that may be
    )


def calls(count: int) -> list[Call]:
    """Calls that were just submitted."""
    return [Call(nobody, row(f"c{number}", Status.QUEUED)) for number in range(count)]


def end(some: list[Call], status: Status = Status.DONE) -> None:
    news: list[Callable[[], None]] = []
    for call in some:
        call.update(row(call.id, status), 1, news)
    for tell in news:
        tell()


class Screen:
    """Keeps what it is told to show, and tells when there was something."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.last: list[str] = []
        self.changed = threading.Event()

    def show(self, reading: Reading) -> None:
        self.shown.append(moving_line(reading))
        self.changed.set()

    def finish(self, reading: Reading) -> None:
        self.last.append(last_line(reading))
        self.changed.set()

    def repeat(self) -> None:
        self.last.append("as it ended")


class Clock:
    """Unix seconds, as many as the test says after a tally was made."""

    def __init__(self, tally: Tally) -> None:
        self.now = tally.started_at

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


class Output:
    """An output of a cell."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []

    def update(self, obj: Any, **kwargs: Any) -> None:
        assert kwargs == {"raw": True}
        self.shown.append(obj)


def test_a_wait_that_is_over_soon_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncmcp_nb.ui.progress.bar.PATIENCE_SECONDS", 3600.0)
    some = calls(3)
    screen = Screen()

    with watching(Tally(some, name="score"), screen):
        end(some)

    assert (screen.shown, screen.last) == ([], [])


def test_a_bar_moves_with_the_calls_and_ends_with_a_line() -> None:
    some = calls(4)
    tally = Tally(some, name="score")
    screen, clock = Screen(), Clock(tally)
    follower = Follower(tally, screen, clock=clock)

    follower.show()
    end(some[:2])
    clock.now += 2.0
    assert follower.show()
    end(some[2:3], Status.FAILED)
    end(some[3:], Status.CANCELLED)
    assert not follower.show()

    assert screen.shown == [
        "score: 0 of 4 calls ended",
        "score: 2 of 4 calls ended, 1.0/s, 2.0 s left",
    ]
    (line,) = screen.last
    assert line.startswith("score: 4 calls in ")
    assert line.endswith(", 1 failed, 1 cancelled")


def shown_earlier(tally: Tally) -> tuple[Screen, Follower]:
    """A bar of an earlier cell; it lives as long as its follower."""
    screen = Screen()
    follower = Follower(tally, screen)
    follower.show()
    return screen, follower


def test_who_has_waited_for_all_finds_every_bar_of_them_at_its_end() -> None:
    some = calls(2)
    tally = Tally(some, name="score")
    earlier, _shown_before = shown_earlier(tally)

    with watching(tally, Screen()):
        end(some)

    (line,) = earlier.last
    assert line.startswith("score: 2 calls in ")


def test_who_waits_for_calls_that_have_ended_finds_every_bar_of_them_at_its_end() -> None:
    some = calls(2)
    tally = Tally(some, name="score")
    here = Screen()
    earlier, _shown_before = shown_earlier(tally)
    end(some)

    with watching(tally, here):
        pass

    assert [line.partition(" in ")[0] for line in earlier.last] == ["score: 2 calls"]
    assert (here.shown, here.last) == ([], [])


def test_an_end_that_came_between_two_cells_is_said_again_to_who_waits() -> None:
    """A runner without a front end has not heard it."""
    some = calls(2)
    tally = Tally(some, name="score")
    output, never_shown = Output(), Output()
    follower = Follower(tally, CellOutput(output), clock=Clock(tally))
    unseen = Follower(tally, CellOutput(never_shown))
    follower.show()
    end(some)
    follower.show()
    unseen.show()

    with watching(tally, Screen()):
        pass

    _, ended, again = output.shown
    assert "2 calls in" in ended["text/plain"]
    assert again == ended
    assert never_shown.shown == []


def test_a_bar_goes_on_where_another_stops_waiting() -> None:
    some = calls(2)
    tally = Tally(some, name="score")
    earlier, shown_before = shown_earlier(tally)

    with watching(tally, Screen()):
        end(some[:1])

    assert earlier.last == []
    end(some[1:])
    shown_before.show()
    assert len(earlier.last) == 1


def test_the_bar_moves_by_itself_and_its_thread_ends_with_the_last_call() -> None:
    some = calls(2)
    tally = Tally(some, name="score")
    screen = Screen()
    follower = Follower(tally, screen).start()

    assert screen.changed.wait(5)
    end(some)

    assert follower.join(5)
    assert len(screen.last) == 1


def test_whoever_stops_waiting_is_told_what_goes_on() -> None:
    some = calls(3)
    tally = Tally(some, name="score")
    screen = Screen()
    follower = Follower(tally, screen).start()
    assert screen.changed.wait(5)
    end(some[:1])

    follower.finish()
    follower.finish()

    assert follower.join(5)
    (line,) = screen.last
    assert line.startswith("score: 1 of 3 calls had ended after ")
    assert line.endswith("; 2 go on")


def test_an_interrupt_ends_the_bar_and_goes_on() -> None:
    tally = Tally(calls(3), name="score")

    with pytest.raises(KeyboardInterrupt), watching(tally, Screen()):
        raise KeyboardInterrupt


def test_calls_that_nobody_holds_are_not_followed() -> None:
    tally: Tally | None = Tally(calls(3), name="score")
    screen = Screen()
    follower = Follower(tally, screen).start()
    assert screen.changed.wait(5)

    tally = None
    gc.collect()
    follower.poke()

    assert follower.join(5)
    assert len(screen.last) == 1


def test_a_closed_session_ends_its_bars() -> None:
    tally = Tally(calls(3), name="score")
    screen = Screen()
    follower = Follower(tally, screen).start()
    assert screen.changed.wait(5)

    tally.close()

    assert follower.join(5)
    assert screen.last[0].endswith("; 3 go on")


def test_a_screen_that_fails_is_logged_and_costs_no_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Screen):
        def show(self, reading: Reading) -> None:
            raise OSError("gone")

    some = calls(1)
    tally = Tally(some, name="score")
    follower = Follower(tally, Broken()).start()

    with caplog.at_level(logging.ERROR):
        assert follower.join(5)
        end(some)
        follower.finish()

    assert "a bar could not be shown" in caplog.text


# -- where it is shown ----------------------------------------------------------------------------


def shown_on(screen: Any, *, is_ended: bool = True) -> None:
    """Follow two calls of four, and then the rest."""
    some = calls(4)
    tally = Tally(some, name="score\x1b[31m")
    follower = Follower(tally, screen)
    end(some[:2])
    follower.show()
    if is_ended:
        end(some[2:])
    follower.finish()


def test_an_output_is_replaced_and_keeps_the_last_line() -> None:
    output = Output()
    shown_on(CellOutput(output))

    moving, last = output.shown
    assert "50 %" in moving["text/html"]
    assert "4 calls in" in last["text/plain"]
    assert "4 calls in" in last["text/html"]


def test_an_output_is_not_sent_again_when_nothing_changed() -> None:
    output = Output()
    tally = Tally(calls(2), name="score")
    follower = Follower(tally, CellOutput(output), clock=Clock(tally))

    follower.show()
    follower.show()

    assert len(output.shown) == 1


def test_a_terminal_has_a_bar_and_then_a_line() -> None:
    stream = Terminal()
    shown_on(TerminalBar(stream))

    drawn = stream.getvalue()
    assert " 50% |" in drawn
    assert "2/4" in drawn
    assert drawn.rstrip().splitlines()[-1].rpartition("\r")[2].startswith("score")
    assert ": 4 calls in " in drawn
    assert "\x1b[31m" not in drawn


def test_two_bars_share_a_terminal() -> None:
    stream = Terminal()
    some, others = calls(2), calls(2)
    first = Follower(Tally(some, name="first"), TerminalBar(stream))
    tally = Tally(others, name="second")
    second = Follower(tally, TerminalBar(stream))
    end(some[:1])
    end(others[:1])

    first.show()
    second.show()
    second.finish()
    first.finish()

    lines = [line for line in stream.getvalue().replace("\r", "\n").splitlines() if "had" in line]
    assert ["second: 1 of 2" in line or "first" in line for line in lines] == [True, True]


def test_a_log_has_one_line_and_no_escape_sequences() -> None:
    stream = io.StringIO()
    shown_on(LastLine(stream))

    (line,) = stream.getvalue().splitlines()
    assert ": 4 calls in " in line
    assert stream.getvalue().isprintable() or "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()


def test_a_terminal_bar_starts_no_thread_of_tqdms() -> None:
    shown_on(TerminalBar(Terminal()))

    assert [t for t in threading.enumerate() if type(t).__name__ == "TMonitor"] == []


@pytest.mark.parametrize(
    ("stream", "kind"), [(Terminal(), TerminalBar), (io.StringIO(), LastLine), (None, type(None))]
)
def test_a_script_shows_it_on_stderr(
    monkeypatch: pytest.MonkeyPatch, stream: Any, kind: type
) -> None:
    monkeypatch.setattr("sys.stderr", stream)

    assert type(screen_here()) is kind


def test_tqdms_own_variable_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TQDM_DISABLE", "1")

    assert screen_here() is None


def test_waiting_goes_on_where_nobody_would_see_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    some = calls(1)

    with watching(Tally(some, name="score")):
        end(some)

    assert [call.status for call in some] == [Status.DONE]


def test_a_last_line_that_cannot_be_written_costs_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Screen):
        def finish(self, reading: Reading) -> None:
            raise OSError("no space left")

    monkeypatch.setattr("asyncmcp_nb.ui.progress.bar.PATIENCE_SECONDS", 0.0)
    screen = Full()

    with caplog.at_level(logging.ERROR), watching(Tally(calls(1), name="score"), screen):
        assert screen.changed.wait(5)

    assert "a bar could not be shown" in caplog.text

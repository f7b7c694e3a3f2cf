"""The live table and the panel: they move from a thread, end when they should, and stay cheap."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger import Ledger, NewCall
from asyncmcp_nb.session import Call, CallRecord, Log, Session, Status
from asyncmcp_nb.ui.call_table import CallPage, CallTable, table_bundle
from asyncmcp_nb.ui.panel import Panel
from asyncmcp_nb.views import PandasViews
from tests.ui.conftest import HOSTILE
from tests.ui.test_renderers import page

PATIENCE_SECONDS = 10.0


def until(holds: Callable[[], bool]) -> None:
    """Wait, blocking the loop, until something another thread does has happened."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)


def shown_in(panel: Panel) -> str:
    return "".join(box.value for box in panel.boxes)


def shown(panel: Any) -> dict[str, Any]:
    """What IPython shows and saves."""
    return panel._repr_mimebundle_()


def filled(ledger: Ledger, count: int) -> Log:
    calls = [
        NewCall(
            call_id=f"c{i}",
            tool="tool",
            arguments={"i": i},
            submitted_at=float(i),
            group=None,
            session="s",
        )
        for i in range(count)
    ]
    ledger.add(calls)
    return Log(ledger, PandasViews())


def views_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "asyncmcp-view"]


# -- pages ----------------------------------------------------------------------------------------


def test_a_page_says_what_is_on_others() -> None:
    ledger = Ledger.open(":memory:")
    log = filled(ledger, 120)
    at = CallPage(50)

    first = page(at.html(log))
    at.number = 99
    last = page(at.html(log)).text
    ledger.close()

    assert first.tags.count("tr") == 51
    assert "1-50 of 120 calls, the newest first; 70 on other pages" in first.text
    assert "101-120 of 120 calls" in last
    assert at.number == at.last_number == 2


def test_a_filter_by_status_counts_its_own() -> None:
    ledger = Ledger.open(":memory:")
    log = filled(ledger, 3)
    ledger.finish("c1", Status.CANCELLED, at=5.0)
    at = CallPage()

    texts: dict[str, str] = {}
    for at.chosen in ("all", "outstanding", "cancelled", "done"):
        texts[at.chosen] = page(at.html(log)).text
    ledger.close()

    assert "1-3 of 3 calls," in texts["all"]
    assert "1-2 of 2 calls that are outstanding" in texts["outstanding"]
    assert "1-1 of 1 calls that are cancelled" in texts["cancelled"]
    assert texts["done"] == "no calls that are done"


def test_a_page_of_many_calls_is_cheap(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "calls.sqlite")
    log = filled(ledger, 20_000)
    at = CallPage()
    at.html(log)

    at.number = 200
    started = time.thread_time()
    markup = at.html(log)
    took_seconds = time.thread_time() - started
    ledger.close()

    assert len(markup) < 60_000
    assert took_seconds < 0.1


def test_an_unknown_status_is_a_mistake() -> None:
    ledger = Ledger.open(":memory:")
    log = filled(ledger, 1)
    at = CallPage()
    at.chosen = "lost"

    with pytest.raises((ConfigError, ValueError)):
        at.html(log)
    ledger.close()


# -- the panel ------------------------------------------------------------------------------------


async def test_the_panel_moves_while_a_cell_blocks(session: Session) -> None:
    panel = Panel(session)
    ended = threading.Event()
    call = session.submit("echo", text=HOSTILE)
    call.add_done_callback(lambda _: ended.set())

    # No await from here on: the loop stands still, as under a cell that computes.
    assert ended.wait(PATIENCE_SECONDS)
    until(lambda: call.id in shown_in(panel) and "1 done" in shown_in(panel))
    markup = shown_in(panel)
    panel.close()

    assert "alert" in page(markup).text
    assert not panel.is_live


async def test_progress_is_a_bar_with_words(session: Session) -> None:
    panel = Panel(session)
    call = session.submit("wait_for_ever")
    until(lambda: "50 %" in shown_in(panel))
    markup = shown_in(panel)
    call.cancel()
    until(lambda: "1 cancelled" in shown_in(panel))
    panel.close()

    assert ("role", "progressbar") in page(markup).attributes


async def test_filter_and_pages_work_from_the_widgets(session: Session) -> None:
    await session.map("echo", [{"text": str(i)} for i in range(60)])
    panel = Panel(session)
    table = panel.table

    assert (table.newer.disabled, table.older.disabled) == (True, False)
    table.older.click()
    until(lambda: "51-60 of 60" in shown_in(panel))
    assert (table.newer.disabled, table.older.disabled) == (False, True)
    table.filter.value = "failed"
    until(lambda: "no calls that are failed" in shown_in(panel))
    panel.close()


async def test_the_panel_is_shown_and_saved(session: Session) -> None:
    await session.call("echo", text=HOSTILE)
    panel = session.panel()
    bundle = shown(panel)
    panel.close()

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "echo" in page(bundle["text/html"]).text
    assert "1 done" in bundle["text/plain"]
    assert "\u202e" not in bundle["text/plain"]
    assert repr(panel).startswith("<Panel of <Session ui@")


async def test_a_table_alone_has_text_and_html_too(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    table = CallTable()
    table.render(session)
    bundle = table_bundle(table, session)
    table.widget.close()

    assert call.id in bundle["text/html"]
    assert call.id in bundle["text/plain"]


# -- its end --------------------------------------------------------------------------------------


async def test_closing_the_widget_ends_the_thread(session: Session) -> None:
    panel = Panel(session)
    panel.widget.close()

    until(lambda: not panel.is_live)


async def test_closing_the_session_ends_the_thread_and_the_panel_says_so(session: Session) -> None:
    panel = Panel(session)
    await session.close()

    until(lambda: not panel.is_live)
    assert "closed" in page(shown_in(panel)).text
    assert "text/html" in shown(panel)
    panel.close()


async def test_a_panel_lives_as_long_as_its_widget_and_no_longer(session: Session) -> None:
    panel = Panel(session)
    widget, seen = panel.widget, weakref.ref(panel)
    del panel
    gc.collect()
    kept = seen() is not None

    widget.close()
    del widget
    until(lambda: not views_threads())
    gc.collect()

    assert kept
    assert seen() is None


async def test_only_the_newest_views_of_a_session_move(session: Session) -> None:
    panels = [Panel(session) for _ in range(6)]

    until(lambda: [panel.is_live for panel in panels] == [False] * 2 + [True] * 4)
    assert "a newer view of this session moves" in shown_in(panels[0])
    for panel in panels:
        panel.close()


async def test_an_observer_is_gone_with_its_panel(session: Session) -> None:
    rows: list[CallRecord] = []
    panel = Panel(session)
    panel.close()
    unsubscribe = session.log.subscribe(rows.extend)

    call: Call = session.submit("echo", text="x")
    await call
    unsubscribe()

    assert {row.call_id for row in rows} == {call.id}
    assert not panel.is_live

"""The panel: what is chosen in one part opens in another; it moves from a thread, and ends."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import ipywidgets
import pytest

from asyncmcp_nb import Deployment, connect, serve
from asyncmcp_nb.session import Policies, Session
from asyncmcp_nb.ui.kit.turns import turn
from asyncmcp_nb.ui.panel import STILL_COUNT, Panel, PanelPart, panel_of
from asyncmcp_nb.ui.workplace import FORM_COUNT
from tests.helpers import PATIENCE_SECONDS, eventually, memory_deployment, tool_server
from tests.session.asking_servers import asking_server
from tests.session.conftest import Stage
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    with memory_deployment() as memory:
        async with AsyncExitStack() as stack:
            yield Stage(memory, tmp_path, stack)


@pytest.fixture
async def session(stage: Stage) -> Session:
    many = {f"tool_{number:02d}": tool_server_echo for number in range(FORM_COUNT + 2)}
    await stage.serve(tool_server(**many))
    session = await stage.session()
    await session.list_tools()
    return session


async def tool_server_echo(ctx: Any, arguments: dict[str, Any]) -> Any:
    """Gives back its arguments."""
    return arguments


@pytest.fixture
def panels() -> Iterator[Callable[[Session], Panel]]:
    made: list[Panel] = []

    def make(session: Session) -> Panel:
        made.append(Panel(session))
        return made[-1]

    yield make
    for panel in made:
        panel.close()


Panels = Callable[[Session], Panel]


def blocked_until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does, blocking this one as a cell does."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.01)


def said(panel: Panel) -> str:
    """All markup in the panel, as text."""
    return "\n".join(page(box.value).text for box in boxes(panel.part.widget))


def boxes(widget: Any) -> Iterator[Any]:
    """Places for markup within a widget, those that are taken out of view left out."""
    if "amcp-hidden" in widget._dom_classes or widget.layout.display == "none":
        return
    if isinstance(widget, ipywidgets.HTML):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from boxes(child)


def bundle(panel: Any) -> dict[str, Any]:
    """What IPython shows and saves."""
    return panel._repr_mimebundle_()


async def choose(panel: Panel, name: str) -> None:
    """Choose a tool in the list, and wait for its form."""
    part = panel.panel
    names = [label for label, _ in part.tools.list.options]
    part.tools.list.index = names.index(name)
    await eventually(
        lambda: part.workplace.form is not None and part.workplace.form.tool.name == name
    )


# -- one part opens another -----------------------------------------------------------------------


async def test_choosing_a_tool_opens_its_form_and_sending_opens_the_call(
    session: Session, panels: Panels
) -> None:
    panel = panels(session)
    before = said(panel)
    await choose(panel, "echo")
    form = panel.panel.workplace.form
    assert form is not None
    form.load({"n": 12345678901234567890})
    form.submit()
    await eventually(lambda: panel.panel.workplace.card.call_id is not None)
    await eventually(lambda: "done" in said(panel) and "12345678901234567890" in said(panel))

    assert "Choose a tool: its form opens here." in before
    assert "Choose a tool" not in said(panel)
    newest = session.log.ledger.rows()[-1]
    assert panel.panel.workplace.card.call_id == newest.call_id
    assert newest.arguments == {"n": 12345678901234567890}


async def test_a_click_on_send_that_follows_the_choice_of_another_tool_sends_nothing(
    session: Session, panels: Panels
) -> None:
    panel = panels(session)
    await choose(panel, "echo")
    part = panel.panel
    first = part.workplace.form
    assert first is not None

    with turn():  # nothing is shown meanwhile
        part.workplace.open_tool("tool_00")
        first.submit()
        told = page(first.bar.line.value).text
    await eventually(lambda: part.workplace.form is not first)
    first.submit()
    second = part.workplace.form
    assert second is not None
    second.submit()
    part.workplace.open_tool("echo")
    await eventually(lambda: part.workplace.form is first)

    assert "not sent: this form was about to change" in told
    assert [record.tool for record in session.log.ledger.rows()] == ["tool_00"]
    assert page(first.bar.line.value).text == ""


async def test_each_tool_keeps_its_own_draft(session: Session, panels: Panels) -> None:
    panel = panels(session)
    await choose(panel, "echo")
    first = panel.panel.workplace.form
    assert first is not None
    first.load({"a": 1})
    await choose(panel, "tool_00")
    second = panel.panel.workplace.form
    assert second is not None
    other = second.model.value()
    await choose(panel, "echo")

    assert (other, first.model.value()) == ({}, {"a": 1})
    assert panel.panel.workplace.form is first


async def test_the_drafts_used_last_are_kept_and_no_others(
    session: Session, panels: Panels
) -> None:
    panel = panels(session)
    for number in range(FORM_COUNT + 1):
        await choose(panel, f"tool_{number:02d}")
        if number == 5:
            await choose(panel, "tool_00")

    drafts = panel.panel.workplace.drafts
    assert len(drafts) == FORM_COUNT
    assert "tool_01" not in drafts
    assert drafts[-1] == f"tool_{FORM_COUNT:02d}"
    assert "tool_00" in drafts


async def test_opening_a_row_shows_its_call_and_editing_puts_its_arguments_in_the_form(
    session: Session, panels: Panels
) -> None:
    call = session.submit("tool_03", {"text": "x"})
    await call
    panel = panels(session)
    part = panel.panel
    await eventually(lambda: part.table.rows[0].record is not None)
    part.table.rows[0].open.click()
    await eventually(lambda: part.workplace.card.call_id == call.id)
    await eventually(lambda: "submitted" in said(panel))
    part.workplace.card.actions.edit.click()
    await eventually(lambda: part.workplace.form is not None)

    form = part.workplace.form
    assert form is not None
    assert (form.tool.name, form.model.value()) == ("tool_03", {"text": "x"})
    assert part.tools.chosen is not None
    assert part.tools.chosen.name == "tool_03"


async def test_a_tool_that_is_gone_is_said_where_its_form_would_be(
    session: Session, panels: Panels
) -> None:
    panel = panels(session)
    panel.panel.workplace.open_tool("nothing " + HOSTILE)
    await eventually(lambda: "no tool" in said(panel))


# -- questions ------------------------------------------------------------------------------------


async def test_calls_that_ask_are_named_on_top_and_open_one_after_the_other(stage: Stage) -> None:
    await stage.serve(asking_server())
    session = await stage.session(policies=Policies(has_person=True))
    panel = Panel(session)
    asks, card = panel.panel.asks, panel.panel.workplace.card
    before = is_seen(asks.widget)
    calls = [session.submit("ask") for _ in range(2)]
    await eventually(lambda: len(session.questions.open()) == 2)
    await eventually(lambda: is_seen(asks.widget))
    await eventually(lambda: "2 calls ask" in page(asks.said.value).text)
    words = page(asks.said.value).text
    opened: list[str | None] = []
    for _ in range(3):
        asks.button.click()
        opened.append(card.call_id)
    for question in session.questions.open():
        session.questions.answer(question.id, "accept", {"count": 3})
    for call in calls:
        await call
    await eventually(lambda: not is_seen(asks.widget))
    saved = page(bundle(panel)["text/html"]).text
    panel.close()

    assert not before
    assert words == "? 2 calls ask you something: ask: How many?"
    assert set(opened) == {call.id for call in calls}
    assert opened[0] == opened[2]
    assert "ask you something" not in saved


def is_seen(widget: Any) -> bool:
    return widget.layout.display != "none"


# -- moving, and what is saved --------------------------------------------------------------------


async def test_the_panel_moves_while_a_cell_blocks(deployment: Deployment) -> None:
    with serve(tool_server(), deployment):
        async with connect(deployment, name="ui", ledger=":memory:") as session:
            await session.list_tools()
            panel = Panel(session)
            call = session.submit("echo", {"text": HOSTILE})

            # No await from here on: the loop stands still, as under a cell that computes.
            blocked_until(lambda: call.id in said(panel) and "1 done" in said(panel))
            panel.close()


async def test_messages_are_folded_until_they_are_wanted(session: Session, panels: Panels) -> None:
    panel = panels(session)
    pane = panel.panel.messages
    before = pane.part
    pane.button.value = True
    opened = pane.part
    pane.button.value = False
    pane.button.value = True

    assert before is None
    assert opened is not None
    assert pane.part is opened


async def test_the_panel_is_shown_and_saved(session: Session, panels: Panels) -> None:
    call = session.submit("echo", {"text": HOSTILE})
    await call
    panel = panels(session)
    await choose(panel, "echo")
    panel.panel.workplace.open_call(call.id)
    saved = bundle(panel)

    assert "application/vnd.jupyter.widget-view+json" in saved
    shown = page(saved["text/html"]).text
    for words in ("connected", "alice @ stage", "echo", "1 done", call.id, "submitted"):
        assert words in shown
    assert call.id in saved["text/plain"]
    assert "\u202e" not in saved["text/plain"]
    assert repr(panel).startswith("<PanelPart of <Session alice@stage")


async def test_nothing_is_sent_to_the_page_while_nothing_changes(
    session: Session, panels: Panels
) -> None:
    await session.submit("echo")
    panel = panels(session)
    await choose(panel, "echo")
    part = cast("PanelPart", panel.part)
    await eventually(lambda: "1 done" in said(panel))
    requests = dict(session.snapshot().requests)
    part.render(session)
    sent: list[str] = []

    def changed(change: Any) -> None:
        sent.append(change["new"])

    for box in boxes(part.widget):
        box.observe(changed, "value")
    for _ in range(3):
        part.render(session)

    if dict(session.snapshot().requests) == requests:
        assert sent == []


# -- its end --------------------------------------------------------------------------------------


async def test_a_session_has_one_panel_however_often_it_is_shown(session: Session) -> None:
    first, again = session_panel(session), session_panel(session)
    first.close()
    after = session_panel(session)
    after.close()

    assert first is again
    assert after is not first


def session_panel(session: Session) -> Panel:
    panel = panel_of(session)
    assert panel is not None
    return panel


async def test_a_session_that_was_closed_before_has_no_panel(session: Session) -> None:
    await session.close()

    assert panel_of(session) is None


async def test_of_many_closed_sessions_the_older_panels_are_pictures(stage: Stage) -> None:
    registry: dict[str, Any] = import_module("ipywidgets.widgets.widget")._instances
    await stage.serve(tool_server())
    panels: list[Panel] = []
    counts: list[int] = []
    for number in range(STILL_COUNT + 4):
        session = await stage.session(f"alice{number}", ledger=":memory:")
        await session.list_tools()
        panel = session_panel(session)
        bundle(panel)
        await session.close()
        await eventually(lambda panel=panel: not panel.is_live)
        panels.append(panel)
        counts.append(len(registry))
    (box,) = cast("Any", panels[0].widget).children
    growth = counts[-1] - counts[-2]
    for panel in panels:
        panel.close()

    assert "alice0 @ stage" in page(box.value).text
    assert growth < 20


async def test_closing_the_panel_closes_all_its_widgets(session: Session) -> None:
    registry: dict[str, Any] = import_module("ipywidgets.widgets.widget")._instances
    before = set(registry)
    panel = Panel(session)
    await choose(panel, "echo")
    await choose(panel, "tool_00")
    panel.panel.messages.button.value = True
    made = set(registry) - before
    panel.close()
    left = [registry[key] for key in set(registry) - before]

    assert len(made) > 100
    assert left == []


async def test_closing_the_session_ends_the_panel_and_it_says_so(
    session: Session, panels: Panels
) -> None:
    panel = panels(session)
    await choose(panel, "echo")
    await session.close()

    await eventually(lambda panel=panel: not panel.is_live)
    assert "closed" in said(panel)
    assert "text/html" in bundle(panel)


async def test_a_panel_lives_as_long_as_its_widget_and_no_longer(session: Session) -> None:
    panel = Panel(session)
    widget, seen = panel.widget, weakref.ref(panel)
    del panel
    gc.collect()
    kept = seen() is not None

    widget.close()
    del widget

    def is_gone() -> bool:
        gc.collect()
        return seen() is None

    await eventually(is_gone)
    assert kept


async def test_a_panel_that_is_closed_observes_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    observers: list[object] = []
    subscribe = session.log.subscribe

    def subscribe_noted(observer: Any) -> Callable[[], None]:
        unsubscribe = subscribe(observer)
        observers.append(observer)

        def unsubscribe_noted() -> None:
            observers.remove(observer)
            unsubscribe()

        return unsubscribe_noted

    monkeypatch.setattr(session.log, "subscribe", subscribe_noted)
    panel = Panel(session)
    was_observed = bool(observers)

    panel.close()

    await eventually(lambda: not observers)
    assert was_observed
    assert not panel.is_live

"""The card of a call: it moves, shows how the call ended, and acts on it."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from asyncmcp_nb import connect, serve
from asyncmcp_nb.config import Deployment
from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session import Call, Session, Status
from asyncmcp_nb.ui.card.card import CallCard
from asyncmcp_nb.ui.card.display import card_of
from asyncmcp_nb.ui.display import register, unregister
from asyncmcp_nb.ui.kit.part import Shown
from asyncmcp_nb.ui.question.bodies import FormBody
from asyncmcp_nb.ui.still.call import call_html
from tests.helpers import eventually
from tests.ui.asking import asked, asking_session, told, until
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


@pytest.fixture
async def session(deployment: Deployment) -> AsyncIterator[Session]:
    app = MCPServer("server", log_level="CRITICAL")

    @app.tool()
    async def echo(text: str) -> str:
        return text

    @app.tool()
    async def rows(count: int) -> list[dict[str, int]]:
        return [{"n": number} for number in range(count)]

    @app.tool()
    async def fail() -> str:
        raise ToolError(HOSTILE)

    @app.tool()
    async def wait_for_ever(ctx: Context) -> str:
        await ctx.report_progress(1, 2, HOSTILE)
        await asyncio.Event().wait()
        return ""

    @app.tool(annotations=ToolAnnotations(destructive_hint=True))
    async def destroy() -> str:
        return "gone"

    with serve(app, deployment):
        async with connect(deployment, name="card", ledger=":memory:") as made:
            await made.list_tools()
            yield made


@pytest.fixture
def shell() -> Iterator[Any]:
    """IPython, as a kernel has it."""
    made: Any = InteractiveShell.instance()
    made.user_ns.clear()
    register(made)
    yield made
    unregister(made)
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


def rendered(session: Session, call: Call) -> CallCard:
    card = CallCard(session, call.id)
    card.render(session)
    return card


def words_of(card: CallCard) -> str:
    boxes = (card.head, card.facts, card.times, card.answer, card.actions.said)
    return page("".join(box.value for box in boxes)).text


def is_there(widget: Any) -> bool:
    return "amcp-hidden" not in widget._dom_classes


# -- what is shown --------------------------------------------------------------------------------


async def test_a_finished_call_is_shown_with_its_arguments_times_and_answer(
    session: Session,
) -> None:
    call = session.submit("echo", text=HOSTILE)
    await call

    words = words_of(rendered(session, call))

    for expected in ("done", "echo", call.id, "submitted", "answered after", "bytes in"):
        assert expected in words
    assert words.count("<script>") == 2


async def test_a_card_moves_while_a_cell_blocks(session: Session) -> None:
    call = session.submit("wait_for_ever")
    card = CallCard(session, call.id)
    shown = Shown(session, card)

    # No await from here on: the loop stands still, as under a cell that computes.
    until(lambda: "50 %" in card.head.value)
    first = card.head.value
    until(lambda: card.head.value != first)
    threading.Thread(target=call.cancel).start()
    until(lambda: "cancelled" in card.head.value)
    until(lambda: "no answer is waited for" in card.answer.value)
    shown.close()


async def test_a_failed_tool_shows_its_words(session: Session) -> None:
    call = session.submit("fail")
    await call

    words = words_of(rendered(session, call))

    assert "tool error" in words
    assert "<script>" in words


async def test_long_arguments_are_folded(session: Session) -> None:
    call = session.submit("echo", text="x" * 10_000)
    await call

    card = rendered(session, call)

    assert "details" in page(card.facts.value).tags
    assert len(page(card.facts.value).text) < 3_000


async def test_what_does_not_change_is_not_sent_again(session: Session) -> None:
    call = session.submit("wait_for_ever")
    await eventually(lambda: call.status is Status.RUNNING)
    card = rendered(session, call)
    before = (card.facts.value, card.times.value, card.answer.value)

    card.tick(session)
    card.render(session)

    assert (card.facts.value, card.times.value, card.answer.value) == before
    assert all(
        one is other
        for one, other in zip(
            before, (card.facts.value, card.times.value, card.answer.value), strict=True
        )
    )


async def test_no_call_and_an_unknown_one_say_so(session: Session) -> None:
    empty, unknown = CallCard(session), CallCard(session, "nowhere")
    empty.render(session)
    unknown.render(session)

    assert page(empty.head.value).text == "Choose a call to see it here."
    assert page(unknown.head.value).text == "Call nowhere is not in the ledger."
    assert page(empty.html(session)).text == empty.text(session)


async def test_another_call_takes_the_place_of_the_first(session: Session) -> None:
    first, second = session.submit("echo", text="one"), session.submit("echo", text="two")
    await first
    await second
    card = rendered(session, first)

    card.show(second.id)
    card.render(session)

    assert "two" in words_of(card)
    assert first.id not in words_of(card)


async def test_a_saved_notebook_has_all_but_the_actions(session: Session) -> None:
    call = session.submit("rows", count=3)
    await call
    card = rendered(session, call)

    html, text = page(card.html(session)), card.text(session)

    assert "3 rows, 1 column" in html.text
    assert "button" not in html.tags
    assert html.text == page(card.html(session)).text
    assert text.splitlines()[0].startswith(call.id)
    assert text.splitlines()[-1] == "(3 rows, 1 column)"
    assert "3 rows" in page(call_html(call)).text


# -- what can be done -----------------------------------------------------------------------------


async def test_cancel_cancels_and_is_offered_while_there_is_something_to_cancel(
    session: Session,
) -> None:
    call = session.submit("wait_for_ever")
    card = rendered(session, call)
    offered = is_there(card.actions.cancel), is_there(card.actions.retry)

    card.actions.cancel.click()
    card.actions.cancel.click()
    await eventually(lambda: call.is_done)
    card.render(session)

    assert call.status is Status.CANCELLED
    assert "had ended" not in words_of(card)
    assert offered == (True, False)
    assert (is_there(card.actions.cancel), is_there(card.actions.retry)) == (False, True)


async def test_cancel_of_a_call_that_ended_meanwhile_says_how(session: Session) -> None:
    call = session.submit("echo", text="x")
    card = rendered(session, call)
    await call

    card.actions.cancel.click()

    assert "It had ended already: done." in words_of(card)


async def test_retry_submits_it_again_and_shows_the_new_call(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    card = rendered(session, call)

    card.actions.retry.click()
    card.render(session)

    assert card.call_id != call.id
    assert session.get(card.call_id or "").arguments == {"text": "x"}
    assert call.id in page(card.actions.said.value).text


async def test_a_destructive_tool_asks_once_before_it_is_called_again(session: Session) -> None:
    call = session.submit("destroy")
    await call
    card = rendered(session, call)

    card.actions.retry.click()
    said, count = page(card.actions.said.value).text, len(session.log)
    card.actions.retry.click()

    assert "destroy is destructive: press Retry again" in said
    assert count == 1
    assert len(session.log) == 2


async def test_its_code_is_shown_and_put_away(session: Session) -> None:
    call = session.submit("echo", text=HOSTILE)
    await call
    card = rendered(session, call)

    card.actions.code.click()
    code, opened = page(card.actions.code_box.value).text, list(card.actions.place.children)
    card.actions.code.click()

    assert "echo" in code
    assert "%mcp" in code
    assert opened == [card.actions.code_box]
    assert list(card.actions.place.children) == []


async def test_an_answer_is_assigned_to_a_variable(session: Session, shell: Any) -> None:
    call = session.submit("rows", count=3)
    await call
    actions = rendered(session, call).actions
    actions.assign.click()
    drawer = actions.answer.assign

    drawer.name.value = "list"
    drawer.button.click()
    refused = page(drawer.said.value).text
    drawer.name.value = "df"
    drawer.button.click()
    assigned = page(drawer.said.value).text
    drawer.what.value = 1
    drawer.button.click()
    asked_first = page(drawer.said.value).text
    drawer.button.click()

    assert "'list' is a name that Python has already" in refused
    assert assigned == "✓ df is a DataFrame of 3 rows"
    assert "df is a DataFrame of 3 rows already; press Assign again" in asked_first
    assert shell.user_ns["df"] == [{"n": 0}, {"n": 1}, {"n": 2}]


async def test_without_a_notebook_nothing_is_assigned(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    actions = rendered(session, call).actions
    actions.assign.click()

    actions.answer.assign.button.click()

    assert "there is no notebook here" in page(actions.answer.assign.said.value).text


async def test_an_answer_is_saved_in_a_file(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = session.submit("rows", count=2)
    await call
    actions = rendered(session, call).actions
    actions.save.click()
    drawer = actions.answer.save

    drawer.button.click()
    drawer.button.click()
    there = page(drawer.said.value).text
    drawer.what.value = 1
    named = drawer.name.value

    name = f"answer-rows-{call.id[:8]}"
    assert (tmp_path / f"{name}.csv").read_text() == "n\n0\n1\n"
    assert "is there already" in there
    assert named == f"{name}.json"


async def test_a_call_without_an_answer_offers_none_to_take(session: Session) -> None:
    call = session.submit("wait_for_ever")
    card = rendered(session, call)

    offered = is_there(card.actions.assign), is_there(card.actions.save)
    call.cancel()

    assert offered == (False, False)


async def test_after_the_session_was_closed_actions_say_so(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    card = rendered(session, call)
    await session.close()

    card.actions.retry.click()

    assert "the session is closed" in page(card.actions.said.value).text


# -- questions and messages -----------------------------------------------------------------------


async def test_a_question_is_answered_in_the_card(tmp_path: Path) -> None:
    async with asking_session(tmp_path) as asking:
        call = await asked(asking, "form")
        card = rendered(asking, call)
        (view,) = card.questions.views

        assert isinstance(view.body, FormBody)
        view.body.model.load({"count": 2})
        view.accept.click()
        said = await told(call)
        card.render(asking)

        assert said["form"] == {"action": "accept", "content": {"count": 2}}
        assert card.questions.views == []
        assert "How many?" in page(card.html(asking)).text or "done" in words_of(card)


async def test_a_question_is_in_a_saved_notebook(tmp_path: Path) -> None:
    async with asking_session(tmp_path) as asking:
        call = await asked(asking, "form")
        card = rendered(asking, call)

        assert "How many?" in page(card.html(asking)).text
        assert "asked by the server: How many?" in card.text(asking)


async def test_log_messages_are_counted_and_shown_on_demand(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    card = rendered(session, call)
    before = is_there(card.logs)
    ledger = session.log.ledger
    assert isinstance(ledger, Ledger)
    ledger.note(call.id, HOSTILE, at=0.0)
    card.render(session)
    named: Any = card.logs

    offered = named.description
    card.logs.click()
    card.render(session)
    pane = card.pane
    assert pane is not None
    shown = page(pane.body.value).text
    opened = named.description
    card.logs.click()

    assert not before
    assert (offered, opened) == ("Show 1 log message", "Hide 1 log message")
    assert "<script>" in shown
    assert card.pane is None
    assert "1 log message" in page(card.html(session)).text


# -- as a cell's output ---------------------------------------------------------------------------


def widget_count() -> int:
    # The only register of all widgets that there is has no public name.
    return len(vars(import_module("ipywidgets.widgets.widget"))["_instances"])


def shown_by(shell: Any, value: Any) -> dict[str, Any]:
    bundle, _ = shell.display_formatter.format(value)
    return bundle


async def test_a_call_displays_its_card_in_a_kernel_and_text_elsewhere(
    session: Session, shell: Any
) -> None:
    call = session.submit("echo", text="x")
    await call

    in_terminal = shown_by(shell, call)
    shell.kernel = object()
    in_kernel = shown_by(shell, call)
    del shell.kernel

    assert set(in_terminal) == {"text/plain", "text/html"}
    assert set(in_kernel) - set(in_terminal) == {"application/vnd.jupyter.widget-view+json"}
    assert in_kernel["text/html"] == in_terminal["text/html"]


async def test_a_list_of_calls_makes_no_widgets(session: Session, shell: Any) -> None:
    calls = [session.submit("echo", text=str(number)) for number in range(20)]
    for call in calls:
        await call
    shell.kernel = object()
    before = widget_count()

    bundle = shown_by(shell, calls)
    del shell.kernel

    assert widget_count() == before
    assert bundle["text/plain"].count("<Call") == 20


async def test_a_call_of_a_closed_session_is_no_card(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    await session.close()

    assert card_of(call) is None


async def test_a_card_keeps_no_session_alive_and_ends_with_its_widget(session: Session) -> None:
    call = session.submit("echo", text="x")
    await call
    shown = card_of(call)
    assert shown is not None
    card = weakref.ref(shown.part)

    shown.close()
    del shown
    gc.collect()

    until(lambda: card() is None)
    assert card() is None

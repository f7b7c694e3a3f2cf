"""The live table, driven as a front end drives it: by its widgets."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

from asyncmcp_nb.ledger import NewCall
from asyncmcp_nb.session import Session, Status
from asyncmcp_nb.ui.kit.inputs import close_all
from asyncmcp_nb.ui.kit.part import Shown
from asyncmcp_nb.ui.kit.turns import turn
from asyncmcp_nb.ui.table.page import Asked
from asyncmcp_nb.ui.table.table import CallTable
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page
from tests.ui.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def server(server: MCPServer) -> MCPServer:
    @server.tool(annotations=ToolAnnotations(destructive_hint=True))
    async def wipe(where: str) -> str:
        return f"wiped {where}"

    @server.tool()
    async def hang(ctx: Context) -> str:
        await ctx.report_progress(1, 4, "a quarter")
        await asyncio.Event().wait()
        return ""

    return server


class Stage:
    """A table that moves, and what it shows."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session = session
        self.opened: list[str] = []
        self.table = CallTable(session, on_open=self.opened.append, **options)
        self.shown = Shown(session, self.table, sheets=("table",))

    @property
    def rows(self) -> list[str]:
        """The text of each row that is there."""
        table = self.table
        return [page(row.cells.value).text for row in table.rows if row.record is not None]

    @property
    def statuses(self) -> list[str]:
        return [row.record.status.value for row in self.table.rows if row.record is not None]

    @property
    def caption(self) -> str:
        return page(self.table.caption.value).text

    @property
    def said(self) -> str:
        return page(self.table.deeds.said.value).text

    def add(self, count: int, **fields: Any) -> None:
        """Record calls, as queued ones that nobody sends."""
        ledger: Any = self.session.log.ledger
        begin = len(self.session.log)
        values: dict[str, Any] = {"tool": "echo", "arguments": {"text": "x"}, "group": None}
        values |= {"session": "s", "submitted_at": 1.0, **fields}
        ledger.add([NewCall(call_id=f"call{begin + n}", **values) for n in range(count)])
        self.render()

    def render(self) -> None:
        with turn():  # the session's own thread shows things too
            self.table.render(self.session)

    def row(self, call_id: str) -> Any:
        for row in self.table.rows:
            if row.record is not None and row.record.call_id == call_id:
                return row
        raise AssertionError(f"{call_id} is on no row")


@pytest.fixture
async def stage(session: Session) -> AsyncIterator[Stage]:
    made = Stage(session)
    yield made
    made.shown.close()


# -- what it shows --------------------------------------------------------------------------------


async def test_rows_move_while_a_cell_blocks(stage: Stage) -> None:
    call = stage.session.submit("echo", text="hello")

    # No await from here on: the loop stands still, as under a cell that computes.
    until(lambda: stage.statuses == ["done"])

    until(lambda: stage.caption == "1-1 of 1 call, the newest first")
    assert "hello" in stage.rows[0]
    assert call.id in stage.rows[0]


async def test_progress_is_a_bar_with_the_servers_words(stage: Stage) -> None:
    call = stage.session.submit("hang")
    until(lambda: "25 %" in "".join(stage.rows))
    cells = stage.table.rows[0].cells.value

    call.cancel()
    until(lambda: stage.statuses == ["cancelled"])

    assert ("role", "progressbar") in page(cells).attributes
    assert "25 % a quarter" in page(cells).text


async def test_elapsed_times_tick_without_the_ledger_being_read(stage: Stage) -> None:
    stage.add(1, submitted_at=time.time())
    row = stage.table.rows[0]
    before = row.cells.value
    record = row.record

    until(lambda: row.cells.value != before)

    assert row.record is record


async def test_a_row_keeps_its_widgets_and_sends_only_what_changed(stage: Stage) -> None:
    stage.add(2)
    first, second = stage.table.rows
    ended: Any = stage.session.log.ledger
    ended.finish("call1", Status.CANCELLED, at=2.0)
    stage.render()
    sent: list[str] = []

    def note(change: dict[str, Any]) -> None:
        sent.append(change["name"])

    for row in (first, second):
        traits: Any = row
        for control in (traits.check, traits.open, traits.act, traits.code):
            control.observe(note)

    ended.finish("call0", Status.CANCELLED, at=2.0)
    stage.render()
    stage.render()

    assert sent == ["description", "tooltip"]
    assert (first.act.description, second.act.description) == ("Retry", "Retry")
    assert (first.act.tooltip, second.act.tooltip) == ("retry row 1", "retry row 2")


@pytest.mark.parametrize(
    "fields",
    [
        {"tool": HOSTILE},
        {"arguments": {HOSTILE: HOSTILE}},
        {"group": HOSTILE},
        {"tool": "x" * 1_000_000, "arguments": {"text": "y" * 1_000_000}},
    ],
)
async def test_hostile_text_is_text_in_every_column(stage: Stage, fields: dict[str, Any]) -> None:
    stage.add(1, **fields)
    cells = stage.table.rows[0].cells.value
    options = [words for words, _ in stage.table.filters.tool.options]
    options += [words for words, _ in stage.table.filters.group.options]

    seen = page(cells)

    assert {"script", "img"} & set(seen.tags) == set()
    assert [name for name, _ in seen.attributes if name.startswith("on")] == []
    assert "\u202e" not in cells
    assert "\x1b" not in "".join(options)
    assert len(cells) < 10_000
    assert max(len(words) for words in options) < 100


async def test_hostile_answers_and_errors_are_text(stage: Stage) -> None:
    ledger: Any = stage.session.log.ledger
    stage.add(1)
    ledger.finish("call0", Status.FAILED, at=2.0, error_message=HOSTILE)
    await stage.session.call("echo", text=HOSTILE)
    stage.render()

    texts = [page(row.cells.value) for row in stage.table.rows]

    assert [{"script", "img"} & set(text.tags) for text in texts] == [set(), set()]
    assert [("alert" in text.text) for text in texts] == [True, True]


async def test_a_cell_that_was_cut_says_the_rest_in_its_title(stage: Stage) -> None:
    stage.add(1, arguments={"text": "word " * 100})

    cells = page(stage.table.rows[0].cells.value)

    titles = [value for name, value in cells.attributes if name == "title" and value]
    assert any(value.startswith('{"text":"word word') for value in titles)


# -- staying where it is --------------------------------------------------------------------------


async def test_new_calls_do_not_move_a_page_that_somebody_turned_to(stage: Stage) -> None:
    stage.add(50)
    stage.table.pages.next.click()
    until(lambda: stage.caption.startswith("21-40"))
    before = [row.record.call_id for row in stage.table.rows if row.record]

    stage.add(12)

    assert [row.record.call_id for row in stage.table.rows if row.record] == before
    assert stage.table.fresh.description == "Show 12 new calls"
    assert stage.table.pages.follow.value is False

    stage.table.fresh.click()
    until(lambda: stage.caption.startswith("1-20 of 62"))

    assert stage.table.fresh.disabled
    assert stage.table.pages.follow.value is True


async def test_selecting_a_call_holds_the_page(stage: Stage) -> None:
    stage.add(3)
    stage.row("call1").check.value = True
    stage.render()

    stage.add(1)

    assert [row.record.call_id for row in stage.table.rows if row.record] == [
        "call2",
        "call1",
        "call0",
    ]
    assert [row.check.value for row in stage.table.rows] == [False, True, False]
    assert page(stage.table.doing.note.value).text == "1 selected"


async def test_a_row_that_is_no_longer_needed_is_hidden_and_comes_back(stage: Stage) -> None:
    stage.add(3)
    stage.table.filters.text.value = "nowhere"
    stage.render()
    nobody = [row.record for row in stage.table.rows]
    stage.table.filters.clear.click()
    stage.render()

    assert nobody == [None] * 3
    assert len(stage.rows) == 3


# -- asking ---------------------------------------------------------------------------------------


async def test_filters_and_headings_work_from_their_widgets(stage: Stage) -> None:
    stage.add(2, tool="b", group="g", arguments={"city": "Bern"})
    stage.add(1, tool="a", arguments={"city": "Basel"})
    table = stage.table
    seen: dict[str, list[str]] = {}

    def look(what: str) -> None:
        stage.render()
        seen[what] = [row.record.call_id for row in table.rows if row.record]

    table.filters.tool.value = "b"
    look("tool")
    table.filters.tool.value = None
    table.filters.group.value = "g"
    look("group")
    table.filters.clear.click()
    table.filters.text.value = "basel"
    look("text")
    table.filters.clear.click()
    table.filters.shown.value = "done"
    look("shown")
    table.filters.clear.click()
    table.heads.buttons["tool"].click()
    look("sorted")
    table.heads.buttons["tool"].click()
    look("other way")
    table.filters.order.value = "call_id"
    look("by the list")

    assert seen == {
        "tool": ["call1", "call0"],
        "group": ["call1", "call0"],
        "text": ["call2"],
        "shown": [],
        "sorted": ["call2", "call0", "call1"],
        "other way": ["call1", "call0", "call2"],
        "by the list": ["call0", "call1", "call2"],
    }
    assert table.heads.buttons["call_id"].description == "Call ↑"
    assert table.filters.text.value == ""


async def test_names_that_look_the_same_can_be_told_apart(stage: Stage) -> None:
    stage.add(1, tool="x" * 200 + "1")
    stage.add(1, tool="x" * 200 + "2")

    options = stage.table.filters.tool.options

    assert len({words for words, _ in options}) == len(options) == 3


async def test_more_rows_a_page_when_asked_for(stage: Stage) -> None:
    stage.add(60)

    stage.table.pages.rows.value = 50
    stage.render()

    assert len(stage.rows) == 50
    assert stage.caption == "1-50 of 60 calls, the newest first; 10 on other pages"


# -- doing ----------------------------------------------------------------------------------------


async def test_a_row_is_opened_by_its_button(stage: Stage) -> None:
    stage.add(2)

    stage.row("call0").open.click()
    stage.render()

    assert stage.opened == ["call0"]
    assert ("aria-current", "true") in page(stage.row("call0").cells.value).attributes
    assert ("aria-current", "true") not in page(stage.row("call1").cells.value).attributes


async def test_a_table_alone_shows_the_call_that_is_opened_below_itself(session: Session) -> None:
    call = session.submit("echo", text="shown below")
    await call
    table = CallTable(session)
    table.render(session)

    table.rows[0].open.click()
    table.render(session)

    assert table.card is not None
    assert table.card.call_id == call.id
    close_all(table.widget)


async def test_one_button_cancels_and_then_retries(stage: Stage) -> None:
    call = stage.session.submit("hang")
    until(lambda: stage.statuses == ["running"])
    row = stage.table.rows[0]

    row.act.click()
    until(lambda: stage.said == "cancelled 1")
    until(lambda: stage.statuses == ["cancelled"])
    words = row.act.description
    row.act.click()
    until(lambda: stage.said == "submitted 1 again")

    retried = stage.session.log.ledger.rows(descending=True, limit=1)[0]
    assert words == "Retry"
    assert (retried.retry_of, retried.tool) == (call.id, "hang")


async def test_a_click_on_a_row_that_has_just_moved_does_nothing(stage: Stage) -> None:
    stage.add(2)
    row = stage.row("call1")
    stage.add(1)
    assert row.record.call_id == "call2"

    def what_a_click_is_told() -> str:
        with turn():
            stage.table.deeds.tell("")
            row.act.click()
            return stage.said

    said = told = what_a_click_is_told()
    with anyio.fail_after(PATIENCE_SECONDS):
        # As somebody who clicks again and again, while the loop is free, until a click counts: one
        # more would retry what was cancelled.
        while told == said:
            await asyncio.sleep(0.05)
            told = what_a_click_is_told()
    until(lambda: stage.said == "cancelled 1")

    assert said == "nothing was done: the rows had just moved; click again"
    statuses = [record.status.value for record in stage.session.log.ledger.rows()]
    assert statuses == ["queued", "queued", "cancelled"]


async def test_cancelling_a_selection_says_how_many_and_how_many_had_ended(stage: Stage) -> None:
    stage.add(3)
    ledger: Any = stage.session.log.ledger
    ledger.finish("call0", Status.CANCELLED, at=2.0)

    stage.table.doing.page.click()
    stage.table.doing.cancel.click()
    until(lambda: stage.said == "cancelled 2, 1 had ended already")

    assert stage.session.log.counts() == {Status.CANCELLED: 3}


async def test_all_that_match_are_selected_over_all_pages(stage: Stage) -> None:
    stage.add(30)
    stage.add(5, tool="other")
    stage.table.filters.tool.value = "echo"
    stage.render()
    stage.table.doing.all.click()
    until(lambda: stage.said == "selected 30 calls")
    stage.render()

    assert stage.table.doing.all.description == "Select all 30"
    assert page(stage.table.doing.note.value).text == "30 selected"
    stage.table.doing.none.click()
    stage.render()
    assert page(stage.table.doing.note.value).text == "none selected"
    assert stage.table.doing.cancel.disabled


async def test_retrying_what_destroys_asks_once(stage: Stage) -> None:
    await stage.session.call("wipe", where="here")
    stage.render()
    dialogs = stage.table.deeds.dialogs

    stage.table.rows[0].act.click()
    until(lambda: dialogs.shown == "question")
    question = page(dialogs.question.value).text
    dialogs.no.click()
    stage.table.deeds.jobs.join(PATIENCE_SECONDS)
    refused = len(stage.session.log)
    stage.table.rows[0].act.click()
    until(lambda: dialogs.shown == "question")
    dialogs.yes.click()
    until(lambda: stage.said == "submitted 1 again")

    assert "wipe: the server says that this destroys something" in question
    assert (refused, len(stage.session.log)) == (1, 2)


async def test_what_cannot_be_retried_says_why_and_the_rest_is(stage: Stage) -> None:
    stage.add(1, tool="no_such_tool")
    stage.add(1, arguments={"text": "fine"})
    stage.table.doing.page.click()

    stage.table.doing.retry.click()
    until(lambda: "could not be" in stage.said)

    assert stage.said.startswith("submitted 1 again, 1 could not be: ")
    assert "no_such_tool" in stage.said


async def test_a_selection_is_shown_as_code_that_a_click_selects(stage: Stage) -> None:
    stage.add(60, arguments={"text": "it's </pre><script>"})
    stage.table.pages.rows.value = 50
    stage.render()
    stage.table.doing.all.click()
    until(lambda: stage.said == "selected 60 calls")
    stage.render()
    stage.table.doing.code.click()
    dialogs = stage.table.deeds.dialogs
    python = page(dialogs.text.value)
    options = dict(dialogs.language.options)
    dialogs.language.value = options["%mcp"]
    magic = page(dialogs.text.value).text

    assert python.text.count("session.submit(") == 50
    assert "10 more calls are left out" in python.text
    assert "script" not in python.tags
    assert "%mcp" in magic


async def test_a_selection_is_written_to_a_file(stage: Stage, tmp_path: Path) -> None:
    stage.add(3)
    stage.row("call1").check.value = True
    stage.render()
    dialogs, target = stage.table.deeds.dialogs, tmp_path / "calls.jsonl"
    stage.table.doing.export.click()
    asked = page(dialogs.question.value).text
    dialogs.name.value = str(tmp_path / "calls.txt")
    dialogs.write.click()
    complaint = stage.said
    dialogs.name.value = str(target)
    dialogs.redact.value = True
    dialogs.write.click()
    until(lambda: stage.said.startswith("wrote 1 call to "))

    rows = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [row["call_id"] for row in rows] == ["call1"]
    assert "x" not in json.dumps(rows[0]["arguments"])
    assert "1 selected call" in asked
    assert complaint == "name a file that ends in .csv, .parquet, .jsonl, .html"


async def test_a_file_that_is_there_is_replaced_only_when_told(
    stage: Stage, tmp_path: Path
) -> None:
    stage.add(2)
    dialogs, target = stage.table.deeds.dialogs, tmp_path / "calls.csv"
    target.write_text("mine", "utf-8")
    stage.table.doing.export.click()
    dialogs.name.value = str(target)
    dialogs.write.click()
    question = page(dialogs.question.value).text
    kept = target.read_text("utf-8")
    dialogs.yes.click()
    until(lambda: stage.said.startswith("wrote 2 calls"))

    assert "calls.csv is there already. Replace it?" in question
    assert kept == "mine"
    assert target.read_text("utf-8").startswith("call_id,")


async def test_one_thing_is_done_at_a_time(stage: Stage) -> None:
    stage.add(1)
    jobs, gate = stage.table.deeds.jobs, threading.Event()

    def wait(_: object) -> str:
        gate.wait(PATIENCE_SECONDS)
        return "done"

    jobs.start(wait)
    stage.row("call0").act.click()
    said = stage.said
    gate.set()
    until(lambda: stage.said == "done")

    assert "something else is still being done" in said
    assert stage.statuses == ["queued"]


# -- saved, and its end ---------------------------------------------------------------------------


async def test_a_table_has_text_and_html_for_a_saved_notebook(stage: Stage) -> None:
    stage.add(30, tool=HOSTILE)
    shown: Any = stage.shown
    bundle: dict[str, Any] = shown._repr_mimebundle_()
    saved = page(bundle["text/html"])

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert saved.tags.count("tr") == 21
    assert "1-20 of 30 calls" in saved.text
    assert "1-20 of 30 calls" in bundle["text/plain"]
    assert "script" not in saved.tags
    assert "\u202e" not in bundle["text/plain"]


async def test_closing_waits_until_the_table_shows_the_last_that_happened(stage: Stage) -> None:
    await stage.session.call("echo", text="hello")
    await stage.session.close()

    assert stage.statuses == ["done"]
    assert "closed" in stage.caption


async def test_a_closed_session_leaves_a_table_that_does_nothing(stage: Stage) -> None:
    stage.add(2)
    await stage.session.close()
    until(lambda: "closed" in stage.caption)

    row = stage.table.rows[0]
    assert (row.act.disabled, row.check.disabled, stage.table.filters.text.disabled) == (True,) * 3
    row.act.click()
    assert stage.said == "this session is closed; connect again"


async def test_a_table_that_is_closed_is_gone(session: Session) -> None:
    table = CallTable(session, on_open=print)
    seen = weakref.ref(table)
    close_all(table.widget)
    del table
    gc.collect()

    assert seen() is None


async def test_an_old_page_is_not_shown_over_what_was_asked_for_since(stage: Stage) -> None:
    stage.add(30)
    stage.table.filters.text.value = "nowhere"

    until(lambda: stage.caption == "no calls like that; 30 filtered out")


async def test_a_late_page_takes_no_letters_from_what_is_being_typed(stage: Stage) -> None:
    filters = stage.table.filters
    for typed in ("s", "se", "sec"):
        filters.text.value = typed

    filters.show(Asked(text="se"))
    assert filters.text.value == "sec"

    filters.clear.click()
    assert filters.text.value == ""

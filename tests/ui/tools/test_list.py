"""The list of tools: searched as one types, chosen from, and steady while it is refreshed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp_types import Tool, ToolAnnotations

from asyncmcp_nb.session import Session, ToolList
from asyncmcp_nb.ui.kit.part import Shown
from asyncmcp_nb.ui.tools.list import LISTED_COUNT, ToolListPart, matching
from tests.helpers import PATIENCE_SECONDS, memory_deployment, tool_server
from tests.session.conftest import Stage
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Session]:
    """A session that no server has answered."""
    with memory_deployment() as memory:
        async with AsyncExitStack() as stack:
            yield await Stage(memory, tmp_path, stack).session()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Session]:
    with memory_deployment() as memory:
        async with AsyncExitStack() as stack:
            stage = Stage(memory, tmp_path, stack)
            await stage.serve(tool_server())
            session = await stage.session()
            await session.list_tools()
            yield session


def tools(*names: str, **traits: Any) -> ToolList:
    return ToolList(Tool(name=name, input_schema={"type": "object"}, **traits) for name in names)


def listing(session: Session, known: ToolList | None) -> ToolListPart:
    """A list of tools that the session is made to know."""
    part = ToolListPart(session)
    show(part, session, known)
    return part


def show(part: ToolListPart, session: Session, known: ToolList | None) -> None:
    session._engine.catalogue.tools = known  # pyright: ignore[reportPrivateUsage] # as if answered
    part.render(session)


def lines(part: ToolListPart) -> list[str]:
    return [label for label, _ in part.list.options]


def noted(part: ToolListPart) -> str:
    return page(part.note.value).text


def choose(part: ToolListPart, line: str) -> None:
    """As the page does it: by the place in the list."""
    part.list.index = lines(part).index(line)


# -- searching ------------------------------------------------------------------------------------


def test_a_search_looks_in_name_title_and_description_and_puts_names_first() -> None:
    known = ToolList(
        [
            Tool(name="b", description="of the Weather", input_schema={}),
            Tool(name="c", title="Weather Report", input_schema={}),
            Tool(name="weather", input_schema={}),
            Tool(name="d", annotations=ToolAnnotations(title="weather"), input_schema={}),
            Tool(name="e", description="else", input_schema={}),
        ]
    )

    assert [tool.name for tool in matching(known, "WEATHER")] == ["weather", "b", "c", "d"]
    assert [tool.name for tool in matching(known, "report  weather")] == ["c"]
    assert [tool.name for tool in matching(known, " ")] == ["b", "c", "weather", "d", "e"]
    assert matching(known, "nothing") == []


async def test_the_list_narrows_with_each_letter_and_keeps_what_was_chosen(alone: Session) -> None:
    part = listing(alone, tools("alpha", "beta", "alphabet"))
    choose(part, "beta")

    seen: list[tuple[list[str], int | None]] = []
    for typed in ("a", "al", "alphab", "", "b"):
        part.search.value = typed
        seen.append((lines(part), part.list.index))

    assert seen == [
        (["alpha", "beta", "alphabet"], 1),
        (["alpha", "alphabet"], None),
        (["alphabet"], None),
        (["alpha", "beta", "alphabet"], 1),
        (["beta", "alphabet"], 0),
    ]
    assert part.chosen is not None
    assert part.chosen.name == "beta"


async def test_what_a_search_leaves_out_is_counted(alone: Session) -> None:
    part = listing(alone, tools("alpha", "beta"))
    counts = [noted(part)]
    for typed in ("alp", "nothing"):
        part.search.value = typed
        part.render(alone)
        counts.append(noted(part))

    assert counts == ["2 tools", "1 of 2 tools", "0 of 2 tools"]


async def test_five_hundred_tools_are_listed_at_once_and_very_many_in_part(alone: Session) -> None:
    started = time.thread_time()
    part = listing(alone, tools(*(f"tool_{n}" for n in range(500))))
    took_seconds = time.thread_time() - started
    all_of_them = len(lines(part))
    show(part, alone, tools(*(f"tool_{n}" for n in range(5_000))))

    assert (all_of_them, len(lines(part))) == (500, LISTED_COUNT)
    assert noted(part) == "the first 1,000 of 5,000; search to see others"
    assert took_seconds < 0.5


# -- choosing -------------------------------------------------------------------------------------


async def test_choosing_shows_details_and_calls_back_once(served: Session) -> None:
    told: list[str] = []
    part = ToolListPart(served, on_choose=told.append)
    part.render(served)

    choose(part, "echo")
    part.search.value = "ech"
    part.render(served)

    assert told == ["echo"]
    assert "echo" in page(part.details.value).text
    assert "session.form" not in page(part.details.value).text


async def test_enter_in_the_search_opens_the_first_match_and_then_the_next(alone: Session) -> None:
    told: list[str] = []
    part = ToolListPart(alone, on_choose=told.append)
    show(part, alone, tools("alpha", "beta", "alphabet"))
    part.search.value = "alpha"
    for _ in range(3):
        enter(part)
    part.search.value = "bet"
    enter(part)
    part.search.value = "nothing"
    enter(part)
    part.search.value = "beta"
    enter(part)

    assert told == ["alpha", "alphabet", "alpha", "beta", "beta"]


def enter(part: ToolListPart) -> None:
    """Press the Enter key in the search, as a page tells of it."""
    line: Any = part.search
    line._handle_custom_msg({"event": "submit"}, [])


async def test_alone_the_list_says_how_to_open_a_form(served: Session) -> None:
    part = ToolListPart(served)
    part.render(served)
    choose(part, "echo")

    assert "session.form('echo') opens its form" in page(part.details.value).text


async def test_being_shown_a_tool_calls_nobody_back(served: Session) -> None:
    told: list[str] = []
    part = ToolListPart(served, on_choose=told.append)
    part.render(served)
    part.show("echo")

    assert told == []
    assert part.list.index == lines(part).index("echo")
    assert "echo" in page(part.details.value).text


async def test_an_error_of_whoever_is_told_is_said_in_the_list(served: Session) -> None:
    def fail(_: str) -> None:
        raise RuntimeError("no room " + HOSTILE)

    part = ToolListPart(served, on_choose=fail)
    part.render(served)
    choose(part, "echo")
    said = noted(part)
    part.render(served)

    assert said.startswith("RuntimeError: no room")
    assert noted(part) == said


# -- being refreshed ------------------------------------------------------------------------------


async def test_a_list_that_has_not_changed_is_not_sent_again(alone: Session) -> None:
    part = listing(alone, tools("alpha", "beta"))
    choose(part, "beta")
    sent: list[str] = []

    def changed(change: Any) -> None:
        sent.append(change["name"])

    for name in ("list", "note", "details"):
        box: Any = getattr(part, name)
        box.observe(changed)
    show(part, alone, tools("alpha", "beta"))
    part.render(alone)

    assert sent == []


async def test_a_tool_that_changed_shows_what_it_is_now_and_one_that_went_is_gone(
    alone: Session,
) -> None:
    part = listing(alone, tools("alpha", "beta", description="old"))
    choose(part, "beta")
    show(part, alone, tools("alpha", "beta", "gamma", description="new"))
    renewed = page(part.details.value).text
    show(part, alone, None)
    kept = page(part.details.value).text
    show(part, alone, tools("alpha"))

    assert "new" in renewed
    assert kept == renewed
    assert lines(part) == ["alpha"]
    assert (part.chosen, page(part.details.value).text) == (None, "")


async def test_while_no_server_answers_the_list_says_so_and_what_to_do(alone: Session) -> None:
    part = listing(alone, None)

    assert noted(part).startswith("Tools are listed as soon as a server answers.")
    assert "%%mcp serve" in noted(part)
    assert part.text(alone) == "Tools are listed as soon as a server answers."


async def test_a_server_without_tools_has_none(alone: Session) -> None:
    assert noted(listing(alone, tools())) == "no tools: the server offers none"


async def test_refresh_asks_again_and_never_waits(served: Session) -> None:
    part = ToolListPart(served)
    told = anyio.Event()
    loop = asyncio.get_running_loop()

    def poke() -> None:
        loop.call_soon_threadsafe(part.render, served)

    def noticed(_: Any) -> None:
        if noted(part) == "1 tool":
            told.set()

    part.follow(poke)
    part.render(served)
    box: Any = part.note
    box.observe(noticed, "value")

    part.refresh.click()
    await anyio.lowlevel.checkpoint()
    asked = noted(part)
    with anyio.fail_after(PATIENCE_SECONDS):
        await told.wait()

    assert asked == "1 tool; asking the server again …"


async def test_refreshing_a_closed_session_says_what_to_do(served: Session) -> None:
    part = ToolListPart(served)
    part.render(served)
    await served.close()
    part.refresh.click()

    assert noted(part) == "this session is closed; connect again"


# -- what is in it --------------------------------------------------------------------------------


async def test_hostile_names_are_lines_of_text(alone: Session) -> None:
    part = listing(alone, tools(HOSTILE, "\n" * 3 + "x" * 500, title=HOSTILE, description=HOSTILE))

    assert "\u202e" not in "".join(lines(part))
    assert "\x1b" not in "".join(lines(part))
    assert max(len(line) for line in lines(part)) < 120
    for index in range(2):
        part.list.index = index
        assert "alert" in page(part.details.value).text


async def test_two_tools_of_one_look_are_two(alone: Session) -> None:
    part = listing(alone, tools("x" * 100 + "a", "x" * 100 + "b"))
    part.list.index = 1

    assert part.chosen is not None
    assert part.chosen.name.endswith("b")


async def test_a_destructive_tool_is_marked_in_the_list(alone: Session) -> None:
    notes = ToolAnnotations(destructive_hint=True)
    part = listing(alone, tools("drop", title="Drop it", annotations=notes))

    assert lines(part) == ["drop ⚠ · Drop it"]


async def test_a_frozen_list_takes_nothing_any_more(served: Session) -> None:
    part = ToolListPart(served)
    part.render(served)
    part.freeze("elsewhere")

    assert [part.search.disabled, part.list.disabled, part.refresh.disabled] == [True] * 3
    assert noted(part) == "elsewhere"


async def test_a_saved_list_has_html_and_text(served: Session) -> None:
    part = ToolListPart(served)
    shown: Any = Shown(served, part, sheets=("tools",))
    choose(part, "echo")
    bundle = shown._repr_mimebundle_()
    shown.close()

    assert "Input schema" in page(bundle["text/html"]).text
    assert "echo(" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle

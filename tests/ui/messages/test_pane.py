"""Log messages and notifications: filtered, bounded, harmless, and still when one wants to read."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb.ledger import Ledger
from asyncmcp_nb.session import Notice, Session
from asyncmcp_nb.ui.messages.lines import Line, Lines, lines_html, lines_text
from asyncmcp_nb.ui.messages.pane import MessagePane
from tests.ui.asking import asked, asking_session
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    async with asking_session(tmp_path) as made:
        yield made


@pytest.fixture
async def call_id(session: Session) -> str:
    return (await asked(session, "url")).id


def note(session: Session, call_id: str, *texts: str, level: str = "info") -> None:
    """A log message of a call, as it comes into the ledger."""
    ledger = session.log.ledger
    assert isinstance(ledger, Ledger)
    for text in texts:
        ledger.note(call_id, text, at=time.time(), level=level)


def tell(session: Session, text: str, level: str = "info") -> None:
    """A notification of no call."""
    session.log.take(Notice("message", level, "srv", json.dumps(text), time.time()))


def shown(pane: MessagePane, session: Session) -> str:
    pane.render(session)
    return page(pane.body.value).text


async def test_a_session_shows_messages_of_all_calls_and_of_none(
    session: Session, call_id: str
) -> None:
    note(session, call_id, "one")
    tell(session, "two")
    note(session, call_id, "three")

    words = shown(MessagePane(session), session)
    of_call = shown(MessagePane(session, call_id), session)

    assert words.index("one") < words.index("two") < words.index("three")
    assert call_id in words
    assert "two" not in of_call
    assert call_id not in of_call


@pytest.mark.parametrize(
    ("level", "left"),
    [(None, "debug info warning error"), ("warning", "warning error"), ("emergency", "")],
)
async def test_a_level_lets_through_itself_and_what_is_worse(
    session: Session, call_id: str, level: str | None, left: str
) -> None:
    for each in ("debug", "info", "warning", "error"):
        note(session, call_id, f"said-{each}", level=each)
    pane = MessagePane(session)

    pane.level.value = level
    words = shown(pane, session)

    assert [each for each in left.split() if f"said-{each}" not in words] == []
    assert words.count("said-") == len(left.split())


async def test_words_are_looked_for_in_all_of_a_message(session: Session, call_id: str) -> None:
    note(session, call_id, "Größe of the file", "other")
    pane = MessagePane(session)

    pane.words.value = "FILE größe"
    found = shown(pane, session)
    pane.words.value = "nothing like it"

    assert "Größe" in found
    assert "other" not in found
    assert shown(pane, session) == "No messages match."


async def test_the_newest_are_shown_and_the_rest_is_told(session: Session, call_id: str) -> None:
    note(session, call_id, *(f"m{number}." for number in range(250)))

    words = shown(MessagePane(session, call_id), session)

    assert "m249." in words
    assert "m49." not in words
    assert "50 earlier ones are not shown" in words


async def test_without_follow_it_stands_still_and_counts_what_is_new(
    session: Session, call_id: str
) -> None:
    note(session, call_id, "one")
    pane = MessagePane(session, call_id)
    shown(pane, session)

    pane.follow_box.value = False
    note(session, call_id, "two")
    still = shown(pane, session)
    said = page(pane.note.value).text
    pane.follow_box.value = True

    assert "two" not in still
    assert said == "1 newer; tick Follow to see them"
    assert "two" in shown(pane, session)
    assert pane.note.value == ""


async def test_nothing_said_is_said(session: Session) -> None:
    pane = MessagePane(session)

    assert shown(pane, session) == "No messages."
    assert pane.text(session) == "no messages"
    pane.freeze("closed")
    assert page(pane.note.value).text == "closed"


def lines(*data: Any, level: str = "info", source: str = "srv") -> Lines:
    made = [Line(0.0, level, source, "c1", json.dumps(each)) for each in data]
    return Lines(made, len(made), len(made))


def test_data_is_text_code_or_a_tree() -> None:
    read = page(lines_html(lines("plain", {"a": 1}, {"a": list(range(300))}), with_calls=True))

    assert "plain" in read.text
    assert '{"a": 1}' in read.text
    assert read.tags.count("details") == 3
    assert "200 more not shown" in read.text


def test_long_and_hostile_messages_are_words_and_bounded() -> None:
    huge = ["x" * 1_000_000, HOSTILE, {HOSTILE: HOSTILE}, "\n" * 10_000, HOSTILE * 5_000]

    markup = lines_html(lines(*huge * 40, level=HOSTILE, source=HOSTILE), with_calls=True)

    assert len(markup) < 2_000_000
    assert "1.0 MB" in page(markup).text
    assert "\u202e" not in lines_text(lines(*huge, level=HOSTILE, source=HOSTILE))


def test_data_that_is_no_json_is_shown_as_it_is() -> None:
    odd = Lines([Line(0.0, "odd", "", None, "{not json")], 1, 1)

    assert "{not json" in page(lines_html(odd, with_calls=True)).text
    assert lines_text(odd).endswith("odd      : {not json")

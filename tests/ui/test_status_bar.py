"""The bar on top: who is connected where, how it goes, what it cost, what to do."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from asyncmcp_nb.bus import QueueDepth
from asyncmcp_nb.session import Session, SessionStatus, Status
from asyncmcp_nb.sns_sqs.depths import Measured
from asyncmcp_nb.ui.kit import widgets
from asyncmcp_nb.ui.status_bar import StatusBar
from asyncmcp_nb.ui.still import status_line, text
from asyncmcp_nb.ui.theme import bare
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page

IDLE = SessionStatus(
    name="alice",
    deployment="local",
    endpoint="eu-west-1",
    era="2026-07-28",
    server="weather 1.2",
    state="connected",
    counts={},
    oldest_outstanding_at=None,
    waiting_count=0,
    unsolicited_count=0,
    requests={},
)


def test_a_status_line_says_who_is_where_and_what_it_cost() -> None:
    status = SessionStatus(
        name="alice",
        deployment="local",
        endpoint="http://127.0.0.1:1",
        era="2026-07-28",
        server=HOSTILE,
        state="broker unreachable",
        counts={Status.SENT: 2, Status.DONE: 8, Status.FAILED: 0},
        oldest_outstanding_at=0.0,
        waiting_count=1,
        unsolicited_count=0,
        requests={"Publish": 20},
        ended_count=8,
        error=HOSTILE,
    )

    shown = page(status_line.status_html(status))

    for words in (
        "broker unreachable",
        "alice @ local",
        "2 in flight",
        "8 done",
        "20 AWS requests",
    ):
        assert words in shown.text
    assert "0 failed" not in shown.text
    assert "2.50 per call" in shown.text
    assert ("role", "alert") in shown.attributes
    assert "alice@local" in text.status_text(status)


def test_a_session_status_shows_all_that_its_line_leaves_out() -> None:
    status = SessionStatus(
        name="alice",
        deployment="local",
        endpoint="eu-west-1",
        era="2026-07-28",
        server=None,
        state="connected",
        counts={Status.QUEUED: 3, Status.RUNNING: 2, Status.DONE: 1_000},
        oldest_outstanding_at=time.time() - 125,
        waiting_count=4,
        unsolicited_count=5,
        requests={"ReceiveMessage": 30, "PublishBatch": 20},
        ended_count=100,
        duplicate_count=6,
        refused_count=7,
        held_count=8,
        server_queue=Measured(QueueDepth(12, 3), 2.0),
        queue=Measured(error=HOSTILE, age_seconds=1.0),
    )

    plain = text.status_text(status)
    rows = page(status_line.status_html(status)).text

    expected = {
        "Servers' queue": "12 waiting, 3 in flight, 2.0 s ago",
        "Dead-letter queue": "not measured yet",
        "Calls": "3 queued, 2 in flight, 1,000 ended",
        "Oldest outstanding": "2 min 05 s",
        "Waiting to be published": "4",
        "Unsolicited": "5",
        "Duplicates dropped": "6",
        "Refused": "7",
        "Held to keep the order": "8",
        "AWS requests": "50, 0.50 for each call (20 PublishBatch, 30 ReceiveMessage)",
    }
    assert {name for name, value in expected.items() if name + value not in rows} == set()
    lines = dict(line.strip().split("  ", 1) for line in plain.splitlines()[1:])
    assert {name: lines[name].strip() for name in expected} == expected
    assert "unknown (" in rows


def test_the_bar_says_who_is_where_and_how_it_goes_without_a_style_sheet() -> None:
    counts = {Status.QUEUED: 4, Status.RUNNING: 2, Status.INPUT_REQUIRED: 1, Status.DONE: 1_000}
    status = replace(IDLE, counts=counts, requests={"Publish": 30}, ended_count=12)

    said = page(status_line.status_line(status)).text

    assert said == (
        "● connected · alice @ local · server weather 1.2 · MCP 2026-07-28 · eu-west-1 · "
        "3 in flight · 4 waiting · ? 1 asks you · ✓ 1,000 done · 30 AWS requests, 2.50 per call"
    )


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (None, "alice @ local · MCP"),
        ("", "alice @ local · server without a name · MCP"),
        ("weather 1.2", "alice @ local · server weather 1.2 · MCP"),
    ],
)
def test_a_server_that_has_not_introduced_itself_is_not_said_to_have_no_name(
    server: str | None, said: str
) -> None:
    assert said in page(status_line.status_line(replace(IDLE, server=server))).text


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("connected", None),
        ("waiting for a server", "%%mcp serve in a cell"),
        ("broker unreachable", "tried again by itself"),
        ("closed", "%mcp connect"),
    ],
)
def test_a_session_that_does_not_go_names_the_next_step(state: str, step: str | None) -> None:
    status = replace(IDLE, state=state)

    said = page(status_line.status_line(status)).text

    assert state in said
    assert (status_line.next_step(status) is None) is (step is None)
    assert step is None or step in said


async def test_the_bar_is_not_sent_again_while_nothing_changes(session: Session) -> None:
    bar = StatusBar(session)
    bar.render(session)
    sent: list[object] = []
    box: Any = bar.box
    box.observe(sent.append, "value")

    bar.box.value = bar.box.value
    status = session.snapshot()
    widgets.put(bar.box, bare(status_line.status_line(status)))

    assert sent == []
    assert "ui @" in page(bar.box.value).text
    assert "ui@" in bar.text(session)

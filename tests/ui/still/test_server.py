"""Servers as HTML: their counts, and their worker processes."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from asyncmcp_nb.bus import QueueDepth
from asyncmcp_nb.server.status import ServerStatus, WorkerStatus
from asyncmcp_nb.sns_sqs.depths import Measured
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics
from asyncmcp_nb.ui.still import server as server_html
from asyncmcp_nb.ui.still import text
from tests.ui.conftest import HOSTILE
from tests.ui.still.test_still import page


def test_a_server_status_shows_all_that_its_line_leaves_out() -> None:
    counts = replace(
        COUNTS,
        oldest_in_flight_at=time.time() - 125,
        duplicate_count=5,
        unsolicited_count=6,
        handed_back_count=7,
        lost_lease_count=8,
    )
    status = replace(
        server_of().status,
        statistics=counts,
        requests={"PublishBatch": 3},
        queue=Measured(QueueDepth(12, 3), 2.0),
    )

    plain = text.server_status_text(status)
    rows = page(server_html.server_status_html(status)).text

    expected = {
        "Servers' queue": "12 waiting, 3 in flight, 2.0 s ago",
        "In flight": "1, the oldest for 2 min 05 s",
        "Redelivered": "3",
        "Duplicates dropped": "5",
        "Unsolicited": "6",
        "Dead letters": "4 put aside by this server",
        "Handed back": "7",
        "Leases lost": "8",
        "AWS requests": "3, 1.50 for each answer (3 PublishBatch)",
    }
    assert {name for name, value in expected.items() if name + value not in rows} == set()
    lines = dict(line.strip().split("  ", 1) for line in plain.splitlines()[1:])
    assert {name: lines[name].strip() for name in expected} == expected


COUNTS = ServerStatistics(in_flight_count=1, answered_count=2, redelivered_count=3, parked_count=4)


def server_of(*workers: WorkerStatus) -> Any:
    status = ServerStatus(
        name=HOSTILE,
        deployment="d",
        state="serving",
        up_seconds=61,
        statistics=COUNTS,
        requests={},
        workers=workers,
    )
    return SimpleNamespace(status=status)


def test_a_server_shows_its_counts() -> None:
    shown = page(server_html.server_html(server_of())).text

    assert "1 in flight · 2 answered · 3 redelivered · 4 dead letters" in shown
    assert "up 1 min 01 s" in shown


def test_a_server_shows_its_worker_processes() -> None:
    well = WorkerStatus(
        slot=0,
        worker_id="0a1b2c3d",
        pid=1234,
        state="serving",
        restart_count=0,
        up_seconds=61,
        statistics=COUNTS,
        requests={},
        error=None,
        last_end=None,
    )
    away = replace(well, slot=1, pid=None, state="restarting", restart_count=5, error=HOSTILE)

    shown = page(server_html.server_html(server_of(well, away)))

    assert "2 workers" in shown.text
    assert "0 0a1b2c3d1234● serving1201 min 01 s" in shown.text
    assert "1 0a1b2c3d◌ restarting125" in shown.text
    assert "<script>alert('x')</script>" in shown.text
    assert "script" not in shown.tags

"""How a server's status reads."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from asyncmcp_nb.bus import QueueDepth
from asyncmcp_nb.errors import BusError
from asyncmcp_nb.server.status import (
    ServerStatus,
    WorkerStatus,
    ended,
    total,
    total_requests,
    worker_table,
)
from asyncmcp_nb.sns_sqs.depths import Measured
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics

WORKER = WorkerStatus(
    slot=0,
    worker_id="0a1b2c3d",
    pid=4711,
    state="serving",
    restart_count=0,
    up_seconds=61.4,
    statistics=ServerStatistics(in_flight_count=2, answered_count=12345),
    requests={},
    error=None,
    last_end=None,
)
AWAY = replace(
    WORKER,
    slot=1,
    worker_id="99999999",
    pid=None,
    state="restarting",
    restart_count=3,
    up_seconds=0.0,
    error="ValueError: no\ndatabase",
)


def status_of(*workers: WorkerStatus, state: str = "serving") -> ServerStatus:
    return ServerStatus(
        name="tools",
        deployment="test",
        state=state,
        up_seconds=5,
        statistics=ServerStatistics(answered_count=9),
        requests={},
        workers=workers,
    )


@pytest.mark.parametrize(
    ("workers", "state", "words"),
    [
        ((), "serving", "tools@test · serving · 0 in flight · 9 answered · "),
        ((WORKER,), "serving", "tools@test · serving · 1 worker · 0 in flight"),
        ((WORKER, AWAY), "serving", "tools@test · serving · 1 of 2 workers · 0 in flight"),
        ((AWAY, AWAY), "restarting", "tools@test · restarting · 0 of 2 workers · "),
        ((AWAY, AWAY), "stopped", "tools@test · stopped · 2 workers · "),
    ],
)
def test_one_line_says_how_many_workers_serve(
    workers: tuple[WorkerStatus, ...], state: str, words: str
) -> None:
    line = str(status_of(*workers, state=state))

    assert line.startswith(words)
    assert line.endswith("0 redelivered · 0 dead letters · up 5 s")


def test_workers_stand_in_a_table_with_what_happened_to_them() -> None:
    killed = replace(WORKER, last_end="killed by SIGKILL")

    assert worker_table([WORKER, AWAY, killed]) == [
        "worker  id        pid   state       in flight  answered  restarts    up",
        "0       0a1b2c3d  4711  serving             2    12,345         0  61 s",
        "1       99999999  -     restarting          2    12,345         3   0 s"
        "  ValueError: no database",
        "0       0a1b2c3d  4711  serving             2    12,345         0  61 s"
        "  killed by SIGKILL",
    ]


def test_counts_are_added_up_and_the_first_error_is_told() -> None:
    error = BusError("no route")
    parts = [
        ServerStatistics(in_flight_count=1, answered_count=2),
        ServerStatistics(answered_count=3, last_error=error),
        ServerStatistics(lost_lease_count=4, last_error=BusError("later")),
    ]

    assert total(parts) == ServerStatistics(
        in_flight_count=1, answered_count=5, lost_lease_count=4, last_error=error
    )
    assert total([]) == ServerStatistics()


def test_requests_are_added_up_by_operation() -> None:
    assert total_requests([{"Publish": 1}, {"Publish": 2, "Receive": 3}]) == {
        "Publish": 3,
        "Receive": 3,
    }


# -- more than counts -----------------------------------------------------------------------------


def test_what_did_not_happen_is_left_out_of_the_line() -> None:
    counts = ServerStatistics(
        in_flight_count=1,
        oldest_in_flight_at=time.time() - 90,
        duplicate_count=3,
        unsolicited_count=2,
        lost_lease_count=1,
    )
    depth = Measured(QueueDepth(12, 1), 0.5)

    busy = str(replace(status_of(), statistics=counts, queue=depth))

    assert " · 1 in flight · oldest 90 s · 12 waiting · 0 answered · " in busy
    assert " · 3 duplicates dropped · 2 unsolicited · 1 leases lost · " in busy
    assert str(status_of()) == (
        "tools@test · serving · 0 in flight · 9 answered · 0 redelivered · 0 dead letters · up 5 s"
    )
    assert repr(status_of()) == f"<ServerStatus {status_of()}>"


def test_the_oldest_request_of_a_pool_is_that_of_the_worker_that_has_it() -> None:
    parts = [
        ServerStatistics(),
        ServerStatistics(oldest_in_flight_at=200.0),
        ServerStatistics(oldest_in_flight_at=100.0),
    ]

    assert total(parts).oldest_in_flight_at == 100.0
    assert total(parts[:1]).oldest_in_flight_at is None
    assert ended(parts[2]).oldest_in_flight_at is None


def test_requests_are_told_for_each_answer() -> None:
    status = replace(status_of(), requests={"PublishBatch": 6, "ReceiveMessage": 12})

    assert status.requests_per_answer == 2.0
    assert replace(status, statistics=ServerStatistics()).requests_per_answer is None

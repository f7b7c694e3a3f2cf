"""One place in a pool: what its processes do, one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from asyncmcp_nb.errors import BusError
from asyncmcp_nb.server.pool_messages import Failed, Ready, Vitals
from asyncmcp_nb.server.slot import Slot
from asyncmcp_nb.server.status import WorkerStatus
from asyncmcp_nb.sns_sqs.statistics import ServerStatistics


@pytest.fixture
def slot() -> Slot:
    """One whose process has served since 10."""
    made = Slot(3, "0a1b2c3d")
    made.begin(101, 0.0)
    made.take(Ready("tools"), 10.0)
    return made


def vitals(state: str = "serving", error: str | None = None, **counts: Any) -> Vitals:
    return Vitals(state, ServerStatistics(**counts), {"Publish": 2}, error)


def shown(slot: Slot, now: float = 20.0) -> dict[str, Any]:
    """What changes of a slot's status."""
    status: WorkerStatus = slot.status(now)
    return {
        "pid": status.pid,
        "state": status.state,
        "restarts": status.restart_count,
        "up": status.up_seconds,
        "error": status.error,
        "last_end": status.last_end,
    }


def test_a_process_is_due_at_first_and_not_while_there_is_one() -> None:
    slot = Slot(0, "0a1b2c3d")
    before = slot.due_at
    slot.begin(101, 5.0)

    assert (before, slot.due_at, slot.is_ready) == (0.0, None, False)
    assert shown(slot) == {
        "pid": 101,
        "state": "starting",
        "restarts": 0,
        "up": 15.0,
        "error": None,
        "last_end": None,
    }


def test_what_a_process_reports_is_shown(slot: Slot) -> None:
    slot.take(vitals("queue unreachable", "no route", answered_count=7), 12.0)

    assert (slot.name, slot.is_ready) == ("tools", True)
    assert (slot.state, shown(slot)["error"]) == ("queue unreachable", "no route")
    assert slot.status(20.0).statistics.answered_count == 7
    assert slot.status(20.0).requests == {"Publish": 2}


def test_a_process_that_died_is_due_at_once_and_the_next_a_little_later(slot: Slot) -> None:
    slot.end("killed by SIGKILL", 20.0)
    first = (slot.due_at, shown(slot))
    slot.begin(102, 20.0)
    slot.end("exited with code 1", 21.0)

    assert first == (
        20.0,
        {
            "pid": None,
            "state": "restarting",
            "restarts": 0,
            "up": 0.0,
            "error": "killed by SIGKILL",
            "last_end": "killed by SIGKILL",
        },
    )
    assert slot.due_at == 21.5
    assert shown(slot)["restarts"] == 1


def test_a_process_that_answers_and_dies_each_time_is_due_at_once_each_time(slot: Slot) -> None:
    due: list[float | None] = []
    for now in (20.0, 30.0, 40.0, 50.0):
        slot.take(Ready("tools"), now)
        slot.take(vitals(answered_count=1), now + 1.0)
        slot.end("killed by SIGKILL", now + 2.0)
        due.append(slot.due_at)
        slot.begin(102, now + 2.0)

    assert due == [22.0, 32.0, 42.0, 52.0]


def test_a_process_started_anew_serves_without_a_complaint_but_with_its_history(
    slot: Slot,
) -> None:
    slot.end("killed by SIGKILL", 20.0)
    slot.begin(102, 20.0)
    slot.take(Ready("tools"), 21.0)

    assert shown(slot, 30.0) == {
        "pid": 102,
        "state": "serving",
        "restarts": 1,
        "up": 10.0,
        "error": None,
        "last_end": "killed by SIGKILL",
    }


def test_a_reason_that_a_process_gave_itself_is_worth_more_than_its_exit_code(slot: Slot) -> None:
    slot.end("killed by SIGKILL", 20.0)
    slot.begin(102, 20.0)
    slot.take(Failed("cannot import 'numpy'"), 20.5)
    slot.end("exited with code 1", 21.0)
    slot.begin(103, 22.0)
    slot.end("exited with code 2", 23.0)

    assert shown(slot)["error"] == "exited with code 2"


def test_a_minute_of_service_lets_the_wait_begin_anew(slot: Slot) -> None:
    for at in (20.0, 21.0, 22.0):
        slot.end("exited with code 1", at)
        slot.begin(102, at)
    slot.take(Ready("tools"), 30.0)
    slot.end("exited with code 1", 90.0)

    assert slot.due_at == 90.0


def test_counts_of_processes_that_are_gone_stay_but_what_they_had_in_hand_does_not(
    slot: Slot,
) -> None:
    error = BusError("no route")
    slot.take(vitals(answered_count=5, in_flight_count=2, last_error=error), 12.0)
    slot.end("killed by SIGKILL", 20.0)
    gone = slot.status(20.0).statistics
    slot.begin(102, 20.0)
    slot.take(vitals(answered_count=1, in_flight_count=1), 22.0)
    now = slot.status(22.0)

    assert gone == ServerStatistics(answered_count=5)
    assert now.statistics == ServerStatistics(answered_count=6, in_flight_count=1)
    assert now.requests == {"Publish": 4}


def test_a_retired_slot_starts_no_process_and_tells_of_none_that_ended(slot: Slot) -> None:
    slot.retire()
    stopping = shown(slot)["state"]
    slot.take(vitals(answered_count=5), 12.0)
    still = shown(slot)["state"]
    slot.end("exited with code 0", 20.0)

    assert (stopping, still, slot.due_at) == ("stopping", "stopping", None)
    assert (slot.state, shown(slot)["error"]) == ("stopped", None)
    assert slot.status(20.0).statistics.answered_count == 5


def test_a_slot_that_is_retired_while_it_waits_has_stopped(slot: Slot) -> None:
    slot.end("killed by SIGKILL", 20.0)
    slot.retire()

    assert (slot.state, slot.due_at) == ("stopped", None)


def test_a_process_that_was_never_there_counts_as_a_start(slot: Slot) -> None:
    new = Slot(0, "0a1b2c3d")
    new.end("OSError: no more processes", 1.0)
    new.begin(101, 1.0)

    assert (new.last_end, shown(new)["restarts"]) == ("OSError: no more processes", 1)

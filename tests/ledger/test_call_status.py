from __future__ import annotations

from itertools import product

import pytest

from asyncmcp_nb.ledger import OUTSTANDING, STATUSES, TERMINAL, Status, next_status


def test_the_nine_statuses_stand_in_the_order_that_users_see() -> None:
    assert [status.value for status in Status] == [
        "queued",
        "sent",
        "running",
        "input_required",
        "done",
        "tool_error",
        "failed",
        "cancelled",
        "timed_out",
    ]


def test_counts_by_status_are_read_as_they_are_looked_up() -> None:
    counts = {Status.DONE: 2, Status.TOOL_ERROR: 1}

    assert repr(counts) == "{'done': 2, 'tool_error': 1}"
    assert (counts["done"], counts["tool_error"]) == (2, 1)  # type: ignore[index] - a status is text


def test_ranks_count_from_zero_and_lead_back_to_their_status() -> None:
    assert [status.rank for status in STATUSES] == list(range(9))


def test_every_status_is_either_outstanding_or_terminal() -> None:
    assert set(Status) == OUTSTANDING | TERMINAL
    assert set() == OUTSTANDING & TERMINAL
    assert {Status.QUEUED, Status.SENT, Status.RUNNING, Status.INPUT_REQUIRED} == OUTSTANDING


@pytest.mark.parametrize(("current", "suggested"), [*product(sorted(TERMINAL), Status)])
def test_a_terminal_status_absorbs_everything(current: Status, suggested: Status) -> None:
    assert next_status(current, suggested) is current


@pytest.mark.parametrize(
    ("current", "suggested"), [*product(sorted(OUTSTANDING), sorted(TERMINAL))]
)
def test_an_outstanding_call_can_end_in_any_way(current: Status, suggested: Status) -> None:
    assert next_status(current, suggested) is suggested


@pytest.mark.parametrize(
    ("current", "suggested", "expected"),
    [
        (Status.QUEUED, Status.SENT, Status.SENT),
        (Status.SENT, Status.SENT, Status.SENT),
        (Status.RUNNING, Status.SENT, Status.RUNNING),
        (Status.INPUT_REQUIRED, Status.SENT, Status.SENT),
        (Status.QUEUED, Status.RUNNING, Status.RUNNING),
        (Status.INPUT_REQUIRED, Status.RUNNING, Status.RUNNING),
        (Status.RUNNING, Status.INPUT_REQUIRED, Status.INPUT_REQUIRED),
        (Status.SENT, Status.QUEUED, Status.SENT),
        (Status.RUNNING, Status.QUEUED, Status.RUNNING),
    ],
)
def test_an_outstanding_call_moves_forward(
    current: Status, suggested: Status, expected: Status
) -> None:
    assert next_status(current, suggested) is expected

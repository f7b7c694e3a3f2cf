"""What the submitter and the publisher say to the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asyncmcp_nb.errors import ConfigError, InvalidArguments, LedgerError
from asyncmcp_nb.ledger import Binding, Ledger, NewCall, Status

if TYPE_CHECKING:
    from tests.ledger.conftest import Desk


def test_a_new_call_is_queued_with_all_that_was_said_of_it(ledger: Ledger) -> None:
    ledger.add(
        [NewCall("a", "score", {"x": 1}, 100.5, "g", "c" * 32, deadline=160.0, retry_of="z")]
    )

    call = ledger.get("a")

    assert call is not None
    assert call.status is Status.QUEUED
    assert (call.position, call.tool, call.arguments) == (1, "score", {"x": 1})
    assert (call.submitted_at, call.deadline, call.group) == (100.5, 160.0, "g")
    assert (call.session, call.retry_of) == ("c" * 32, "z")
    assert (call.deliveries, call.attempts, call.sent_at, call.text) == (0, 0, None, None)
    assert (call.result, call.structured, call.error_data, call.latency_seconds) == (None,) * 4
    assert not call.is_finished


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"n": 2**70, "m": -(10**400), "zero": None},
        {"naïve": "日本語 🚀", "quote": '"\\\n\x00', "lone": "\ud800"},
        {"nested": [{"a": [1, 2.5, True, None]}]},
    ],
)
def test_arguments_come_back_exactly(ledger: Ledger, arguments: dict[str, Any]) -> None:
    ledger.add([NewCall("a", "score", arguments, 100.0, None, "s")])

    call = ledger.get("a")

    assert call is not None
    assert call.arguments == arguments


def test_text_that_utf8_cannot_carry_is_escaped_in_names(ledger: Ledger) -> None:
    ledger.add([NewCall("a", "t\ud800", {}, 100.0, "g\ud800", "s")])

    assert (ledger.tools(), ledger.groups()) == (["t\\ud800"], ["g\\ud800"])


@pytest.mark.parametrize("arguments", [{"x": object()}, {"x": {1, 2}}, {"x": 10**5_000}])
def test_arguments_that_are_not_json_are_refused_and_nothing_is_written(
    ledger: Ledger, arguments: dict[str, Any]
) -> None:
    good = NewCall("a", "score", {}, 100.0, None, "s")
    with pytest.raises(InvalidArguments, match="arguments of score are not JSON"):
        ledger.add([good, NewCall("b", "score", arguments, 100.0, None, "s")])

    assert ledger.count() == 0


def test_calls_are_added_all_or_none(desk: Desk) -> None:
    desk.submit("a")
    new = [NewCall(call_id, "score", {}, 100.0, None, "s") for call_id in ("b", "a")]

    with pytest.raises(LedgerError, match="an entry of that identity already"):
        desk.ledger.add(new)

    assert [call.call_id for call in desk.ledger.rows()] == ["a"]


def test_a_request_leads_to_its_call_and_a_call_to_its_requests(desk: Desk) -> None:
    desk.submit("a", "b")
    desk.ledger.bind([Binding("d" * 32, "1", "a")])

    assert desk.ledger.call_of("d" * 32, "1") == "a"
    assert desk.ledger.call_of("d" * 32, "2") is None
    assert desk.ledger.bindings_of("a") == [
        Binding(desk.connection, "a", "a"),
        Binding("d" * 32, "1", "a"),
    ]
    assert desk.ledger.bindings_of("nobody") == []


def test_a_question_is_open_until_the_call_is_sent_again(desk: Desk) -> None:
    desk.submit("a")
    assert desk.ledger.last_answered("a") is None

    desk.ask("a")
    assert desk.ledger.last_answered("a") == "a"

    desk.ledger.bind([Binding(desk.connection, "a2", "a")])
    assert desk.ledger.last_answered("a") is None
    assert desk.ledger.last_answered("nobody") is None


def test_equal_ids_of_two_connections_are_two_requests(desk: Desk) -> None:
    desk.submit("a", "b")
    desk.ledger.bind([Binding("1" * 32, "7", "a"), Binding("2" * 32, "7", "b")])

    desk.answer("7", connection_id="2" * 32)

    assert (desk.call("a").status, desk.call("b").status) == (Status.QUEUED, Status.DONE)


def test_binding_again_changes_nothing(desk: Desk) -> None:
    desk.submit("a")
    desk.ledger.bind([Binding(desk.connection, "a", "a")])

    assert len(desk.ledger.bindings_of("a")) == 1


def test_a_call_that_has_ended_is_bound_to_no_further_request(desk: Desk) -> None:
    desk.submit("a", "b")
    desk.ledger.finish("a", Status.CANCELLED, at=110.0)
    again, other = (Binding(desk.connection, name, name[0]) for name in ("a2", "b2"))

    assert desk.ledger.bind([again, other]) == [other]
    assert desk.ledger.bind([Binding(desk.connection, "a", "a"), other]) == [other]
    assert len(desk.ledger.bindings_of("a")) == 1


def test_a_request_cannot_belong_to_two_calls(desk: Desk) -> None:
    desk.submit("a", "b")

    with pytest.raises(LedgerError, match=r"request a of connection c+ belongs to call a, not b"):
        desk.ledger.bind([Binding(desk.connection, "a", "b")])


def test_a_request_of_a_call_that_is_not_there_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no call a; add it"):
        ledger.bind([Binding("c" * 32, "1", "a")])


def test_sending_marks_the_time_the_size_and_the_attempt(desk: Desk) -> None:
    desk.submit("a")

    desk.ledger.mark_sent([("a", 101.0, 300)])
    desk.send("a", at=102.0, request_bytes=310)

    call = desk.call("a")
    assert (call.status, call.sent_at, call.request_bytes, call.attempts) == (
        Status.SENT,
        101.0,
        310,
        2,
    )


def test_an_answer_that_overtakes_the_publisher_leaves_only_the_time_to_fill_in(desk: Desk) -> None:
    desk.submit("a")
    desk.answer("a")

    desk.send("a", at=101.0)

    call = desk.call("a")
    assert (call.status, call.sent_at, call.attempts) == (Status.DONE, 101.0, 1)


def test_progress_that_overtakes_the_publisher_is_not_undone(desk: Desk) -> None:
    desk.submit("a")
    desk.arrive("a", "progress", {"progress": 1, "total": 2})

    desk.send("a")

    assert desk.call("a").status is Status.RUNNING


def test_a_question_that_overtakes_the_publisher_stays_until_the_next_request(desk: Desk) -> None:
    desk.submit("a")
    desk.ask("a")

    desk.send("a")
    before = desk.call("a").status
    desk.ledger.bind([Binding(desk.connection, "a2", "a")])
    desk.send("a")

    assert (before, desk.call("a").status) == (Status.INPUT_REQUIRED, Status.SENT)


def test_sending_what_is_no_call_is_passed_over(ledger: Ledger) -> None:
    ledger.mark_sent([("nobody", 101.0, 300)])

    assert ledger.count() == 0


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.TIMED_OUT, Status.FAILED])
def test_an_outstanding_call_can_be_ended_from_this_side(desk: Desk, status: Status) -> None:
    desk.submit("a")

    ended = desk.ledger.finish("a", status, at=110.0, error_code=7, error_message="why\ud800")

    call = desk.call("a")
    assert ended
    assert (call.status, call.finished_at, call.responded_at) == (status, 110.0, None)
    assert (call.error_code, call.error_message) == (7, "why\\ud800")


def test_a_call_that_ended_is_not_ended_again(desk: Desk) -> None:
    desk.submit("a")
    desk.answer("a")

    assert not desk.ledger.finish("a", Status.CANCELLED, at=110.0)
    assert not desk.ledger.finish("nobody", Status.CANCELLED, at=110.0)
    assert (desk.call("a").status, desk.call("a").finished_at) == (Status.DONE, 105.0)


@pytest.mark.parametrize("status", [Status.DONE, Status.TOOL_ERROR, Status.QUEUED])
def test_a_call_is_not_finished_by_hand_as_what_only_an_answer_brings(
    desk: Desk, status: Status
) -> None:
    desk.submit("a")

    with pytest.raises(ConfigError, match=f"cannot be finished as {status}"):
        desk.ledger.finish("a", status, at=110.0)


def test_calls_past_their_deadline_time_out(desk: Desk) -> None:
    desk.submit("late", deadline=120.0)
    desk.submit("later", deadline=110.0)
    desk.submit("done", deadline=105.0)
    desk.submit("coming", deadline=121.0)
    desk.submit("patient")
    desk.answer("done")

    assert desk.ledger.next_deadline() == 110.0
    assert desk.ledger.expire(120.0) == ["later", "late"]
    assert desk.ledger.expire(120.0) == []
    assert desk.ledger.next_deadline() == 121.0
    late = desk.call("late")
    assert (late.status, late.finished_at) == (Status.TIMED_OUT, 120.0)
    assert late.error_message == "no answer before its deadline"


def test_an_answer_after_the_deadline_is_counted_and_changes_nothing_else(desk: Desk) -> None:
    desk.submit("a", deadline=110.0)
    desk.ledger.expire(111.0)

    desk.answer("a")

    call = desk.call("a")
    assert (call.status, call.deliveries, call.text) == (Status.TIMED_OUT, 1, None)


def test_a_ledger_without_outstanding_calls_has_no_deadline_and_no_oldest(desk: Desk) -> None:
    desk.submit("a", submitted_at=90.0)
    desk.submit("b", submitted_at=80.0)
    assert desk.ledger.oldest_outstanding_at() == 80.0
    desk.answer("a")
    desk.answer("b")

    assert (desk.ledger.next_deadline(), desk.ledger.oldest_outstanding_at()) == (None, None)

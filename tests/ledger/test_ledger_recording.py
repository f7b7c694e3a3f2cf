"""What pollers say to the ledger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asyncmcp_nb.ledger import (
    ArrivalKind,
    Binding,
    Ledger,
    Outcome,
    Recorded,
    Refused,
    Status,
    Unsolicited,
)
from asyncmcp_nb.ledger.recorder import UNSOLICITED_COUNT, UNSOLICITED_LENGTH

if TYPE_CHECKING:
    from tests.ledger.conftest import Desk


def test_a_result_completes_its_call(desk: Desk) -> None:
    desk.submit("a")
    desk.send("a")

    result = {"content": [{"type": "text", "text": "4"}], "structuredContent": {"sum": 4}}
    recorded = desk.arrive("a", "result", result)

    call = desk.call("a")
    assert recorded == (Outcome.COMPLETED, "a")
    assert (call.status, call.text, call.deliveries) == (Status.DONE, "4", 1)
    assert (call.responded_at, call.finished_at, call.latency_seconds) == (105.0, 105.0, 5.0)
    assert (call.result, call.structured, call.response_bytes) == (result, {"sum": 4}, 400)
    assert call.is_finished


@pytest.mark.parametrize(
    "structured",
    [{"n": 2**70, "m": None}, {"text": "日本語 🚀\u2028"}, {"x": [1, 2.5, "\\", {"y": False}]}],
)
def test_structured_content_comes_back_exactly(desk: Desk, structured: dict[str, Any]) -> None:
    desk.submit("a")

    desk.arrive("a", "result", {"content": [], "structuredContent": structured})

    assert desk.call("a").structured == structured


def test_the_result_is_stored_as_the_text_that_came(desk: Desk) -> None:
    payload = '{ "content": [],  "n": 12345678901234567890123, "é": null, "s": "\\ud83d\\ude80" }'
    desk.submit("a")

    desk.arrive("a", "result", payload)

    assert desk.call("a").result_json == payload


def test_a_long_text_is_stored_whole(desk: Desk) -> None:
    desk.submit("a")

    desk.answer("a", "é" * 1_000_000)

    assert desk.call("a").text == "é" * 1_000_000


def test_a_tool_error_is_told_from_a_good_answer(desk: Desk) -> None:
    desk.submit("a")

    result = {"content": [{"type": "text", "text": "no such city"}], "isError": True}
    outcome, _ = desk.arrive("a", "result", result)

    call = desk.call("a")
    assert (outcome, call.status) == (Outcome.COMPLETED, Status.TOOL_ERROR)
    assert (call.text, call.error_message) == ("no such city", None)


def test_an_error_fails_its_call_with_code_message_and_data(desk: Desk) -> None:
    desk.submit("a")

    error = {"code": -32602, "message": "unknown tool", "data": {"n": 2**70}}
    outcome, _ = desk.arrive("a", "error", error)

    call = desk.call("a")
    assert (outcome, call.status) == (Outcome.COMPLETED, Status.FAILED)
    assert (call.error_code, call.error_message) == (-32602, "unknown tool")
    assert (call.error_data, call.result, call.deliveries) == ({"n": 2**70}, None, 1)


def test_an_answer_that_cannot_be_read_fails_its_call_and_no_other(desk: Desk) -> None:
    desk.submit("a", "b")
    good = {"content": [{"type": "text", "text": "ok"}]}

    desk.ledger.record([desk.arrival("a", "result", "[\ud800"), desk.arrival("b", "result", good)])

    call = desk.call("a")
    assert (call.status, call.result_json) == (Status.FAILED, "[\\ud800")
    assert call.error_message == "the result is not a readable JSON object"
    assert desk.call("b").status is Status.DONE


def test_a_result_that_is_no_object_reads_as_none(desk: Desk) -> None:
    desk.submit("a")

    desk.arrive("a", "result", '["structuredContent"]')

    call = desk.call("a")
    assert (call.status, call.result, call.structured) == (Status.FAILED, None, None)


def test_the_first_answer_wins_and_duplicates_are_counted(desk: Desk) -> None:
    desk.submit("a")
    desk.answer("a", "first")

    again = desk.answer("a", "second", received_at=200.0)
    error, _ = desk.arrive("a", "error", {"code": 1, "message": "third"})

    call = desk.call("a")
    assert (again, error) == (Outcome.DUPLICATE, Outcome.DUPLICATE)
    assert (call.status, call.text, call.responded_at) == (Status.DONE, "first", 105.0)
    assert (call.deliveries, call.error_message) == (3, None)


def test_a_duplicate_within_one_batch_is_recognised(desk: Desk) -> None:
    desk.submit("a", "b")

    outcomes = desk.ledger.record([desk.arrival(i, "result", "{}") for i in ("a", "b", "a")])

    assert outcomes == [
        Recorded(Outcome.COMPLETED, "a"),
        Recorded(Outcome.COMPLETED, "b"),
        Recorded(Outcome.DUPLICATE, "a"),
    ]


def test_of_two_requests_of_one_call_the_first_answer_wins(desk: Desk) -> None:
    desk.submit("a")
    desk.ledger.bind([Binding(desk.connection, "again", "a")])

    outcomes = [desk.answer("again", "quick"), desk.answer("a", "slow")]

    assert outcomes == [Outcome.COMPLETED, Outcome.DUPLICATE]
    assert (desk.call("a").text, desk.call("a").deliveries) == ("quick", 2)


def test_an_answer_to_an_earlier_connection_completes_its_call(desk: Desk) -> None:
    desk.submit("a")
    desk.ledger.bind([Binding("0" * 32, "17", "a")])

    assert desk.answer("17", connection_id="0" * 32) is Outcome.COMPLETED


def test_a_question_keeps_the_call_outstanding_and_its_state(desk: Desk) -> None:
    desk.submit("a")
    desk.send("a")

    outcome = desk.ask("a")

    call = desk.call("a")
    assert (outcome, call.status) == (Outcome.UPDATED, Status.INPUT_REQUIRED)
    assert (call.responded_at, call.deliveries) == (None, 0)
    assert call.result is not None
    assert (call.result["requestState"], list(call.result["inputRequests"])) == ("sealed", ["name"])


def test_the_answer_after_a_question_completes_the_call(desk: Desk) -> None:
    desk.submit("a")
    desk.send("a")
    desk.ask("a")
    desk.ledger.bind([Binding(desk.connection, "a2", "a")])
    desk.send("a")

    outcomes = [desk.ask("a"), desk.answer("a2")]

    call = desk.call("a")
    assert outcomes == [Outcome.DUPLICATE, Outcome.COMPLETED]
    assert (call.status, call.deliveries, call.attempts) == (Status.DONE, 2, 2)


def test_a_question_for_a_call_that_ended_is_dropped(desk: Desk) -> None:
    desk.submit("a")
    desk.ledger.finish("a", Status.CANCELLED, at=104.0)

    assert desk.ask("a") is Outcome.DUPLICATE
    assert (desk.call("a").status, desk.call("a").deliveries) == (Status.CANCELLED, 0)


def test_progress_shows_that_the_call_runs_and_how_far_it_is(desk: Desk) -> None:
    desk.submit("a")
    desk.send("a")

    outcome, _ = desk.arrive(
        "a", "progress", {"progressToken": 1, "progress": 1, "total": 4, "message": "reading"}
    )

    call = desk.call("a")
    assert (outcome, call.status) == (Outcome.UPDATED, Status.RUNNING)
    assert (call.progress, call.progress_message) == (0.25, "reading")


def test_progress_never_falls_and_a_stale_message_is_not_shown(desk: Desk) -> None:
    desk.submit("a")
    desk.arrive("a", "progress", {"progress": 3, "total": 4, "message": "writing"})

    desk.arrive("a", "progress", {"progress": 1, "total": 4, "message": "reading"})

    assert (desk.call("a").progress, desk.call("a").progress_message) == (0.75, "writing")


def test_progress_without_a_total_keeps_its_message(desk: Desk) -> None:
    desk.submit("a", "b")
    desk.arrive("a", "progress", {"progress": 17, "message": "17 pages"})
    desk.arrive("b", "progress", {"progress": 1, "total": 2, "message": "half"})
    desk.arrive("b", "progress", {"progress": 1})

    assert (desk.call("a").progress, desk.call("a").progress_message) == (None, "17 pages")
    assert (desk.call("b").progress, desk.call("b").progress_message) == (0.5, "half")


def test_progress_after_the_answer_changes_nothing(desk: Desk) -> None:
    desk.submit("a", "b")
    desk.answer("a")
    desk.ask("b")

    late = [desk.arrive(i, "progress", {"progress": 1, "total": 2})[0] for i in ("a", "b")]

    assert late == [Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert (desk.call("a").status, desk.call("a").progress) == (Status.DONE, None)
    assert desk.call("b").status is Status.INPUT_REQUIRED


@pytest.mark.parametrize("first", ["progress", "log"])
def test_the_first_sign_of_life_of_a_call_is_kept(desk: Desk, first: ArrivalKind) -> None:
    desk.submit("a", "b")
    desk.send("a")
    before = desk.call("a").running_at

    desk.arrive("a", first, {"progress": 1, "data": "x"}, received_at=110.0, sequence=0)
    desk.arrive("a", "progress", {"progress": 2}, received_at=120.0)
    desk.arrive("a", "log", {"data": "y"}, received_at=130.0, sequence=2)
    desk.answer("b", received_at=140.0)
    desk.arrive("b", "log", {"data": "late"}, received_at=150.0)

    assert before is None
    assert desk.call("a").running_at == 110.0
    assert desk.call("b").running_at is None


def test_a_note_of_our_own_stands_among_the_log_messages_of_its_call(desk: Desk) -> None:
    desk.submit("a")
    desk.arrive("a", "log", {"level": "info", "data": "theirs"}, received_at=110.0)

    is_kept = desk.ledger.note("a", "ours, é\ud800", at=120.0)
    is_kept_twice = desk.ledger.note("a", "ours again", at=121.0, level="info")
    is_lost = desk.ledger.note("nobody", "lost", at=120.0)

    assert (is_kept, is_kept_twice, is_lost) == (True, True, False)
    assert [(e.level, e.logger, e.data, e.received_at) for e in desk.ledger.logs("a")] == [
        ("info", None, "theirs", 110.0),
        ("warning", "asyncmcp_nb", "ours, é\ud800", 120.0),
        ("info", "asyncmcp_nb", "ours again", 121.0),
    ]
    assert desk.call("a").status is Status.RUNNING


def test_a_log_line_is_kept_and_shows_that_the_call_runs(desk: Desk) -> None:
    desk.submit("a")

    outcome, _ = desk.arrive("a", "log", {"level": "info", "logger": "db", "data": {"n": 2**70}})

    [entry] = desk.ledger.logs("a")
    assert (outcome, desk.call("a").status) == (Outcome.UPDATED, Status.RUNNING)
    assert (entry.call_id, entry.level, entry.logger) == ("a", "info", "db")
    assert (entry.data, entry.received_at) == ({"n": 2**70}, 105.0)


def test_a_log_line_after_the_answer_is_kept_all_the_same(desk: Desk) -> None:
    desk.submit("a")
    desk.answer("a")

    outcome, _ = desk.arrive("a", "log", {"level": "info", "data": "bye"})

    assert (outcome, desk.call("a").status) == (Outcome.UPDATED, Status.DONE)
    assert [entry.data for entry in desk.ledger.logs("a")] == ["bye"]


def test_a_log_line_that_came_twice_is_kept_once_where_its_number_is_known(desk: Desk) -> None:
    desk.submit("a")
    line = {"level": "info", "data": "tick"}

    numbered = [desk.arrive("a", "log", line, sequence=n)[0] for n in (0, 1, 0)]
    plain = [desk.arrive("a", "log", line)[0] for _ in range(2)]

    assert numbered == [Outcome.UPDATED, Outcome.UPDATED, Outcome.DUPLICATE]
    assert plain == [Outcome.UPDATED, Outcome.UPDATED]
    assert len(desk.ledger.logs("a")) == 4


def test_what_belongs_to_no_call_is_kept_apart(desk: Desk) -> None:
    desk.submit("a")

    outcome = desk.arrive("\ud800", "result", '{"x": "é"}', connection_id="0" * 32)

    assert outcome == (Outcome.UNSOLICITED, None)
    assert desk.ledger.unsolicited() == [
        Unsolicited("0" * 32, "\\ud800", "result", '{"x": "é"}', 105.0, 400)
    ]
    assert desk.call("a").status is Status.QUEUED


def test_only_the_newest_unsolicited_arrivals_are_kept(desk: Desk) -> None:
    total = UNSOLICITED_COUNT + 5

    desk.ledger.record([desk.arrival(str(n), "result", "{}") for n in range(total)])

    kept = desk.ledger.unsolicited()
    assert (len(kept), kept[0].request_id, kept[-1].request_id) == (1_000, "5", str(total - 1))


CONNECTION = "c" * 32


def refused(excerpt: str, request_id: str = "a") -> Refused:
    return Refused(CONNECTION, request_id, excerpt, "message is not signed", 105.0, 400)


def test_a_message_that_was_refused_is_kept_with_the_reason_and_ends_no_call(desk: Desk) -> None:
    desk.submit("a")

    desk.ledger.refuse([refused('{"stolen":"\ud800"}')])

    assert desk.ledger.unsolicited() == [
        Unsolicited(
            CONNECTION,
            "a",
            "refused",
            '{"stolen":"\\ud800"}',
            105.0,
            400,
            "message is not signed",
        )
    ]
    assert desk.call("a").status is Status.QUEUED
    assert desk.answer("a") is Outcome.COMPLETED


def test_of_what_belongs_to_no_call_only_the_start_is_kept(desk: Desk) -> None:
    long = "é" * (UNSOLICITED_LENGTH + 1)

    desk.arrive(long, "result", long)
    desk.ledger.refuse([refused(long, long)])

    kept = [(len(entry.payload), len(entry.request_id)) for entry in desk.ledger.unsolicited()]
    assert kept == [(UNSOLICITED_LENGTH, UNSOLICITED_LENGTH)] * 2


def test_refused_messages_make_room_for_newer_ones(desk: Desk) -> None:
    desk.ledger.refuse([refused(str(n)) for n in range(UNSOLICITED_COUNT + 5)])

    kept = desk.ledger.unsolicited()
    assert (len(kept), kept[0].payload) == (UNSOLICITED_COUNT, "5")


def test_an_empty_batch_records_nothing(ledger: Ledger) -> None:
    assert ledger.record([]) == []


def test_a_batch_is_recorded_as_a_whole_or_not_at_all(desk: Desk) -> None:
    desk.submit("a")
    batch = iter([desk.arrival("a", "result", {"content": []}), None])

    with pytest.raises(AttributeError):
        desk.ledger.record(batch)  # pyright: ignore[reportArgumentType] # a bug in the caller

    assert desk.call("a").status is Status.QUEUED
    assert desk.answer("a") is Outcome.COMPLETED


def test_payloads_of_results_are_json_to_other_readers_of_the_file(desk: Desk) -> None:
    desk.submit("a")
    desk.answer("a", "ok")

    assert json.loads(desk.call("a").result_json or "")["content"][0]["text"] == "ok"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asyncmcp_nb.errors import ConfigError
from asyncmcp_nb.ledger import OUTSTANDING, CallFilter, CallRecord, Ledger, NewCall, Status
from asyncmcp_nb.ledger.block import Block
from asyncmcp_nb.ledger.query import ORDERS, page
from asyncmcp_nb.ledger.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ledger.conftest import Desk


@pytest.fixture
def busy(desk: Desk) -> Desk:
    """Six calls of two tools in two groups, in all sorts of states."""
    desk.submit("queued", submitted_at=100.0, arguments={"city": "Zürich_1"})
    desk.submit("sent", submitted_at=101.0, tool="fetch", group="g")
    desk.submit("done", submitted_at=102.0, group="g")
    desk.submit("failed", submitted_at=103.0, tool="fetch", group="h")
    desk.submit("asked", submitted_at=104.0, group="h", session="other")
    desk.submit("error", submitted_at=99.0)
    desk.send("sent", at=102.5)
    desk.answer("done", "100% Fine", received_at=110.0)
    desk.arrive("failed", "error", {"code": -32000, "message": "Back\\slash"}, received_at=109.0)
    desk.ask("asked")
    desk.arrive("error", "result", {"content": [], "isError": True}, received_at=120.0)
    return desk


def ids(records: list[CallRecord]) -> list[str]:
    return [record.call_id for record in records]


def test_rows_stand_in_the_order_of_submission(busy: Desk) -> None:
    assert ids(busy.ledger.rows()) == ["queued", "sent", "done", "failed", "asked", "error"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (CallFilter(statuses={Status.DONE, Status.FAILED}), ["done", "failed"]),
        (CallFilter(statuses=OUTSTANDING), ["queued", "sent", "asked"]),
        (CallFilter(statuses=()), []),
        (CallFilter(tool="fetch"), ["sent", "failed"]),
        (CallFilter(group="g"), ["sent", "done"]),
        (CallFilter(group="g", tool="fetch", statuses=[Status.SENT]), ["sent"]),
        (CallFilter(session="other"), ["asked"]),
        (CallFilter(text="zürich_"), ["queued"]),
        (CallFilter(text="ich%1"), []),
        (CallFilter(text="100% fine"), ["done"]),
        (CallFilter(text="back\\"), ["failed"]),
        (CallFilter(text="FAIL"), ["failed"]),
        (CallFilter(text="ail"), []),
        (CallFilter(text="err"), []),
        (CallFilter(call_ids=["sent", "nobody", "done"]), ["sent", "done"]),
        (CallFilter(call_ids=[]), []),
        (CallFilter(after=4), ["asked", "error"]),
        (CallFilter(up_to=2), ["queued", "sent"]),
        (CallFilter(after=1, up_to=3, group="g"), ["sent", "done"]),
        (CallFilter(text=""), ["queued", "sent", "done", "failed", "asked", "error"]),
        (CallFilter(text="'; DROP TABLE calls; --"), []),
    ],
)
def test_a_filter_narrows_rows_and_counts_alike(
    busy: Desk, chosen: CallFilter, expected: list[str]
) -> None:
    assert ids(busy.ledger.rows(chosen)) == expected
    assert busy.ledger.count(chosen) == len(expected)
    assert sum(busy.ledger.counts(chosen).values()) == len(expected)


@pytest.mark.parametrize(
    ("order_by", "descending", "expected"),
    [
        ("submitted_at", False, ["error", "queued", "sent", "done", "failed", "asked"]),
        ("submitted_at", True, ["asked", "failed", "done", "sent", "queued", "error"]),
        ("status", False, ["queued", "sent", "asked", "done", "error", "failed"]),
        ("tool", False, ["sent", "failed", "queued", "done", "asked", "error"]),
        ("latency", True, ["error", "done", "failed", "asked", "sent", "queued"]),
        ("group", False, ["queued", "error", "sent", "done", "failed", "asked"]),
    ],
)
def test_rows_can_be_ordered_by_a_column_with_ties_in_the_order_of_submission(
    busy: Desk, order_by: str, descending: bool, expected: list[str]
) -> None:
    assert ids(busy.ledger.rows(order_by=order_by, descending=descending)) == expected


@pytest.mark.parametrize("order_by", ORDERS)
def test_every_column_that_can_order_rows_pages_through_all_of_them(
    busy: Desk, order_by: str
) -> None:
    whole = ids(busy.ledger.rows(order_by=order_by))

    pages = [ids(busy.ledger.rows(order_by=order_by, limit=4, offset=n)) for n in (0, 4, 8)]

    assert [*pages[0], *pages[1]] == whole
    assert (len(pages[0]), len(pages[1]), pages[2]) == (4, 2, [])


def test_rows_cannot_be_ordered_by_what_is_no_column(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="cannot order by 'colour'; known: position, call_id"):
        ledger.rows(order_by="colour")


@pytest.mark.parametrize("bounds", [{"limit": -1}, {"offset": -1}])
def test_a_negative_page_is_refused(ledger: Ledger, bounds: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="0 or more"):
        ledger.rows(**bounds)


def test_counts_name_every_status_in_order(busy: Desk) -> None:
    counts = busy.ledger.counts()

    assert list(counts) == list(Status)
    assert {status.value: count for status, count in counts.items() if count} == {
        "queued": 1,
        "sent": 1,
        "input_required": 1,
        "done": 1,
        "tool_error": 1,
        "failed": 1,
    }


def test_outstanding_and_unsent_calls_are_found_after_a_restart(busy: Desk) -> None:
    assert ids(busy.ledger.outstanding()) == ["queued", "sent", "asked"]
    assert ids(busy.ledger.unsent()) == ["queued"]


def test_tools_and_groups_are_listed_once(busy: Desk) -> None:
    assert (busy.ledger.tools(), busy.ledger.groups()) == (["fetch", "score"], ["g", "h"])


def test_many_calls_are_read_in_the_order_asked(busy: Desk) -> None:
    assert ids(busy.ledger.get_many(["done", "nobody", "asked", "done"])) == [
        "done",
        "asked",
        "done",
    ]
    assert busy.ledger.get("nobody") is None


def test_more_calls_than_sqlite_takes_parameters_are_read_at_once(ledger: Ledger) -> None:
    names = [f"call{number}" for number in range(40_000)]
    ledger.add([NewCall(name, "t", {}, 100.0, None, "s") for name in names])

    assert len(ledger.get_many(names)) == 40_000


def test_logs_can_be_narrowed_to_a_call_a_level_and_the_newest(desk: Desk) -> None:
    desk.submit("a", "b")
    for level, call_id in [("debug", "a"), ("error", "b"), ("odd", "a"), ("warning", "a")]:
        desk.arrive(call_id, "log", {"level": level, "data": level})

    assert [entry.data for entry in desk.ledger.logs()] == ["debug", "error", "odd", "warning"]
    assert [entry.data for entry in desk.ledger.logs("a")] == ["debug", "odd", "warning"]
    assert [entry.data for entry in desk.ledger.logs(level="warning")] == ["error", "warning"]
    assert [entry.data for entry in desk.ledger.logs("a", level="info", limit=1)] == ["warning"]
    assert [entry.data for entry in desk.ledger.logs(level="info", limit=2)] == ["odd", "warning"]


@pytest.mark.parametrize(
    ("call_id", "level", "count"),
    [(None, None, 4), ("a", None, 3), ("a", "warning", 1), (None, "debug", 4), ("nobody", None, 0)],
)
def test_log_messages_are_counted_without_being_read(
    desk: Desk, call_id: str | None, level: str | None, count: int
) -> None:
    desk.submit("a", "b")
    for level_of_one in ("debug", "info", "error"):
        desk.arrive("a", "log", {"level": level_of_one, "data": 1})
    desk.arrive("b", "log", {"level": "info", "data": 2})

    assert desk.ledger.log_count(call_id, level=level) == count
    assert len(desk.ledger.logs(call_id, level=level)) == count


def test_logs_of_a_level_that_does_not_exist_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match="no log level 'loud'; known: debug, info"):
        ledger.logs(level="loud")


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (CallFilter(statuses={Status.FAILED}), "calls_status"),
        (CallFilter(tool="t", statuses={Status.FAILED}), "calls_tool"),
        (CallFilter(tool="t"), "calls_tool"),
        (CallFilter(group="g"), "calls_group"),
        (CallFilter(session="s"), "calls_session"),
    ],
)
def test_a_filter_is_answered_from_an_index(tmp_path: Path, chosen: CallFilter, index: str) -> None:
    statement, parameters = page(chosen, order_by="position", descending=True, limit=50, offset=0)
    store = Store(tmp_path / "calls.sqlite")
    with store.reading() as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
    store.close()

    assert f"USING COVERING INDEX {index}" in " ".join(str(step) for step in plan)


def test_calls_are_read_as_columns(busy: Desk) -> None:
    chosen = CallFilter(group="g")

    (part,) = busy.ledger.parts(chosen)

    assert not isinstance(part, Block)
    assert part["status"] == (Status.SENT.rank, Status.DONE.rank)
    wanted = {"call_id": ("sent", "done"), "group": ("g", "g"), "arguments_json": ("{}", "{}")}
    assert {field: part[field] for field in wanted} == wanted
    assert list(busy.ledger.parts(CallFilter(tool="none"))) == []


def test_many_calls_come_in_parts_and_in_order(desk: Desk) -> None:
    names = [f"call{number}" for number in range(2_000)]
    desk.ledger.add([NewCall(name, "t", {}, 100.0, None, "session") for name in names])

    parts = [part for part in desk.ledger.parts() if not isinstance(part, Block)]

    assert len(parts) > 1
    assert [name for part in parts for name in part["call_id"]] == names


def test_ids_alone_come_in_any_order(busy: Desk) -> None:
    found = busy.ledger.call_ids(
        CallFilter(statuses=OUTSTANDING), order_by="call_id", descending=True, limit=2
    )

    assert found == ["sent", "queued"]


def test_elapsed_goes_to_the_end_or_until_now(busy: Desk) -> None:
    found = ids(busy.ledger.rows(order_by="elapsed"))

    assert found[:3] == ["failed", "done", "error"]
    assert set(found[3:]) == {"queued", "sent", "asked"}


def test_the_last_position_is_that_of_the_latest_call(busy: Desk, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "empty.sqlite") as empty:
        assert empty.last_position() == 0
    assert busy.ledger.last_position() == 6


def test_every_transaction_makes_another_version(busy: Desk) -> None:
    before = busy.ledger.version
    busy.ledger.rows()
    unchanged = busy.ledger.version
    busy.ledger.finish("sent", Status.CANCELLED, at=200.0)

    assert unchanged == before
    assert busy.ledger.version != before

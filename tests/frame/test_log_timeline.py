from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from asyncmcp_nb.errors import MissingDependency
from asyncmcp_nb.frame import timeline
from asyncmcp_nb.frame.timeline import BIN_COUNT, DETAIL_COUNT, TOOL_COUNT
from asyncmcp_nb.ledger import CallRecord, NewCall

if TYPE_CHECKING:
    from tests.frame.conftest import Book

START = 1_700_000_000.0


def drawn(records: list[CallRecord], now: float | None = None) -> tuple[Any, list[dict[str, Any]]]:
    """The chart's specification and its rows."""
    specification: Any = timeline(records, now=now).to_dict()
    rows: list[dict[str, Any]] = []
    for dataset in specification["datasets"].values():
        rows += dataset
    return specification, rows


def test_a_call_is_queued_and_then_waits(book: Book) -> None:
    book.answer(text="ok")

    _, rows = drawn(book.records)

    assert [(row["phase"], row["seconds"]) for row in rows] == [("queued", 0.25), ("waiting", 2.25)]
    assert {row["status"] for row in rows} == {"done"}


def test_an_outstanding_call_reaches_to_the_present(book: Book) -> None:
    book.submit()
    book.submit(sent=False)

    _, rows = drawn(book.records, now=START + 11.0)

    assert [(row["call"], row["phase"], row["seconds"]) for row in rows] == [
        (0, "queued", 0.25),
        (0, "waiting", 10.75),
        (1, "queued", 10.0),
    ]


def test_a_call_that_was_never_sent_was_only_queued(book: Book) -> None:
    book.cancel()

    _, rows = drawn(book.records)

    assert [(row["phase"], row["seconds"]) for row in rows] == [("queued", 3.0)]


@pytest.mark.parametrize(("days", "shown"), [(0.5, "%H:%M:%S"), (2.0, "%b %d %H:%M")])
def test_a_timeline_of_days_shows_dates(book: Book, days: float, shown: str) -> None:
    book.submit()

    specification, _ = drawn(book.records, now=START + days * 86_400)

    assert specification["encoding"]["x"]["axis"]["format"] == shown


def test_a_timeline_of_no_calls_is_an_empty_chart(book: Book) -> None:
    specification, _ = drawn(book.records)

    assert specification["title"] == "0 calls"


def test_many_calls_are_counted_instead_of_drawn_one_by_one(book: Book) -> None:
    count, tools = 10_000, TOOL_COUNT + 3
    book.ledger.add(
        [
            NewCall(f"c{n}", f"tool{n % tools}", {}, START + n / 1000, None, "s")
            for n in range(count)
        ]
    )

    specification, rows = drawn(book.records, now=START + 10.0)

    assert specification["title"] == "10,000 calls, counted while they waited"
    assert len(rows) == BIN_COUNT * (TOOL_COUNT + 1)
    assert "other tools" in {row["tool"] for row in rows}
    last = rows[BIN_COUNT - 1 :: BIN_COUNT]
    assert sum(row["calls"] for row in last) == count


def test_counted_calls_leave_when_they_are_answered(book: Book) -> None:
    count = DETAIL_COUNT + 1
    first = book.get(book.answer(text="ok"))

    specification, rows = drawn([first] * count)

    assert specification["title"].startswith("2,001 calls")
    assert {row["calls"] for row in rows} == {count}


def test_a_timeline_without_altair_names_the_install_command(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)

    with pytest.raises(MissingDependency, match=r'pip install "asyncmcp-nb\[lab\]"'):
        timeline(book.records)

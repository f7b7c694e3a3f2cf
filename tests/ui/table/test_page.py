"""Which calls a table shows: filters, orders, pages, and standing still while new calls come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb.ledger import Ledger, NewCall
from asyncmcp_nb.session import Log, Status
from asyncmcp_nb.ui.table.page import ORDERS, SHOWN, Page, Pager
from asyncmcp_nb.ui.table.selection import Selection
from asyncmcp_nb.views import PandasViews


class Book:
    """A ledger with calls c0, c1, … and a pager that reads it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.log = Log(ledger, PandasViews())
        self.pager = Pager()
        self._count = 0

    def add(self, count: int, **fields: Any) -> None:
        numbers = range(self._count, self._count + count)
        self._count += count
        self.ledger.add([self._call(number, fields) for number in numbers])

    def ids(self) -> list[str]:
        return [record.call_id for record in self.read().records]

    def read(self) -> Page:
        return self.pager.read(self.log)

    @staticmethod
    def _call(number: int, fields: dict[str, Any]) -> NewCall:
        values: dict[str, Any] = {"tool": "tool", "arguments": {"n": number}, "group": None}
        values |= {"submitted_at": float(number), "session": "s", **fields}
        return NewCall(call_id=f"c{number}", **values)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with Ledger.open(tmp_path / "calls.sqlite") as ledger:
        yield Book(ledger)


def test_the_first_page_is_the_newest_calls_and_says_what_is_on_others(book: Book) -> None:
    book.add(50)

    page = book.read()

    assert [record.call_id for record in page.records] == [f"c{n}" for n in range(49, 29, -1)]
    assert page.caption == "1-20 of 50 calls, the newest first; 30 on other pages"
    assert page.last_number == 2


@pytest.mark.parametrize("is_filtered", [False, True])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_have_each_call_once(book: Book, is_filtered: bool, descending: bool) -> None:
    book.add(45)
    book.pager.ask(descending=descending, tool="tool" if is_filtered else None)
    seen: list[str] = []

    for number in range(3):
        book.pager.go(number)
        seen += book.ids()

    expected = [f"c{n}" for n in range(45)]
    assert seen == (expected[::-1] if descending else expected)


def test_a_page_past_the_end_is_the_last(book: Book) -> None:
    book.add(45)
    book.pager.go(99)

    page = book.read()

    assert (page.number, len(page.records)) == (2, 5)


def test_new_calls_come_in_as_long_as_it_follows(book: Book) -> None:
    book.add(3)
    before = book.ids()
    book.add(1)

    assert (before, book.ids()) == (["c2", "c1", "c0"], ["c3", "c2", "c1", "c0"])
    assert book.read().new_count == 0


def test_a_page_that_is_read_stays_where_it_is_and_new_calls_are_counted(book: Book) -> None:
    book.add(60)
    book.pager.go(1)
    before = book.ids()
    book.add(7)
    page = book.read()

    assert [record.call_id for record in page.records] == before
    assert page.caption == "21-40 of 60 calls, the newest first; 40 on other pages"
    assert (page.new_count, page.is_following) == (7, False)


def test_pages_turned_to_later_go_on_where_the_first_ended(book: Book) -> None:
    book.add(60)
    book.pager.go(1)
    book.ids()
    book.add(7)
    book.pager.go(2)

    assert book.ids() == [f"c{n}" for n in range(19, -1, -1)]


def test_calls_that_stand_still_show_how_they_are_now(book: Book) -> None:
    book.add(3)
    book.pager.ask(shown="outstanding")
    book.ids()
    book.pager.hold()
    book.ledger.finish("c1", Status.CANCELLED, at=9.0)

    page = book.read()

    statuses = [record.status.value for record in page.records]
    assert statuses == ["queued", "cancelled", "queued"]


def test_following_again_is_the_first_page_with_what_came(book: Book) -> None:
    book.add(60)
    book.pager.go(2)
    book.ids()
    book.add(1)
    book.pager.follow()

    assert book.ids()[0] == "c60"
    assert book.pager.number == 0


def test_what_a_filter_leaves_out_is_said(book: Book) -> None:
    book.add(5)
    book.ledger.finish("c1", Status.CANCELLED, at=9.0)
    captions: dict[str, str] = {}

    for shown in ("all", "outstanding", "cancelled", "done"):
        book.pager.ask(shown=shown)
        captions[shown] = book.read().caption

    assert captions == {
        "all": "1-5 of 5 calls, the newest first",
        "outstanding": "1-4 of 4 calls, the newest first; 1 filtered out",
        "cancelled": "1-1 of 1 call, the newest first; 4 filtered out",
        "done": "no calls like that; 5 filtered out",
    }


def test_tool_group_and_text_narrow_together(book: Book) -> None:
    book.add(2, tool="a", group="g", arguments={"city": "Bern"})
    book.add(2, tool="a", group="h", arguments={"city": "Bern"})
    book.add(2, tool="b", group="g", arguments={"city": "Basel"})
    book.pager.ask(tool="a", group="g", text="  bern ")

    assert book.ids() == ["c1", "c0"]


def test_an_unknown_filter_is_a_mistake(book: Book) -> None:
    book.pager.ask(shown="lost")

    with pytest.raises(KeyError):
        book.read()


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_works_both_ways_and_says_so(
    book: Book, order_by: str, descending: bool
) -> None:
    book.add(3)
    book.pager.ask(order_by=order_by, descending=descending)

    page = book.read()

    assert len(page.records) == 3
    assert ORDERS[order_by][2 if descending else 1] in page.caption


@pytest.mark.parametrize("shown", SHOWN)
def test_every_choice_of_statuses_works(book: Book, shown: str) -> None:
    book.add(1)
    book.pager.ask(shown=shown)

    assert len(book.ids()) == (1 if shown in ("all", "outstanding", "queued") else 0)


def test_the_longest_come_first_whether_they_have_ended_or_not(book: Book) -> None:
    book.add(1, submitted_at=1_000.0)
    book.ledger.finish("c0", Status.FAILED, at=1_002.0)
    book.add(1, submitted_at=1_000.0)
    book.add(1, submitted_at=1_000.0)
    book.ledger.finish("c2", Status.FAILED, at=1_001.0)
    book.pager.sort("elapsed")
    slowest_first = book.ids()
    book.pager.sort("elapsed")

    assert slowest_first == ["c1", "c0", "c2"]
    assert book.ids() == ["c2", "c0", "c1"]


def test_a_selection_has_an_end_and_says_what_it_leaves_out() -> None:
    selection = Selection(3)

    left = selection.add(["a", "b"]), selection.add(["b", "c", "d", "e"])
    selection.remove(["a"])

    assert (left, selection.ids) == ((0, 2), ["b", "c"])


def test_selected_calls_are_opened_in_turn() -> None:
    selection = Selection(10)
    nothing = selection.next_to_open()
    selection.add(["a", "b"])

    opened = [selection.next_to_open() for _ in range(3)]

    assert nothing is None
    assert opened == [("a", 1), ("b", 2), ("a", 1)]

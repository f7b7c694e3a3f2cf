"""Blocks are made of calls that have ended, and go when one of their calls changes after all."""

from __future__ import annotations

import pytest

from asyncmcp_nb.ledger import CallFilter, Ledger, Status, blocks
from asyncmcp_nb.ledger.block import Block
from tests.ledger.conftest import Desk, text_result

SIZE = 3


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", SIZE)


def names(count: int) -> list[str]:
    """Ids of calls, which are their positions."""
    return [str(position) for position in range(1, count + 1)]


def answered(desk: Desk, count: int) -> None:
    """Calls that are submitted and sent together and answered in turn."""
    desk.submit(*names(count))
    for name in names(count):
        desk.send(name)
        desk.answer(name, f"answer {name}")


def layout(ledger: Ledger, chosen: CallFilter | None = None) -> list[str]:
    """The calls of each part in order, in brackets those that are in a block."""
    shown: list[str] = []
    for part in ledger.parts(chosen or CallFilter()):
        if isinstance(part, Block):
            ids = " ".join(str(name) for name in part.texts("call_id").values())
            shown.append(f"[{ids}]")
        else:
            shown.append(" ".join(part["call_id"]))
    return shown


def test_calls_that_have_ended_are_in_blocks_but_for_the_latest(desk: Desk) -> None:
    answered(desk, 11)

    assert layout(desk.ledger) == ["[1 2 3]", "[4 5 6]", "7 8 9 10 11"]


def test_a_block_waits_for_the_last_of_its_calls(desk: Desk) -> None:
    desk.submit(*names(12))
    for name in ("1", "3", "4", "5", "6", "7", "8", "9"):
        desk.answer(name)
    before = layout(desk.ledger)
    for name in ("2", "10", "11", "12"):
        desk.answer(name)

    assert before == ["1 2 3", "[4 5 6]", "7 8 9 10 11 12"]
    assert layout(desk.ledger) == ["[1 2 3]", "[4 5 6]", "[7 8 9]", "10 11 12"]


def test_calls_that_were_given_up_have_ended_too(desk: Desk) -> None:
    desk.submit(*names(6))
    for name in ("1", "2", "3"):
        desk.ledger.finish(name, Status.CANCELLED, at=110.0)
    desk.answer("6")

    assert layout(desk.ledger) == ["[1 2 3]", "4 5 6"]


def test_an_answer_that_comes_again_takes_the_block_away_until_the_next_is_made(
    desk: Desk,
) -> None:
    answered(desk, 9)

    desk.answer("2")
    again = layout(desk.ledger)
    desk.submit("10", "11", "12")
    desk.answer("12")

    assert desk.call("2").deliveries == 2
    assert again == ["1 2 3", "[4 5 6]", "7 8 9"]
    assert layout(desk.ledger) == ["[1 2 3]", "[4 5 6]", "[7 8 9]", "10 11 12"]


def test_a_publisher_that_is_slower_than_the_answer_takes_the_block_away(desk: Desk) -> None:
    answered(desk, 6)
    before = layout(desk.ledger)

    desk.send("1", at=120.0)

    assert before[0] == "[1 2 3]"
    assert layout(desk.ledger) == ["1 2 3 4 5 6"]
    assert desk.call("1").attempts == 2


def test_a_message_about_a_call_of_a_block_changes_nothing_in_it(desk: Desk) -> None:
    answered(desk, 6)
    before = desk.call("1")

    desk.arrive("1", "progress", {"progress": 1, "total": 2})
    desk.arrive("1", "log", {"level": "info", "data": "late"})

    assert desk.call("1") == before
    assert layout(desk.ledger)[0] == "[1 2 3]"


def test_an_odd_answer_leaves_its_calls_in_their_rows(desk: Desk) -> None:
    desk.submit(*names(9))
    odd = text_result("x", _meta={"structuredContent": 1})
    for name in names(9):
        desk.arrive(name, "result", odd if name == "2" else text_result("ok"))

    assert layout(desk.ledger) == ["1 2 3", "[4 5 6]", "7 8 9"]


def test_long_answers_are_left_in_their_rows(desk: Desk) -> None:
    desk.submit(*names(9))
    for name in names(9):
        desk.answer(name, "x" * 2_000_000 if name == "5" else "ok")

    assert layout(desk.ledger) == ["[1 2 3]", "4 5 6 7 8 9"]


@pytest.mark.parametrize(
    ("chosen", "parts"),
    [
        (CallFilter(up_to=7), ["[1 2 3]", "[4 5 6]", "7"]),
        (CallFilter(up_to=5), ["[1 2 3]", "4 5"]),
        (CallFilter(after=1), ["2 3", "[4 5 6]", "7 8 9"]),
        (CallFilter(after=3, up_to=6), ["[4 5 6]"]),
        (CallFilter(after=4, up_to=5), ["5"]),
        (CallFilter(tool="score"), ["1 2 3 4 5 6 7 8 9"]),
        (CallFilter(tool="none", up_to=7), []),
    ],
)
def test_blocks_serve_where_all_of_their_calls_are_wanted(
    desk: Desk, chosen: CallFilter, parts: list[str]
) -> None:
    answered(desk, 9)

    assert layout(desk.ledger, chosen) == parts


def test_all_parts_are_of_one_moment(desk: Desk) -> None:
    answered(desk, 9)
    reading = desk.ledger.parts()
    first = next(reading)

    desk.answer("5")
    desk.submit("10")
    rest = list(reading)

    assert isinstance(first, Block)
    assert isinstance(rest[0], Block)
    assert list(rest[0].integers("deliveries")[0]) == [1, 1, 1]
    assert [part["call_id"] for part in rest if not isinstance(part, Block)] == [("7", "8", "9")]
    assert layout(desk.ledger) == ["[1 2 3]", "4 5 6 7 8 9 10"]


def test_few_blocks_are_made_at_once(desk: Desk) -> None:
    desk.submit(*names(30))
    for name in names(30)[:-4]:
        desk.ledger.finish(name, Status.CANCELLED, at=110.0)
    desk.answer("30")

    made = [part for part in layout(desk.ledger) if part.startswith("[")]
    assert made == ["[19 20 21]", "[22 23 24]"]


def test_blocks_are_of_the_size_that_files_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert blocks.SIZE == 250

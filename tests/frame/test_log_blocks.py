"""A frame of blocks is the frame of their rows."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncmcp_nb.frame import build, read_frame, read_results, to_results
from asyncmcp_nb.ledger import Arrival, CallFilter, Ledger, blocks
from asyncmcp_nb.ledger.block import Block
from tests.frame.conftest import SESSION, Book

SIZE = 4
OF_ROWS = CallFilter(session=SESSION)
"""All calls, by a filter that no block serves."""

STEPS = ("answer", "structure", "fail", "progress", "cancel", "again", "late", "queue", "odd")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", SIZE)


def act(book: Book, step: str, number: int) -> None:
    """Something that happens to a ledger."""
    arguments: dict[str, Any] = {"x": 2**70, "y": None, "é": f"日本語 {number}"}
    match step:
        case "answer":
            book.answer(arguments, text="plain \x00 text", tool=f"tool{number % 3}")
        case "structure":
            book.structure({"score": number / 3, "of": [2**64, None]}, arguments)
        case "odd":
            book.answer(arguments, text="x", _meta={"structuredContent": 1})
        case "fail":
            book.fail("boom")
        case "progress":
            book.progress(1, 4, "reading")
        case "cancel":
            book.cancel()
        case "queue":
            book.submit(group="g", sent=False)
        case "again":
            again(book, number)
        case _:
            if names := book.ledger.call_ids(CallFilter(), order_by="position", descending=False):
                book.ledger.mark_sent([(names[number % len(names)], 1.0, 10)])


def again(book: Book, number: int) -> None:
    """An answer that comes to some call, for the first time or not."""
    names = book.ledger.call_ids(CallFilter(), order_by="position", descending=False)
    if names:
        payload = json.dumps({"content": []})
        name = names[number % len(names)]
        book.ledger.record([Arrival(SESSION, name, "result", payload, 9.0, 12)])


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 40)), max_size=20))
def test_whatever_happens_blocks_and_rows_give_the_same_frames(
    steps: list[tuple[str, int]],
) -> None:
    with Ledger.open(":memory:") as ledger:
        book = Book(ledger)
        for number in range(3 * SIZE):
            act(book, "structure", number)
        for step, number in steps:
            act(book, step, number)
            whole, of_rows = (read_frame(ledger, chosen) for chosen in (CallFilter(), OF_ROWS))
            pd.testing.assert_frame_equal(whole, of_rows)
        results = read_results(ledger, CallFilter())
        pd.testing.assert_frame_equal(results, read_results(ledger, OF_ROWS))
        pd.testing.assert_frame_equal(results, to_results(ledger.rows()))


@pytest.mark.parametrize("has_arrow", [True, False])
def test_a_frame_of_blocks_is_exact_with_and_without_pyarrow(
    book: Book, monkeypatch: pytest.MonkeyPatch, has_arrow: bool
) -> None:
    for number in range(5 * SIZE):
        act(book, STEPS[number % 3], number)
    if not has_arrow:
        monkeypatch.setattr(build, "pyarrow", lambda: None)

    frame = read_frame(book.ledger, CallFilter())

    made = [part for part in book.ledger.parts() if isinstance(part, Block)]
    assert len(made) == 4
    pd.testing.assert_frame_equal(frame, read_frame(book.ledger, OF_ROWS))
    assert frame["arguments"][0] == {"x": 2**70, "y": None, "é": "日本語 0"}
    assert frame["structured"][1] == {"score": 1 / 3, "of": [2**64, None]}
    assert frame["text"][0] == "plain \x00 text"

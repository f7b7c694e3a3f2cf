"""Whatever order and number of times messages arrive in, the calls end the same."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from asyncmcp_nb.ledger import (
    TERMINAL,
    Arrival,
    ArrivalKind,
    Binding,
    Ledger,
    NewCall,
    Outcome,
    Refused,
    Status,
)

CONNECTION = "a" * 32

ENDS: dict[Status, tuple[ArrivalKind, dict[str, Any]]] = {
    Status.DONE: ("result", {"content": [{"type": "text", "text": "ok"}]}),
    Status.TOOL_ERROR: ("result", {"content": [], "isError": True}),
    Status.FAILED: ("error", {"code": -1, "message": "no"}),
}
QUESTION = {"resultType": "input_required", "requestState": "s"}


@dataclass(frozen=True)
class Plan:
    """How one call goes, when nothing is lost, repeated or out of order."""

    call_id: str
    end: Status
    questions: int
    progress: tuple[int, ...]
    log_lines: int

    @property
    def requests(self) -> list[str]:
        return [f"{self.call_id}.{number}" for number in range(self.questions + 1)]

    def arrivals(self) -> list[Arrival]:
        last = self.requests[-1]
        found = [arrival(request, "result", QUESTION) for request in self.requests[:-1]]
        found += [arrival(last, "progress", {"progress": p, "total": 10}) for p in self.progress]
        found += [
            arrival(last, "log", {"level": "info", "data": n}, sequence=n)
            for n in range(self.log_lines)
        ]
        return [*found, arrival(last, *ENDS[self.end])]


def arrival(
    request_id: str, kind: ArrivalKind, payload: dict[str, Any], sequence: int | None = None
) -> Arrival:
    return Arrival(CONNECTION, request_id, kind, json.dumps(payload), 105.0, 100, sequence)


@st.composite
def plans(draw: st.DrawFn) -> list[Plan]:
    return [
        Plan(
            call_id=f"call{number}",
            end=draw(st.sampled_from(sorted(ENDS))),
            questions=draw(st.integers(0, 2)),
            progress=tuple(draw(st.lists(st.integers(0, 10), max_size=3))),
            log_lines=draw(st.integers(0, 2)),
        )
        for number in range(draw(st.integers(1, 4)))
    ]


def is_question(one: Arrival) -> bool:
    return one.payload == json.dumps(QUESTION)


def is_answer(one: Arrival) -> bool:
    return one.kind in ("result", "error") and not is_question(one)


@settings(deadline=None, max_examples=150)
@given(plans(), st.data())
def test_any_order_and_repetition_of_arrivals_ends_in_the_same_calls(
    calls: list[Plan], data: st.DataObject
) -> None:
    once = [one for call in calls for one in call.arrivals()]
    repeated = data.draw(st.lists(st.sampled_from(once), max_size=len(once)), "repeated")
    order = data.draw(st.permutations([*once, *repeated]), "order")
    outcomes: Counter[tuple[Outcome, str | None]] = Counter()
    seen_ended: dict[str, Status] = {}

    with Ledger.open(":memory:") as ledger:
        ledger.add([NewCall(c.call_id, "t", {}, 100.0, None, CONNECTION) for c in calls])
        ledger.bind(Binding(CONNECTION, r, c.call_id) for c in calls for r in c.requests)
        while order:
            size = data.draw(st.integers(1, 10), "batch size")
            batch, order = order[:size], order[size:]
            outcomes.update((r.outcome, r.call_id) for r in ledger.record(batch))
            if data.draw(st.booleans(), "publisher speaks"):
                ledger.mark_sent([(calls[0].call_id, 101.0, 50)])
            for row in ledger.rows():
                # A terminal status, once seen, is never seen to change.
                assert seen_ended.setdefault(row.call_id, row.status) == row.status or (
                    seen_ended[row.call_id] not in TERMINAL
                )
                seen_ended[row.call_id] = row.status
        rows = {row.call_id: row for row in ledger.rows()}
        logged = Counter(entry.call_id for entry in ledger.logs())

    arrived = Counter([*once, *repeated])
    for call in calls:
        mine = {one: arrived[one] for one in call.arrivals()}
        answers = sum(count for one, count in mine.items() if is_answer(one))
        asked_again = sum(count - 1 for one, count in mine.items() if is_question(one))
        assert rows[call.call_id].status is call.end
        assert rows[call.call_id].deliveries == answers + asked_again
        assert outcomes[Outcome.COMPLETED, call.call_id] == 1
        assert logged[call.call_id] == call.log_lines


@settings(deadline=None, max_examples=50)
@given(st.permutations([0, 1, 2, 3, 4, 5]), st.lists(st.integers(0, 5), max_size=4))
def test_progress_rises_to_the_highest_in_any_order(order: list[int], again: list[int]) -> None:
    shown: list[float] = []
    with Ledger.open(":memory:") as ledger:
        ledger.add([NewCall("a", "t", {}, 100.0, None, CONNECTION)])
        ledger.bind([Binding(CONNECTION, "1", "a")])
        for step in [*order, *again]:
            message = {"progress": step, "total": 5, "message": f"step {step}"}
            ledger.record([arrival("1", "progress", message)])
            [row] = ledger.rows()
            shown.append(row.progress or 0.0)
        [row] = ledger.rows()

    assert shown == sorted(shown)
    assert (row.progress, row.progress_message) == (1.0, "step 5")


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
    )
)
def test_any_json_object_comes_back_exactly(arguments: dict[str, Any]) -> None:
    with Ledger.open(":memory:") as ledger:
        ledger.add([NewCall("a", "t", arguments, 100.0, None, CONNECTION)])
        ledger.bind([Binding(CONNECTION, "1", "a")])
        ledger.record([arrival("1", "result", {"content": [], "structuredContent": arguments})])
        [row] = ledger.rows()

    assert (row.arguments, row.structured) == (arguments, arguments)


OTHER = "b" * 32
KINDS: tuple[ArrivalKind, ...] = ("result", "error", "progress", "log")

anything = st.one_of(
    st.text(),
    st.sampled_from(["null", "[]", "{}", '"x"', "9" * 5_000, "[" * 5_000, '{"isError":true}']),
    st.dictionaries(
        st.sampled_from(["content", "code", "message", "progress", "total", "level", "data"]),
        st.none() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=2),
    ).map(json.dumps),
)


@st.composite
def strange(draw: st.DrawFn, *, connection_id: str, request_id: str | None = None) -> Arrival:
    """An arrival that no server of ours has sent."""
    return Arrival(
        connection_id,
        draw(st.text(max_size=8)) if request_id is None else request_id,
        draw(st.sampled_from(KINDS)),
        draw(anything),
        105.0,
        draw(st.integers(0, 10**9)),
        draw(st.none() | st.integers(0, 10**12)),
    )


@settings(deadline=None, max_examples=100)
@given(st.lists(strange(connection_id=OTHER), max_size=12), st.lists(anything, max_size=4))
def test_what_belongs_to_nobody_changes_no_call(others: list[Arrival], texts: list[str]) -> None:
    with Ledger.open(":memory:") as ledger:
        ledger.add([NewCall("a", "t", {}, 100.0, None, CONNECTION)])
        ledger.bind([Binding(CONNECTION, "1", "a")])
        before = ledger.rows()

        outcomes = ledger.record(others)
        ledger.refuse([Refused(CONNECTION, "1", text, "not signed", 105.0, 1) for text in texts])

        assert {recorded.outcome for recorded in outcomes} <= {Outcome.UNSOLICITED}
        assert ledger.rows() == before
        assert len(ledger.unsolicited()) == len(others) + len(texts)


@settings(deadline=None, max_examples=100)
@given(st.lists(strange(connection_id=CONNECTION, request_id="1"), min_size=1, max_size=12))
def test_whatever_is_said_of_a_call_it_ends_once_and_stays_ended(said: list[Arrival]) -> None:
    with Ledger.open(":memory:") as ledger:
        ledger.add([NewCall("a", "t", {}, 100.0, None, CONNECTION)])
        ledger.bind([Binding(CONNECTION, "1", "a")])
        outcomes: list[Outcome] = []
        rows: list[tuple[Status, str | None, str | None]] = []
        for one in said:
            outcomes += [recorded.outcome for recorded in ledger.record([one])]
            [row] = ledger.rows()
            if row.is_finished:
                rows.append((row.status, row.result_json, row.error_message))

    has_answer = any(one.kind in ("result", "error") for one in said)
    assert outcomes.count(Outcome.COMPLETED) == int(has_answer)
    assert len(set(rows)) <= 1

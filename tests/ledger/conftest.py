"""A ledger on disk, and a desk that plays submitter, publisher and poller to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncmcp_nb.ledger import (
    Arrival,
    ArrivalKind,
    Binding,
    CallRecord,
    Ledger,
    NewCall,
    Outcome,
    Sent,
)

CONNECTION = "c" * 32


def text_result(text: str, **more: Any) -> dict[str, Any]:
    """A tool's result with one text block."""
    return {"content": [{"type": "text", "text": text}], **more}


class Desk:
    """Drives one ledger; the request of a call is named like the call unless told otherwise."""

    connection = CONNECTION

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def submit(self, *call_ids: str, **fields: Any) -> None:
        """Add calls and bind each to a request of its own name."""
        values: dict[str, Any] = {"tool": "score", "arguments": {}, "submitted_at": 100.0}
        values |= {"group": None, "session": CONNECTION, **fields}
        self.ledger.add([NewCall(call_id=call_id, **values) for call_id in call_ids])
        self.ledger.bind([Binding(CONNECTION, call_id, call_id) for call_id in call_ids])

    def send(self, call_id: str, at: float = 101.0, request_bytes: int = 300) -> None:
        """Mark a call sent."""
        self.ledger.mark_sent([Sent(call_id, at, request_bytes)])

    def arrive(
        self, request_id: str, kind: ArrivalKind, payload: Any, **fields: Any
    ) -> tuple[Outcome, str | None]:
        """Record one arrival."""
        [recorded] = self.ledger.record([self.arrival(request_id, kind, payload, **fields)])
        return recorded.outcome, recorded.call_id

    def arrival(self, request_id: str, kind: ArrivalKind, payload: Any, **fields: Any) -> Arrival:
        """An arrival; a payload that is no text is written as JSON."""
        written = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        values: dict[str, Any] = {"connection_id": CONNECTION, "received_at": 105.0}
        values |= {"size_bytes": 400} | fields
        return Arrival(request_id=request_id, kind=kind, payload=written, **values)

    def answer(self, request_id: str, text: str = "ok", **fields: Any) -> Outcome:
        """Record a good result."""
        return self.arrive(request_id, "result", text_result(text), **fields)[0]

    def ask(self, request_id: str) -> Outcome:
        """Record a question."""
        question = {
            "resultType": "input_required",
            "requestState": "sealed",
            "inputRequests": {"name": {"method": "elicitation/create"}},
        }
        return self.arrive(request_id, "result", question)[0]

    def call(self, call_id: str) -> CallRecord:
        """The call's row, which is there."""
        record = self.ledger.get(call_id)
        assert record is not None
        return record


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "calls.sqlite") as opened:
        yield opened


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    return Desk(ledger)

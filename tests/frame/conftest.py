"""Records as a real ledger gives them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from asyncmcp_nb.ledger import Arrival, Binding, CallRecord, Ledger, NewCall, Status

SESSION = "5" * 32
START = 1_700_000_000.0


class Book:
    """A ledger in memory that makes one call after another."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @property
    def records(self) -> list[CallRecord]:
        """All calls, in the order of submission."""
        return self.ledger.rows()

    def submit(
        self,
        arguments: dict[str, Any] | None = None,
        *,
        tool: str = "score",
        group: str | None = None,
        sent: bool = True,
    ) -> str:
        """A call, submitted a second after the one before and sent 0.25 s later."""
        number = self.ledger.count()
        call_id = f"call{number}"
        at = START + number
        self.ledger.add([NewCall(call_id, tool, arguments or {}, at, group, SESSION)])
        self.ledger.bind([Binding(SESSION, call_id, call_id)])
        if sent:
            self.ledger.mark_sent([(call_id, at + 0.25, 300)])
        return call_id

    def answer(self, arguments: dict[str, Any] | None = None, **result: Any) -> str:
        """A call that was answered 2.5 s after its submission; ``text`` becomes a block."""
        tool = result.pop("tool", "score")
        call_id = self.submit(arguments, tool=tool)
        text = result.pop("text", None)
        blocks = [] if text is None else [{"type": "text", "text": text}]
        self._arrive(call_id, "result", {"content": blocks, **result})
        return call_id

    def structure(self, content: Any, arguments: dict[str, Any] | None = None) -> str:
        """A call answered with structured content, repeated as text as servers do."""
        return self.answer(arguments, text=json.dumps(content), structuredContent=content)

    def fail(self, message: str, arguments: dict[str, Any] | None = None) -> str:
        """A call that was answered with a JSON-RPC error."""
        call_id = self.submit(arguments)
        self._arrive(call_id, "error", {"code": -32000, "message": message})
        return call_id

    def progress(self, done: float, total: float, message: str) -> str:
        """A call that reported progress."""
        call_id = self.submit()
        params = {"progress": done, "total": total, "message": message}
        self._arrive(call_id, "progress", params)
        return call_id

    def cancel(self) -> str:
        """A call that was cancelled 3 s after its submission, before it was sent."""
        call_id = self.submit(sent=False)
        at = self.get(call_id).submitted_at + 3.0
        self.ledger.finish(call_id, Status.CANCELLED, at=at)
        return call_id

    def get(self, call_id: str) -> CallRecord:
        """The call's record, which is there."""
        record = self.ledger.get(call_id)
        assert record is not None
        return record

    def _arrive(self, call_id: str, kind: Any, payload: Any) -> None:
        at = self.get(call_id).submitted_at + 2.5
        text = json.dumps(payload)
        self.ledger.record([Arrival(SESSION, call_id, kind, text, at, len(text))])


@pytest.fixture
def book() -> Iterator[Book]:
    with Ledger.open(":memory:") as ledger:
        yield Book(ledger)

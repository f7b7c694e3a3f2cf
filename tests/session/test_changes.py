"""Readings of rows that threads tell of in another order than that in which they were made."""

from __future__ import annotations

from typing import Any

from asyncmcp_nb.ledger import Arrival, Binding, Ledger, NewCall, Status
from asyncmcp_nb.session.call import Call
from asyncmcp_nb.session.changes import Changed

CONNECTION = "c" * 32


def test_an_older_reading_that_is_told_later_changes_nothing() -> None:
    nobody: Any = None
    new = NewCall("a", "t", {}, 100.0, None, CONNECTION)
    call = Call(nobody, new)
    with Ledger.open(":memory:") as ledger:
        changed = Changed(ledger)
        ledger.add([new], [Binding(CONNECTION, "1", "a")])
        ledger.mark_sent([("a", 101.0, 10)])
        older = changed.read(["a"])
        progress = Arrival(CONNECTION, "1", "progress", '{"progress": 0.5, "total": 1}', 102.0, 10)
        ledger.record([progress])
        newer = changed.read(["a"])

    for changes in (newer, older):
        for record in changes.records:
            call.update(record, changes.number, [])

    assert [one.records[0].status for one in (older, newer)] == [Status.SENT, Status.RUNNING]
    assert call.status is Status.RUNNING

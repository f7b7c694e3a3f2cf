"""What is done with many calls at once: plain functions that take their time, for a thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from asyncmcp_nb.errors import AsyncMcpError
from asyncmcp_nb.printable import counted
from asyncmcp_nb.session import Call, CallFilter, Session
from asyncmcp_nb.ui.kit.jobs import Tell
from asyncmcp_nb.ui.still.tools import is_destructive

SELECTED_COUNT: Final = 10_000
"""Calls that can be selected at a time; our choice."""
CODE_COUNT: Final = 50
"""Calls that are shown as code at a time."""
_CHUNK_COUNT: Final = 100


def cancel_calls(session: Session, call_ids: Sequence[str], tell: Tell) -> str:
    """Give calls up; says how many, and how many had ended."""
    counts: Counter[bool] = Counter()
    for call in _calls(session, call_ids, doing="cancelling", tell=tell):
        counts[call.cancel()] += 1
    return _said(
        f"cancelled {counts[True]:,}",
        counts[False] and f"{counts[False]:,} had ended already",
        _left(call_ids, counts.total()),
    )


def retry_calls(session: Session, call_ids: Sequence[str], tell: Tell) -> str:
    """Submit calls again as new ones; says how many, and why some could not be."""
    count, refused, reason = 0, 0, ""
    for call in _calls(session, call_ids, doing="submitting again", tell=tell):
        try:
            call.retry()
            count += 1
        except AsyncMcpError as exc:
            if session.is_closed:
                raise
            refused, reason = refused + 1, reason or str(exc)
    return _said(
        f"submitted {count:,} again",
        refused and f"{refused:,} could not be: {reason}",
        _left(call_ids, count + refused),
    )


def destructive_tools(session: Session, call_ids: Sequence[str]) -> list[str]:
    """Which tools of these calls destroy something, as their server says."""
    dangerous = {tool.name for tool in session.tools or () if is_destructive(tool)}
    if not dangerous:
        return []
    return sorted({call.tool for call in session.get_many(call_ids)} & dangerous)


def export_calls(
    session: Session, path: Path, *, chosen: CallFilter, is_redacted: bool
) -> Callable[[Tell], str]:
    """Write calls to a file; says which."""

    def work(tell: Tell) -> str:
        tell(f"writing {path.name}…")
        count = session.log.ledger.count(chosen)
        written = session.log.export(path, redact=is_redacted or None, chosen=chosen)
        hidden = ", without arguments and answers" if is_redacted else ""
        return f"wrote {counted(count, 'call')} to {written}{hidden}"

    return work


def _calls(session: Session, call_ids: Sequence[str], *, doing: str, tell: Tell) -> Iterator[Call]:
    for start in range(0, len(call_ids), _CHUNK_COUNT):
        if session.is_closed:
            return
        if len(call_ids) > _CHUNK_COUNT:
            tell(f"{doing}: {start:,} of {len(call_ids):,}")
        yield from session.get_many(call_ids[start : start + _CHUNK_COUNT])


def _left(call_ids: Sequence[str], count: int) -> str:
    left = len(call_ids) - count
    return f"{left:,} left as they were" if left > 0 else ""


def _said(*parts: str | int) -> str:
    return ", ".join(str(part) for part in parts if part)

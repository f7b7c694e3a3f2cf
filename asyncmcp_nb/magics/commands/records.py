"""``log``, ``wait``, ``cancel``, ``retry``: calls of this kernel, and of those before."""

from __future__ import annotations

import contextlib
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio
from pydantic import ValidationError

from asyncmcp_nb.errors import AsyncMcpError, CallTimedOut
from asyncmcp_nb.ledger import STATUSES
from asyncmcp_nb.magics.commands.exporting import GROUP, STATUS, TOOL, chosen_calls
from asyncmcp_nb.magics.consent import YES, require_consent
from asyncmcp_nb.magics.context import Command, Context
from asyncmcp_nb.magics.errors import MagicUsageError, nearest
from asyncmcp_nb.magics.interrupting import call_goes_on, until_interrupted
from asyncmcp_nb.magics.parser import OUTPUT, Grammar, Option
from asyncmcp_nb.session import Call, Session
from asyncmcp_nb.session.tally import Tally

if TYPE_CHECKING:
    import pandas as pd


def _log(context: Context) -> pd.DataFrame:
    return context.session.log.frame(chosen_calls(context))


async def _wait(context: Context) -> None:
    session = context.session
    words = [str(word) for word in context.given.rest]
    calls = _calls(session, words) if words else _outstanding(session)
    seconds = context.given.number("--timeout")

    watched = calls[0].watched(Tally(calls, name="calls")) if calls else nullcontext()
    with watched, anyio.move_on_after(seconds):
        await until_interrupted(_ended(calls), lambda: _going_on(calls))
    left = sum(not call.is_done for call in calls)
    if left:
        raise CallTimedOut(
            f"{left:,} of {len(calls):,} calls have not ended after {seconds:g} s; they go on"
        )
    print(_summary(calls))


def _going_on(calls: list[Call]) -> str:
    left = [call for call in calls if not call.is_done]
    if len(left) == 1:
        return call_goes_on(left[0])
    return (
        f"{len(left):,} of {len(calls):,} calls go on: `%mcp wait` waits again, "
        "`%mcp cancel ID ...` gives some up, `%mcp cancel all` all"
    )


async def _ended(calls: list[Call]) -> None:
    for call in calls:
        if not call.is_done:
            with contextlib.suppress(AsyncMcpError, ValidationError):  # its status says it
                await call


def _cancel(context: Context) -> None:
    session = context.session
    words = [str(word) for word in context.given.rest]
    if not words:
        raise MagicUsageError(f"name a call, or `all`; usage: {CANCEL.usage()}")
    calls = _outstanding(session) if words == ["all"] else _calls(session, words)
    count = sum(call.cancel() for call in calls)
    ended = len(calls) - count
    over = f"; {ended:,} had ended already" if ended else ""
    print(f"{count:,} call{'' if count == 1 else 's'} cancelled{over}")


def _retry(context: Context) -> Call:
    call = _calls(context.session, [context.given.words["ID"]])[0]
    require_consent(context, context.session.tool(call.tool))
    return call.retry()


def _outstanding(session: Session) -> list[Call]:
    records = session.log.ledger.outstanding()
    return session.get_many([record.call_id for record in records])


def _calls(session: Session, call_ids: list[str]) -> list[Call]:
    calls = session.get_many(call_ids)
    if len(calls) < len(call_ids):
        missing = next(iter(set(call_ids) - {call.id for call in calls}))
        rows = session.log.ledger.rows(order_by="position", descending=True, limit=200)
        near = nearest(missing, [row.call_id for row in rows])
        hint = near if "did you mean" in near else "; `%mcp log` lists them"
        raise MagicUsageError(f"no call {missing!r}{hint}")
    return calls


def _summary(calls: list[Call]) -> str:
    if not calls:
        return "no call is outstanding"
    counts = Counter(call.status for call in calls)
    parts = ", ".join(f"{counts[s]:,} {s.value}" for s in STATUSES if counts[s])
    return f"{len(calls):,} call{'' if len(calls) == 1 else 's'} ended: {parts}"


LOG = Command(
    name="log",
    summary="every call of this name as a DataFrame, outstanding ones and earlier kernels' too",
    run=_log,
    grammar=Grammar(options=(STATUS, TOOL, GROUP, OUTPUT)),
)
WAIT = Command(
    name="wait",
    summary="wait for calls to end; for all that are out by default",
    run=_wait,
    grammar=Grammar(rest="[ID ...]", options=(Option("--timeout", "SECONDS"),)),
)
CANCEL = Command(
    name="cancel",
    summary="give calls up and tell the workers that run them",
    run=_cancel,
    grammar=Grammar(rest="ID ... | all"),
)
RETRY = Command(
    name="retry",
    summary="submit a call again as a new one",
    run=_retry,
    grammar=Grammar(required=("ID",), options=(YES, OUTPUT)),
    needs_tools=True,
)

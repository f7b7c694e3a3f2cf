"""Streams that ``subscriptions/listen`` opens: how long they last, and how a worker ends one."""

from __future__ import annotations

from typing import Final

from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import JSONRPCResponse, SubscriptionsListenResult

from asyncmcp_nb.sns_sqs.addressing import LISTEN
from asyncmcp_nb.sns_sqs.work import Work
from asyncmcp_nb.wire.meta import deadline_of

LONGEST_SECONDS: Final = 86_400.0
"""How old a stream may grow. One of a client that was killed ends in no other way, and the SDK
serves 1,024 at a time; one that is there begins another. Our choice: ten AWS requests a day."""


def due_of(work: Work) -> float | None:
    """Unix seconds at which a request is given up; None where that is never."""
    deadline = deadline_of(work.request.params)
    if work.request.method != LISTEN:
        return deadline
    oldest = work.taken_at + LONGEST_SECONDS
    return oldest if deadline is None else min(deadline, oldest)


def end_stream(work: Work) -> None:
    """Give a stream the answer that ends it in good order, so that its client listens elsewhere.

    Nobody else can: its message was acknowledged when it began. To any other request this does
    nothing.
    """
    if not work.detached:
        return
    result = SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: work.request.id})
    said = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    work.answer(JSONRPCResponse(jsonrpc="2.0", id=work.request.id, result=said))

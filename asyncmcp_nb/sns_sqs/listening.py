"""Streams that ``subscriptions/listen`` opens, when the worker that serves them stops."""

from __future__ import annotations

from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import JSONRPCResponse, SubscriptionsListenResult

from asyncmcp_nb.sns_sqs.work import Work


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

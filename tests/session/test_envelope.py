from __future__ import annotations

from mcp.shared.inbound import InboundModernRoute, classify_inbound_request

from asyncmcp_nb.session.envelope import Reply, Stamp, call_request, is_call_request, request_id
from asyncmcp_nb.wire.meta import deadline_of

MODERN = Stamp(era="2026-07-28", client_info={"name": "t", "version": "1"}, log_level="info")


def test_a_2026_request_passes_the_sdks_own_ladder() -> None:
    request = call_request("call-1", "add", {"a": 1}, stamp=MODERN)

    route = classify_inbound_request({"method": request.method, "params": request.params})

    assert isinstance(route, InboundModernRoute)
    assert route.client_info == {"name": "t", "version": "1"}


def test_a_2025_request_has_no_envelope_but_a_progress_token() -> None:
    request = call_request("call-1", "add", {"a": 1}, stamp=Stamp(era="2025-11-25"))

    assert request.params == {
        "name": "add",
        "arguments": {"a": 1},
        "_meta": {"progressToken": "call-1"},
    }


def test_the_deadline_travels() -> None:
    request = call_request("call-1", "add", {}, stamp=MODERN, deadline=1_800_000_000.25)

    assert deadline_of(request.params) == 1_800_000_000.25


def test_a_reply_goes_beside_the_arguments_with_the_state_as_it_came() -> None:
    reply = Reply({"q": {"action": "accept"}}, "opaque ✓")

    params = call_request("call-2", "add", {}, stamp=MODERN, reply=reply).params or {}

    assert params["inputResponses"] == {"q": {"action": "accept"}}
    assert params["requestState"] == "opaque ✓"


def test_our_ids_are_told_from_the_sdks() -> None:
    assert is_call_request(request_id(7))
    assert not any(is_call_request(other) for other in (None, "7", "listen-1"))
